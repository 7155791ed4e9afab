import { DatabaseSync } from 'node:sqlite';
import { copyToMemory, migrateSqlite, vacuum } from './sqlite.ts';
import { isCorruption, isOutage } from './sqlite-errors.ts';
import type { StorageEngine } from './storage-engine.ts';

/**
 * A database in memory, for as long as the configured one is unavailable. It starts with the content of the file at
 * `copyFrom` if that can be read: known problems, log positions and budgets stay known. Pending alerts stay in the file
 * alone: sent from memory, they would be sent again later.
 */
export async function openMemory(options: {
  readonly problem: string;
  readonly copyFrom?: string;
  now(): number;
}): Promise<StorageEngine> {
  const copy = options.copyFrom === undefined ? undefined : copyToMemory(options.copyFrom);
  const { sqlite, db } = (copy && (await openCopy(copy, options.now))) ?? (await openEmpty(options.now));
  return {
    db,
    inMemory: true,
    problem: () => options.problem,
    isOutage,
    isDamage: isCorruption,
    reclaimSpace: (signal) => vacuum(sqlite, signal),
    close: () => db.destroy(),
  };
}

/** Undefined if the file was damaged. */
async function openCopy(sqlite: DatabaseSync, now: () => number) {
  try {
    const db = await migrateSqlite(sqlite, now);
    await db.deleteFrom('outbox').where('state', '=', 'pending').execute();
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
