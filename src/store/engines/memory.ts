import { DatabaseSync } from 'node:sqlite';
import { assignReceiver } from '../schema/assign-receiver.ts';
import { copyToMemory, migrateSqlite, vacuum } from './sqlite.ts';
import { isCorruption, isOutage } from './sqlite-errors.ts';
import { FILE_AGENT, type StorageEngine } from './storage-engine.ts';

interface FileToCopy {
  readonly path: string;
  readonly defaultReceiver?: string;
}

/**
 * Opens a database in memory, to be used while the configured one is unavailable. It starts with the content of the
 * file at `copyFrom.path` if that can be read, so that known problems, log positions and budgets are kept. Pending
 * alerts are not copied: they would be sent from memory now and from the file later.
 */
export async function openMemory(options: {
  readonly problem: string;
  readonly copyFrom?: FileToCopy;
  now(): number;
}): Promise<StorageEngine> {
  const { copyFrom, now } = options;
  const { sqlite, db } = (copyFrom && (await openCopy(copyFrom, now))) ?? (await openEmpty(now));
  return {
    db,
    kind: 'memory',
    problem: () => options.problem,
    isOutage,
    isDamage: isCorruption,
    reclaimSpace: (signal) => vacuum(sqlite, signal),
    close: () => db.destroy(),
  };
}

/** Undefined if the file is damaged or cannot be read. */
async function openCopy({ path, defaultReceiver }: FileToCopy, now: () => number) {
  const sqlite = copyToMemory(path);
  if (sqlite === undefined) return undefined;
  try {
    const db = await migrateSqlite(sqlite, now);
    await db.deleteFrom('outbox').where('state', '=', 'pending').execute();
    // The file gets the same receiver when it is opened again. Rows must have the same keys in both.
    if (defaultReceiver !== undefined) await assignReceiver(db, FILE_AGENT, defaultReceiver);
    return { sqlite, db };
  } catch (error) {
    if (!isOutage(error)) throw error;
    return undefined;
  }
}

async function openEmpty(now: () => number) {
  const sqlite = new DatabaseSync(':memory:');
  return { sqlite, db: await migrateSqlite(sqlite, now) };
}
