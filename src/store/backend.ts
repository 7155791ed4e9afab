/**
 * What the store stands on: a SQLite file in DATA_DIR, or memory where that cannot be used.
 */
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Logger } from '../pipeline/ports.ts';
import {
  databasePath,
  ensureDatabaseFile,
  ensureDirectory,
  fileIdentity,
  lockDirectory,
  setAside,
} from './directory.ts';
import { migrate } from './migrate.ts';
import { createNotes } from './notes.ts';
import type { Database, Schema } from './schema.ts';
import { copyToMemory, isCorruption, isOutage, nodeSqliteDialect, openSqlite } from './sqlite.ts';

export interface Backend {
  readonly db: Database;
  /** Why what is written is not durable, or what is read not all there was; undefined where all is well. */
  problem(now: number): string | undefined;
  /** Whether `error` says that the place cannot be read or written, rather than that we made a mistake. */
  isOutage(error: unknown): boolean;
  /** Gives back the space of deleted rows. */
  tidy(): void;
  close(): Promise<void>;
}

interface BackendOptions {
  readonly dataDir: string;
  now(): number;
  readonly logger: Logger;
}

/** Throws a StoreError `locked` or `newer_schema`; where the directory cannot be used, it is memory. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { dataDir, now, logger } = options;
  try {
    return await openFile(options);
  } catch (error) {
    if (!isOutage(error) && !isFileSystemError(error)) throw error;
    const problem = `DATA_DIR ${dataDir} cannot be used: ${messageOf(error)}`;
    logger.error('the store is kept in memory: nothing is remembered across a restart, and no container is restarted', {
      problem,
    });
    return openMemory(dataDir, problem, now);
  }
}

/** Restart limits look back one hour; after that nothing that a lost file held can count toward them. */
const LIMITS_UNKNOWN_FOR_MS = 60 * 60 * 1000;

async function openFile({ dataDir, now, logger }: BackendOptions): Promise<Backend> {
  ensureDirectory(dataDir);
  const lock = lockDirectory(dataDir);
  let db: Database | undefined;
  try {
    const { sqlite, path, damage } = openOrReplace(dataDir, now);
    db = await connect(sqlite, now);
    const notes = createNotes(db);
    if (damage !== undefined) {
      await notes.set('limits_unknown_until', String(now() + LIMITS_UNKNOWN_FOR_MS));
      logger.error('the store was damaged: it is set aside, a new one begun, and no container restarted for an hour', {
        ...damage,
      });
    }
    // Reading works on a full disk too: only a write shows that the store can be relied on.
    await notes.set('opened_at', String(now()));
    const limitsUnknownUntil = Number((await notes.get('limits_unknown_until')) ?? 0);
    const identity = fileIdentity(path);

    const opened = db;
    return {
      db: opened,
      problem(time) {
        if (fileIdentity(path) !== identity) return `${path} was removed or replaced: start the agent again`;
        if (time >= limitsUnknownUntil) return undefined;
        const until = new Date(limitsUnknownUntil).toISOString();
        return `the store was damaged and begun anew: what was restarted lately is not known until ${until}`;
      },
      isOutage,
      tidy: () => tidy(sqlite),
      async close() {
        await opened.destroy();
        lock.release();
      },
    };
  } catch (error) {
    await db?.destroy();
    lock.release();
    throw error;
  }
}

/**
 * Begins with what the file holds where that can be read: known problems cost nothing again, cursors and budgets
 * stand where they stood. Alerts still pending wait in the file: sent from here they would be sent twice.
 */
async function openMemory(dataDir: string, problem: string, now: () => number): Promise<Backend> {
  const copy = copyToMemory(databasePath(dataDir));
  const { sqlite, db } = (copy && (await connectCopy(copy, now))) ?? (await connectEmpty(now));
  return {
    db,
    problem: () => problem,
    isOutage,
    tidy: () => tidy(sqlite),
    close: () => db.destroy(),
  };
}

async function connectCopy(sqlite: DatabaseSync, now: () => number) {
  try {
    const db = await connect(sqlite, now);
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
  return { sqlite, db: await connect(sqlite, now) };
}

/** A damaged file makes way for a new one. */
function openOrReplace(dataDir: string, now: () => number) {
  const path = ensureDatabaseFile(dataDir);
  try {
    return { sqlite: openSqlite(path), path };
  } catch (error) {
    if (!isCorruption(error)) throw error;
    const aside = setAside(path, now());
    return {
      sqlite: openSqlite(ensureDatabaseFile(dataDir)),
      path,
      damage: { setAside: aside, problem: messageOf(error) },
    };
  }
}

async function connect(sqlite: DatabaseSync, now: () => number): Promise<Database> {
  const db = new Kysely<Schema>({ dialect: nodeSqliteDialect(sqlite) });
  try {
    await migrate(db as Kysely<unknown>, now);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Pages of 4 KB given back at once: a few milliseconds. */
const VACUUM_PAGES = 2_000;

function tidy(sqlite: DatabaseSync): void {
  sqlite.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  sqlite.exec('PRAGMA optimize');
}

function isFileSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
