/**
 * SQLite through Node's own `node:sqlite`: the dialect shim for Kysely, and opening a file as we want it.
 */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { SqliteDialect } from 'kysely';

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const CODE = {
  error: 1,
  busy: 5,
  corrupt: 11,
  constraint: 19,
  mismatch: 20,
  misuse: 21,
  range: 25,
  notADatabase: 26,
} as const;

/** These say that our SQL or our values are wrong, not that the file or the disk is. */
const OUR_MISTAKES: ReadonlySet<number> = new Set([
  CODE.error,
  CODE.constraint,
  CODE.mismatch,
  CODE.misuse,
  CODE.range,
]);

/** The primary code; undefined where `error` is not SQLite's. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** The file cannot be read or written: disk full, no permission, I/O error, damage. */
export function isOutage(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== undefined && !OUR_MISTAKES.has(code);
}

export function isCorruption(error: unknown): boolean {
  const code = primaryCode(error);
  return code === CODE.corrupt || code === CODE.notADatabase;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === CODE.busy;
}

/**
 * A reader of the same file (a person with `sqlite3`, a backup) may hold a lock for a moment. Waiting blocks the
 * event loop, so not for long.
 */
const BUSY_TIMEOUT_MS = 1_000;

/** Keeps the write-ahead log from staying as large as it once was. */
const WAL_SIZE_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Opens (or creates) a database as the store wants it. Throws SQLite's error; damage is found here, by reading every
 * page once, rather than in the middle of an incident.
 *
 * `synchronous = FULL`: a commit in WAL mode is on the disk, not only in the page cache, when it returns. See
 * docs/decisions/0001-store-sqlite.md.
 */
export function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // Before anything is written: it only takes effect on an empty file.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA journal_size_limit = ${WAL_SIZE_LIMIT_BYTES}`);
    const check = database.prepare('PRAGMA quick_check(1)').get();
    const verdict = check?.quick_check;
    if (verdict !== 'ok') throw corruption(String(verdict));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A database in memory with what the file at `path` holds, for a disk that can be read but not written. Undefined
 * where it cannot be read either.
 */
export function copyToMemory(path: string): DatabaseSync | undefined {
  const image = readImage(path);
  if (image === undefined) return undefined;
  // The file format's "read version" and "write version": 2 is WAL, which memory cannot do; 1 is the other one.
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
  // Reading a WAL database wants a file beside it, which a disk that is read-only or full refuses. Where no log is
  // left behind, the file alone is the whole database and may be read as one that nobody changes.
  const ways = log === undefined || log.size === 0 ? ['mode=ro', 'immutable=1'] : ['mode=ro'];
  for (const way of ways) {
    let file: DatabaseSync | undefined;
    try {
      file = new DatabaseSync(new URL(`?${way}`, pathToFileURL(path)), { readOnly: true });
      return file.serialize();
    } catch {
      // The next way, or none: the caller starts with an empty one and has already said why.
    } finally {
      file?.close();
    }
  }
  return undefined;
}

function corruption(detail: string): Error {
  return Object.assign(new Error(detail), { errcode: CODE.corrupt });
}

/** Pages of 4 KB given back at once: a few milliseconds. */
const VACUUM_PAGES = 500;

/** Gives the space of deleted rows back to the disk, a step at a time; others have their turn in between. */
export async function vacuum(database: DatabaseSync, signal?: AbortSignal): Promise<void> {
  const freePages = () => Number(database.prepare('PRAGMA freelist_count').get()?.freelist_count ?? 0);
  for (let free = freePages(), before = Number.POSITIVE_INFINITY; free > 0 && free < before && !signal?.aborted; ) {
    database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    before = free;
    free = freePages();
    await nextTurn();
  }
  database.exec('PRAGMA optimize');
}

/** Statements differ by table and by how many rows a batch holds; this is several times what we use. */
const STATEMENT_CACHE_SIZE = 200;

/** Kysely wants what better-sqlite3 looks like; this is the part of it that it calls. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const statements = new Map<string, StatementSync>();

  function prepared(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known !== undefined) {
      // Moved to the young end: the map is in order of last use.
      statements.delete(sql);
      statements.set(sql, known);
      return known;
    }
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    if (statements.size > STATEMENT_CACHE_SIZE) {
      const oldest = statements.keys().next();
      if (!oldest.done) statements.delete(oldest.value);
    }
    return statement;
  }

  return new SqliteDialect({
    database: {
      close: () => {
        statements.clear();
        database.close();
      },
      prepare: (sql) => {
        // SQLite has already rolled back after "disk full" and I/O errors; a second rollback would fail and hide why.
        if (sql === 'rollback' && !database.isTransaction) return NOTHING;
        const statement = prepared(sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
          run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
          iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
        };
      },
    },
  });
}

const NOTHING = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};
