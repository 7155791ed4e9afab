/**
 * The standby file: what an agent with a shared database needs to go on without it, in a SQLite file in DATA_DIR. It
 * follows the database: what the agent has written there is written to the file a moment later, and every ten minutes the
 * file is copied anew, because other agents may have changed rows too. While the database is away, the file is the store.
 * See docs/decisions/0045-without-the-database.md.
 */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import { createMutex } from '../../lib/mutex.ts';
import type { FleetShare } from '../fleet-share.ts';
import { createMetadata } from '../metadata.ts';
import type { Database } from '../schema/tables.ts';
import { type Columns, readColumns } from './copy-rows.ts';
import { ensureDirectory, fileIdentity, lockDirectory, moveAside, standbyPath } from './data-directory.ts';
import type { WrittenRows } from './recorder.ts';
import { migrateSqlite, vacuum } from './sqlite.ts';
import { isCorruption, isOutage } from './sqlite-errors.ts';
import { openOrReplace } from './sqlite-file.ts';
import { replaceAllRows, replaceRows, type StandbyCopy } from './standby-copy.ts';
import type { StorageEngine } from './storage-engine.ts';

const DAY_MS = 24 * 3_600_000;
/** Notes about the file itself. No agent has an empty name. */
const FILE_ITSELF = '';

/** The file in place of the database. */
export interface StandbyEngine extends StorageEngine {
  readonly kind: 'standby';
  /** See CurrentDatabase. */
  readonly share: FleetShare;
  /** Since when, epoch ms, also in earlier runs of the agent, and why. */
  readonly away: { readonly since: number; readonly why: string };
}

export interface Standby {
  /** Opens or creates the file. Rejects if it cannot be used. */
  open(): Promise<void>;
  /** Follows a write to the database. Never throws; if the file fails, it is closed, and `isFollowing` is false. */
  record(written: WrittenRows): void;
  isFollowing(): boolean;
  /** Replaces what is in the file. Opens it first. */
  copy(read: () => Promise<StandbyCopy>): Promise<void>;
  saveShare(share: FleetShare): Promise<void>;
  /** Why the file cannot replace the database now; undefined if it can. Opens it first. Never rejects. */
  unfit(): Promise<string | undefined>;
  /** The file is the store from now on, because of `why`. */
  use(why: string): Promise<StandbyEngine>;
  /** Since when the file has had what the database does not have, epoch ms. Undefined: it has nothing new. */
  usedSince(): number | undefined;
  /** Identifies the file; undefined if it is not open. */
  token(): string | undefined;
  db(): Database;
  /** Changes each time when something may be written to the file that the database does not have. */
  revision(): string | undefined;
  renewRevision(): Promise<string>;
  /** The database has everything. False if that could not be noted; then the file is closed. Never rejects. */
  handedOver(): Promise<boolean>;
  /** Renames the file and begins another. Returns where it is now. If that fails, the file is closed. Never rejects. */
  setAside(why: string): Promise<string>;
  close(): Promise<void>;
}

interface OpenFile {
  readonly path: string;
  readonly sqlite: DatabaseSync;
  readonly db: Database;
  readonly columns: Columns;
  readonly identity: string | undefined;
  readonly token: string;
  usedSince: number | undefined;
  revision: string | undefined;
  share: FleetShare | undefined;
}

