/** The files in DATA_DIR: their permissions, the lock, and damaged databases. */
import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../errors.ts';
import { isBusy } from './sqlite-errors.ts';

const DATABASE = 'doctor.db';
const STANDBY = 'standby.db';
const LOCK = 'doctor.lock';

/** Alerts and diagnoses may contain data that other users of the host must not see. */
const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY_FILE = 0o600;

/**
 * Creates the directory if it is missing. An existing one keeps its mode: it may be a home directory. Throws the file
 * system's error.
 */
export function ensureDirectory(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: OWNER_ONLY_DIRECTORY });
}

export function databasePath(dataDir: string): string {
  return join(dataDir, DATABASE);
}

/** What an agent with a shared database keeps for the time without it. */
export function standbyPath(dataDir: string): string {
  return join(dataDir, STANDBY);
}

/** Returns `path`. A missing file is created empty; others cannot read it. */
export function ensureDatabaseFile(path: string): string {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY_FILE));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // `chmod` by path, because closing any descriptor of a file releases this process's POSIX locks on it. SQLite
    // creates its other files with the mode of the database.
    makePrivate(path);
  }
  return path;
}

/**
 * Takes the permissions of others away, unless the file may belong to somebody else: a link in a directory that others can
 * write to could name any file.
 */
function makePrivate(path: string): void {
  const stats = lstatSync(path);
  const isOwn = process.getuid === undefined || stats.uid === process.getuid();
  if (stats.isFile() && isOwn && stats.nlink === 1) chmodSync(path, OWNER_ONLY_FILE);
}

/**
 * Locks the directory until `release`. If the process is killed, the kernel releases the lock. It is held on a separate
 * file, so that other programs can read the database while the agent runs.
 *
 * Throws a StoreError `locked` if another agent holds it; any other error is the file system's.
 */
export function lockDirectory(dataDir: string): { release(): void } {
  const path = join(dataDir, LOCK);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    makePrivate(path);
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (isBusy(error)) {
      throw new StoreError(
        `DATA_DIR ${dataDir} is in use by another container-doctor: stop that one, or give this one a directory of its own`,
        'locked',
        error,
      );
    }
    throw error;
  }
  return { release: () => lock.close() };
}

/**
 * Renames a damaged database together with its write-ahead log, from which data may be recoverable. Returns the new path.
 */
export function moveDamagedFile(path: string, now: number): string {
  return moveAside(path, 'corrupt', now);
}

/** Renames a database together with its write-ahead log. Returns the new path. */
export function moveAside(path: string, why: string, now: number): string {
  // Some file systems do not allow colons in names.
  const stamp = new Date(now).toISOString().replaceAll(':', '-');
  const candidate = (n: number) => `${path}.${why}-${stamp}${n === 0 ? '' : `-${n}`}`;
  let n = 0;
  while (existsSync(candidate(n))) n++;
  const newPath = candidate(n);
  renameSync(path, newPath);
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, newPath + suffix);
  }
  return newPath;
}

/** Changes if another file replaces the one at `path`; undefined if there is none. */
export function fileIdentity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
