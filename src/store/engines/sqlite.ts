import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Kysely } from 'kysely';
import { migrate } from '../schema/migrate.ts';
import type { Database, Schema } from '../schema/tables.ts';
import { nodeSqliteDialect } from './sqlite-dialect.ts';
import { corruptionError } from './sqlite-errors.ts';

/**
 * Another reader of the file (`sqlite3`, a backup) may hold a lock for a moment. Waiting blocks the event loop, so the
 * timeout is short.
 */
const BUSY_TIMEOUT_MS = 1_000;

/** SQLite truncates the write-ahead log once it is larger than this. */
const WAL_SIZE_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Opens or creates a database. Throws SQLite's error. Reads every page once, so that damage is found now and not during
 * an incident.
 *
 * `synchronous = FULL`: a commit is on disk when it returns, not only in the page cache. See
 * docs/decisions/0001-store-sqlite.md.
 */
export function openSqlite(path: string, busyTimeoutMs = BUSY_TIMEOUT_MS): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  try {
    // This must come first, because it only has an effect in an empty file.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA journal_size_limit = ${WAL_SIZE_LIMIT_BYTES}`);
    const check = database.prepare('PRAGMA quick_check(1)').get();
    const result = check?.quick_check;
    if (result !== 'ok') throw corruptionError(String(result));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Brings the schema up to date. Closes `sqlite` if that fails. */
export async function migrateSqlite(sqlite: DatabaseSync, now: () => number): Promise<Database> {
  const db = connectSqlite(sqlite);
  try {
    await migrate(db as Kysely<unknown>, now);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

export function connectSqlite(sqlite: DatabaseSync): Database {
  return new Kysely<Schema>({ dialect: nodeSqliteDialect(sqlite) });
}

/** Copies the file at `path` to a database in memory, without writing the file. Undefined if it cannot be read. */
export function copyToMemory(path: string): DatabaseSync | undefined {
  const image = readImage(path);
  if (image === undefined) return undefined;
  // The read and write versions in the file header. A database in memory supports 1 (rollback journal) but not 2 (WAL).
  image[18] = 1;
  image[19] = 1;
  const memory = new DatabaseSync(':memory:');
  try {
    memory.deserialize(image);
    return memory;
  } catch {
    memory.close();
    return undefined;
  }
}

function readImage(path: string): Uint8Array | undefined {
  if (!existsSync(path)) return undefined;
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  // To read a WAL database, SQLite creates another file, which fails on a disk that is full or read-only. If the
  // write-ahead log is missing or empty, the file is the whole database and can be read as immutable.
  const modes = log === undefined || log.size === 0 ? ['mode=ro', 'immutable=1'] : ['mode=ro'];
  for (const mode of modes) {
    let file: DatabaseSync | undefined;
    try {
      file = new DatabaseSync(new URL(`?${mode}`, pathToFileURL(path)), { readOnly: true });
      return file.serialize();
    } catch {
      // Try the next mode. If there is none, the caller starts with an empty database and has already logged why.
    } finally {
      file?.close();
    }
  }
  return undefined;
}

/** Pages of 4 KB per step. A step takes a few milliseconds. */
const VACUUM_PAGES = 500;

/** Returns the space of deleted rows to the disk in steps, and lets the event loop run between them. */
export async function vacuum(database: DatabaseSync, signal?: AbortSignal): Promise<void> {
  const freePages = () => Number(database.prepare('PRAGMA freelist_count').get()?.freelist_count ?? 0);
  let free = freePages();
  let freeBefore = Number.POSITIVE_INFINITY;
  while (free > 0 && free < freeBefore && !signal?.aborted) {
    database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    freeBefore = free;
    free = freePages();
    await nextTurn();
  }
  database.exec('PRAGMA optimize');
}