export function createStandby(options: {
  readonly dataDir: string;
  readonly agent: string;
  now(): number;
  readonly logger: Logger;
}): Standby {
  const { dataDir, agent, now, logger } = options;
  let lock: ReturnType<typeof lockDirectory> | undefined;
  let file: OpenFile | undefined;
  let journal: WrittenRows[] = [];
  let isCopying = false;
  let isScheduled = false;
  /** Since the last copy. */
  let hasFailed = false;
  const oneAtATime = createMutex();

  const opened = (): OpenFile => {
    if (file === undefined) throw new Error('the standby file is not open');
    return file;
  };
  const notesOf = (db: Database, owner = FILE_ITSELF) => createMetadata({ db, agent: owner, isShared: false });

  async function open(): Promise<void> {
    if (file !== undefined) return;
    ensureDirectory(dataDir);
    lock ??= lockDirectory(dataDir);
    try {
      file = await openFile();
    } catch (error) {
      lock.release();
      lock = undefined;
      throw error;
    }
  }

  async function openFile(): Promise<OpenFile> {
    const path = standbyPath(dataDir);
    const { sqlite, damage } = openOrReplace(path, now);
    if (damage !== undefined) {
      logger.error('the standby file was damaged: it was renamed and replaced', { ...damage });
    }
    const db = await migrateSqlite(sqlite, now);
    try {
      const notes = notesOf(db);
      const owner = await notes.get('agent');
      if (owner !== undefined && owner !== agent) {
        await db.destroy();
        const renamedTo = moveAside(path, 'other-agent', now());
        logger.warn('the standby file belongs to another agent: it was renamed', { renamed_to: renamedTo, owner });
        return await openFile();
      }
      const token = (await notes.get('token')) ?? randomUUID();
      const usedSince = await notes.get('used_since');
      const share = await notes.get('share');
      if (owner === undefined) {
        await notes.set('token', token);
        await notes.set('agent', agent);
      }
      if (usedSince === undefined) follow(sqlite);
      return {
        path,
        sqlite,
        db,
        columns: await readColumns(db),
        identity: fileIdentity(path),
        token,
        usedSince: usedSince === undefined ? undefined : Number(usedSince),
        revision: await notes.get('revision'),
        share: share === undefined ? undefined : (JSON.parse(share) as FleetShare),
      };
    } catch (error) {
      await db.destroy();
      throw error;
    }
  }

  async function closeFile(): Promise<void> {
    const closing = file;
    file = undefined;
    journal = [];
    await closing?.db.destroy().catch(() => undefined);
    lock?.release();
    lock = undefined;
  }

  async function fail(error: unknown): Promise<void> {
    if (file === undefined) return;
    warn(error);
    await closeFile();
  }

  function warn(error: unknown): void {
    if (!hasFailed) {
      logger.warn('the standby file cannot be written: without the database, data would be kept in memory', {
        problem: messageOf(error),
      });
    }
    hasFailed = true;
  }

  async function renewRevision(): Promise<string> {
    const revision = randomUUID();
    await notesOf(opened().db).set('revision', revision);
    opened().revision = revision;
    return revision;
  }

  const isFollowing = (): boolean => file !== undefined && file.usedSince === undefined;

  /** Writes what was recorded so far. */
  async function flush(): Promise<void> {
    isScheduled = false;
    if (journal.length === 0 || file === undefined) return;
    const written = journal;
    journal = [];
    const { db, columns } = file;
    try {
      await db.transaction().execute(async (trx) => {
        for (const { table, rows } of written) await replaceRows(trx, table, rows, columns);
      });
    } catch (error) {
      await fail(error);
    }
  }

  async function replaceAll({ rows, share }: StandbyCopy): Promise<void> {
    if (!isFollowing()) return;
    const current = opened();
    await current.db.transaction().execute(async (trx) => {
      await replaceAllRows(trx, agent, rows, current.columns);
      await notesOf(trx).set('copied_at', String(now()));
      await notesOf(trx).set('share', JSON.stringify(share));
    });
    current.share = share;
    hasFailed = false;
  }

  const scheduleFlush = (): void => {
    if (isScheduled || isCopying || journal.length === 0) return;
    isScheduled = true;
    setImmediate(() => void oneAtATime(flush));
  };

  async function use(why: string): Promise<StandbyEngine> {
    await flush();
    const { path, sqlite, db, identity, share, usedSince = now() } = opened();
    if (share === undefined) throw new Error('the standby file is empty');
    // A commit is on disk when it returns, as in the database that the file replaces.
    sqlite.exec('PRAGMA synchronous = FULL');
    await notesOf(db).set('used_since', String(usedSince));
    opened().usedSince = usedSince;
    await renewRevision();
    return {
      db,
      share,
      kind: 'standby',
      away: { since: usedSince, why },
      problem: () => (fileIdentity(path) === identity ? undefined : `${path} was removed or replaced`),
      isOutage,
      isDamage: isCorruption,
      reclaimSpace: (signal) => vacuum(sqlite, signal),
      // The file stays open: it follows the database again.
      close: async () => {},
    };
  }

  return {
    open,
    isFollowing,

    record({ table, rows }) {
      const own = rows.filter((row) => row.agent === agent);
      if (own.length === 0 || !isFollowing()) return;
      journal.push({ table, rows: own });
      scheduleFlush();
    },

    async copy(read) {
      await open();
      if (!isFollowing() || isCopying) return;
      // Rows that are written meanwhile are newer than the copy.
      isCopying = true;
      try {
        const copied = await read();
        await oneAtATime(() => replaceAll(copied));
      } catch (error) {
        if (isOutage(error)) await fail(error);
        throw error;
      } finally {
        isCopying = false;
        scheduleFlush();
      }
    },

    async saveShare(share) {
      if (!isFollowing()) return;
      const current = opened();
      await notesOf(current.db).set('share', JSON.stringify(share)).catch(fail);
      current.share = share;
    },

    async unfit() {
      try {
        await open();
        const { db, share } = opened();
        const copiedAt = Number((await notesOf(db).get('copied_at')) ?? 0);
        if (copiedAt === 0 || share === undefined) return 'nothing was copied to the standby file yet';
        const probedAt = Number((await notesOf(db, agent).get('probed_at')) ?? 0);
        const lastAt = Math.max(copiedAt, probedAt);
        if (now() - lastAt <= DAY_MS) return undefined;
        return `the standby file is older than a day: its last entry is of ${new Date(lastAt).toISOString()}`;
      } catch (error) {
        return `the standby file in ${dataDir} cannot be used: ${messageOf(error)}`;
      }
    },

    use: (why) => oneAtATime(() => use(why)),

    usedSince: () => file?.usedSince,
    token: () => file?.token,
    db: () => opened().db,

    revision: () => file?.revision,
    renewRevision,

    handedOver: () =>
      oneAtATime(async () => {
        const current = opened();
        const used = current.db.deleteFrom('notes').where('agent', '=', FILE_ITSELF).where('name', '=', 'used_since');
        try {
          await used.execute();
          current.usedSince = undefined;
          follow(current.sqlite);
          return true;
        } catch (error) {
          await fail(error);
          return false;
        }
      }),

    async setAside(why) {
      const { path, db } = opened();
      file = undefined;
      journal = [];
      await db.destroy();
      let keptIn = path;
      try {
        keptIn = moveAside(path, why, now());
        file = await openFile();
      } catch (error) {
        warn(error);
      }
      return keptIn;
    },

    close: () =>
      oneAtATime(async () => {
        await flush();
        await closeFile();
      }),
  };
}

/** A kill of the agent loses nothing of what is in the file; a power failure may lose the last moments. */
function follow(sqlite: DatabaseSync): void {
  sqlite.exec('PRAGMA synchronous = NORMAL');
}
