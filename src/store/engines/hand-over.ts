/** An agent connects to the shared database, and copies to it what it has recorded without it. */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import { createMetadata } from '../metadata.ts';
import type { Database } from '../schema/tables.ts';
import { COUNTED_TABLES } from './copied-tables.ts';
import { copyRows } from './copy-rows.ts';
import { isPostgresOutage } from './postgres.ts';
import type { Standby } from './standby.ts';

/** The token of the standby file that follows the database. Another value: that of another agent, or of none. */
const HELD_BY = 'held_by';
/** The revision of the file that was copied last. */
const HANDED_OVER = 'handed_over';

const notesIn = (db: Database, agent: string) => createMetadata({ db, agent, isShared: true });

/** The standby file has what the database has, and follows it from now on. */
export async function noteFollower(standby: Standby, db: Database, agent: string): Promise<void> {
  const token = standby.token();
  if (token !== undefined) await notesIn(db, agent).set(HELD_BY, token);
}

/**
 * Copies what is only in the standby file. The connection of `db` must hold the lock on the agent's name. `standby`: absent
 * if the file cannot be opened. If the name has been used without the file since, only what counts toward limits is copied,
 * and the file is kept under another name. `isStale`: it has. Returns what people must know about that. Rejects if the
 * database cannot be used; then the file is as before.
 */
export async function handOver(
  standby: Standby | undefined,
  db: Database,
  { agent, logger, isStale = false }: { readonly agent: string; readonly logger: Logger; readonly isStale?: boolean },
): Promise<string | undefined> {
  const notes = notesIn(db, agent);
  const holder = await notes.get(HELD_BY);
  const token = standby?.token();
  const since = standby?.usedSince();
  if (standby === undefined || since === undefined) {
    // From now on, files from before are older than the database; this one until it is copied from there.
    if (token === undefined || holder !== token) await notes.set(HELD_BY, randomUUID());
    return undefined;
  }
  const isOlder = isStale || (holder !== undefined && holder !== token);
  const why = isOlder
    ? `another agent has used the name "${agent}" meanwhile, or this one without the file`
    : await copyFile(standby, db, agent);
  if (why === undefined) {
    const isNoted = await standby.handedOver();
    if (!isNoted) await notes.set(HELD_BY, randomUUID()).catch(() => undefined);
    logger.info('what was recorded without the database was copied to it', { since: iso(since) });
    return undefined;
  }
  const noteOther = (trx: Database) => notesIn(trx, agent).set(HELD_BY, randomUUID());
  await copyRows(standby.db(), db, agent, { only: COUNTED_TABLES, finish: noteOther }).catch((error: unknown) => {
    if (isPostgresOutage(error)) throw error;
    return noteOther(db);
  });
  // Nothing may fail after this.
  const keptIn = await standby.setAside(isOlder ? 'refused' : 'unreadable');
  logger.error('what was recorded without the database was not copied to it', { why, kept_in: keptIn });
  return (
    `What this agent recorded without the database since ${iso(since)} was not copied to it: ${why}. ` +
    `It is kept in ${keptIn}. Its restarts and questions count toward the limits.`
  );
}

/** Returns why the file cannot be copied. Rejects if the database cannot be used. */
async function copyFile(standby: Standby, db: Database, agent: string): Promise<string | undefined> {
  const handedOver = await notesIn(db, agent).get(HANDED_OVER);
  // The agent was killed just after the last copy.
  if (handedOver !== undefined && handedOver === standby.revision()) return undefined;
  try {
    // Not on a full disk, which can be read.
    const revision = await standby.renewRevision().catch(() => randomUUID());
    await copyRows(standby.db(), db, agent, {
      notes: true,
      finish: (trx) => notesIn(trx, agent).set(HANDED_OVER, revision),
    });
    return undefined;
  } catch (error) {
    if (!isPostgresOutage(error)) return messageOf(error);
    // The commit may have succeeded. The agent goes on with the file, so there will be more to copy.
    await standby.renewRevision().catch(() => undefined);
    throw error;
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
