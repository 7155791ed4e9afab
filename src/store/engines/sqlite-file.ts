/** A SQLite file in DATA_DIR, which belongs to one agent. */
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import { createMetadata } from '../metadata.ts';
import type { Database } from '../schema/tables.ts';
import {
  databasePath,
  ensureDatabaseFile,
  ensureDirectory,
  fileIdentity,
  lockDirectory,
  moveDamagedFile,
} from './data-directory.ts';
import { migrateSqlite, openSqlite, vacuum } from './sqlite.ts';
import { isCorruption, isOutage } from './sqlite-errors.ts';
import { FILE_AGENT, type StorageEngine } from './storage-engine.ts';

/** Restart limits cover one hour, so after this time no restart in the lost file could count toward them. */
const LIMITS_UNKNOWN_FOR_MS = 60 * 60 * 1000;

interface FileOptions {
  readonly dataDir: string;
  now(): number;
  readonly logger: Logger;
}

/** Throws a StoreError `locked` or `newer_schema`, or an error for which `isFileOutage` is true. */
export async function openSqliteFile({ dataDir, now, logger }: FileOptions): Promise<StorageEngine> {
  ensureDirectory(dataDir);
  const lock = lockDirectory(dataDir);
  let db: Database | undefined;
  try {
    const path = databasePath(dataDir);
    const { sqlite, damage } = openOrReplace(path, now);
    db = await migrateSqlite(sqlite, now);
    const metadata = createMetadata({ db, agent: FILE_AGENT, isShared: false });
    if (damage !== undefined) {
      await metadata.set('limits_unknown_until', String(now() + LIMITS_UNKNOWN_FOR_MS));
      logger.error('the database was damaged: it was renamed and replaced, and nothing is restarted for an hour', {
        ...damage,
      });
    }
    // A full disk can still be read, so only a write shows that the store can be used.
    await metadata.set('opened_at', String(now()));
    const limitsUnknownUntil = Number((await metadata.get('limits_unknown_until')) ?? 0);
    const identity = fileIdentity(path);

    const opened = db;
    return {
      db: opened,
      kind: 'configured',
      problem(time) {
        if (fileIdentity(path) !== identity) return `${path} was removed or replaced: restart the agent`;
        if (time >= limitsUnknownUntil) return undefined;
        const until = new Date(limitsUnknownUntil).toISOString();
        return `the database was damaged and replaced: recent restarts are not known until ${until}`;
      },
      isOutage,
      isDamage: isCorruption,
      reclaimSpace: (signal) => vacuum(sqlite, signal),
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

/** Whether the directory, the file or the disk cannot be used. */
export function isFileOutage(error: unknown): boolean {
  return isOutage(error) || (error instanceof Error && 'syscall' in error);
}

/** Opens the database. A damaged file is renamed and replaced by an empty one. */
export function openOrReplace(path: string, now: () => number) {
  ensureDatabaseFile(path);
  try {
    return { sqlite: openSqlite(path) };
  } catch (error) {
    if (!isCorruption(error)) throw error;
    const renamedTo = moveDamagedFile(path, now());
    return {
      sqlite: openSqlite(ensureDatabaseFile(path)),
      damage: { renamed_to: renamedTo, problem: messageOf(error) },
    };
  }
}
