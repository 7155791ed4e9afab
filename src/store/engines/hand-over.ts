/** An agent comes to the shared database, perhaps with what it has recorded without it. */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import { createMetadata } from '../metadata.ts';
import type { Database } from '../schema/tables.ts';
import { COUNTED_TABLES } from './copied-tables.ts';
import { copyRows } from './copy-rows.ts';
import { isPostgresOutage } from './postgres.ts';
import type { Standby } from './standby.ts';

/** Names the last agent that had the agent's name: the token of its standby file. */
const HELD_BY = 'held_by';
/** The revision of the file that was copied last. */
const HANDED_OVER = 'handed_over';

/**
 * Copies what is only in the standby file, and notes who has the agent's name. The connection of `db` must hold the lock on
 * it. `standby`: absent if the file cannot be opened. If another agent has had the name since the file was used, only what
 * counts toward limits is copied, and the file is kept under another name. Returns what people must know about that.
 * Rejects if the database cannot be used; then the file is as before.
 */
export async function handOver(
  standby: Standby | undefined,
  db: Database,
  { agent, logger }: { readonly agent: string; readonly logger: Logger },
): Promise<string | undefined> {
  const notes = createMetadata({ db, agent, isShared: true });
  const holder = await notes.get(HELD_BY);
  let report: string | undefined;
  const since = standby?.usedSince();
  if (standby !== undefined && since !== undefined) {
    const isOther = holder !== undefined && holder !== standby.token();
    const why = isOther
      ? `another agent has used the name "${agent}" meanwhile, or this one without the file`
      : await copyFile(standby, db, agent);
    if (why === undefined) {
      const isNoted = await standby.handedOver();
      logger.info('what was recorded without the database was copied to it', { since: iso(since) });
      // Nobody has the name with this file, so its older rows are not copied again over newer ones.
      if (!isNoted) standby = undefined;
    } else {
      await copyRows(standby.db(), db, agent, { only: COUNTED_TABLES }).catch((error: unknown) => {
        if (isPostgresOutage(error)) throw error;
      });
      const keptIn = await standby.setAside(isOther ? 'refused' : 'unreadable');
      logger.error('what was recorded without the database was not copied to it', { why, kept_in: keptIn });
      report =
        `What this agent recorded without the database since ${iso(since)} was not copied to it: ${why}. ` +
        `It is kept in ${keptIn}. Its restarts and questions count toward the limits.`;
    }
  }
  // Without a file, too, others must see that the agent has had the name.
  await notes.set(HELD_BY, standby?.token() ?? randomUUID());
  return report;
}

/** Returns why the file cannot be copied. Rejects if the database cannot be used. */
async function copyFile(standby: Standby, db: Database, agent: string): Promise<string | undefined> {
  const handedOver = await createMetadata({ db, agent, isShared: true }).get(HANDED_OVER);
  // The agent was killed just after the last copy.
  if (handedOver !== undefined && handedOver === standby.revision()) return undefined;
  try {
    // Not on a full disk, which can be read.
    const revision = await standby.renewRevision().catch(() => randomUUID());
    await copyRows(standby.db(), db, agent, {
      notes: true,
      finish: (trx) => createMetadata({ db: trx, agent, isShared: true }).set(HANDED_OVER, revision),
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
