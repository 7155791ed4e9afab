/** Where the store lives while its place cannot be used. */
import { DatabaseSync } from 'node:sqlite';
import type { Backend } from './backend.ts';
import { connectSqlite } from './file.ts';
import { copyToMemory, isCorruption, isOutage, vacuum } from './sqlite.ts';

/**
 * Begins with what the file at `copyFrom` holds where that can be read: known problems cost nothing again, cursors and
 * budgets stand where they stood. Alerts still pending wait in the file: sent from here they would be sent twice.
 */
export async function openMemory(options: {
  readonly problem: string;
  readonly copyFrom?: string;
  now(): number;
}): Promise<Backend> {
  const copy = options.copyFrom === undefined ? undefined : copyToMemory(options.copyFrom);
  const { sqlite, db } = (copy && (await connectCopy(copy, options.now))) ?? (await connectEmpty(options.now));
  return {
    db,
    inMemory: true,
    problem: () => options.problem,
    isOutage,
    isDamage: isCorruption,
    tidy: () => vacuum(sqlite),
    close: () => db.destroy(),
  };
}

async function connectCopy(sqlite: DatabaseSync, now: () => number) {
  try {
    const db = await connectSqlite(sqlite, now);
    await db.deleteFrom('outbox').where('state', '=', 'pending').execute();
    return { sqlite, db };
  } catch (error) {
    // Damaged, on a disk where it could not be set aside.
    if (!isOutage(error)) throw error;
    return undefined;
  }
}

async function connectEmpty(now: () => number) {
  const sqlite = new DatabaseSync(':memory:');
  return { sqlite, db: await connectSqlite(sqlite, now) };
}
