/** A SQLite file in DATA_DIR, which belongs to one agent. */
import { Kysely } from 'kysely';
import type { Logger } from '../lib/log.ts';
import type { Backend } from './backend.ts';
import { ensureDatabaseFile, ensureDirectory, fileIdentity, lockDirectory, setAside } from './directory.ts';
import { migrate } from './migrate.ts';
import { createNotes } from './notes.ts';
import { THE_FILES_AGENT } from './place.ts';
import type { Database, Schema } from './schema.ts';
import { isCorruption, isOutage, nodeSqliteDialect, openSqlite, vacuum } from './sqlite.ts';

/** Restart limits look back one hour; after that nothing that a lost file held can count toward them. */
const LIMITS_UNKNOWN_FOR_MS = 60 * 60 * 1000;

interface FileOptions {
  readonly dataDir: string;
  now(): number;
  readonly logger: Logger;
}

/** Throws a StoreError `locked` or `newer_schema`, or an error that `isFileOutage` knows. */
export async function openFile({ dataDir, now, logger }: FileOptions): Promise<Backend> {
  ensureDirectory(dataDir);
  const lock = lockDirectory(dataDir);
  let db: Database | undefined;
  try {
    const { sqlite, path, damage } = openOrReplace(dataDir, now);
    db = await connectSqlite(sqlite, now);
    const notes = createNotes({ db, agent: THE_FILES_AGENT });
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
      inMemory: false,
      problem(time) {
        if (fileIdentity(path) !== identity) return `${path} was removed or replaced: start the agent again`;
        if (time >= limitsUnknownUntil) return undefined;
        const until = new Date(limitsUnknownUntil).toISOString();
        return `the store was damaged and begun anew: what was restarted lately is not known until ${until}`;
      },
      isOutage,
      isDamage: isCorruption,
      tidy: () => vacuum(sqlite),
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

/** The directory, the file or the disk cannot be used. */
export function isFileOutage(error: unknown): boolean {
  return isOutage(error) || (error instanceof Error && 'syscall' in error);
}

export async function connectSqlite(
  sqlite: Parameters<typeof nodeSqliteDialect>[0],
  now: () => number,
): Promise<Database> {
  const db = new Kysely<Schema>({ dialect: nodeSqliteDialect(sqlite) });
  try {
    await migrate(db as Kysely<unknown>, now);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
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
      damage: { setAside: aside, problem: error instanceof Error ? error.message : String(error) },
    };
  }
}
