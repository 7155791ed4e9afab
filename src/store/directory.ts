/**
 * DATA_DIR: who may use it, who may read it, and where a damaged file goes.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../errors.ts';
import { isBusy } from './sqlite.ts';

const DATABASE = 'doctor.db';
const LOCK = 'doctor.lock';

/** Alerts and diagnoses may tell more of a host than its other users should know. */
const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY_FILE = 0o600;

/**
 * Creates the directory where it is missing; one that exists keeps its mode, since it may be somebody's home.
 * Throws the file system's error.
 */
export function ensureDirectory(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: OWNER_ONLY_DIRECTORY });
}

export function databasePath(dataDir: string): string {
  return join(dataDir, DATABASE);
}

/** The path of the database, created empty and unreadable for others where it is missing. */
export function ensureDatabaseFile(dataDir: string): string {
  const path = databasePath(dataDir);
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY_FILE));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // Not opened here: closing any descriptor of a file drops this process's POSIX locks on it. SQLite gives the
    // mode of the database to the files beside it.
    chmodSync(path, OWNER_ONLY_FILE);
  }
  return path;
}

/**
 * Takes the directory for this process until `release`, or until the process dies however it dies: the lock is the
 * kernel's. It lies on a file of its own so that others may read the database while the agent runs.
 *
 * Throws a StoreError `locked` where another agent has it; any other error is the file system's.
 */
export function lockDirectory(dataDir: string): { release(): void } {
  const path = join(dataDir, LOCK);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    chmodSync(path, OWNER_ONLY_FILE);
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
 * Renames a damaged database and the files that belong to it (its write-ahead log may hold what can be rescued).
 * Returns the new path.
 */
export function setAside(path: string, now: number): string {
  // Colons are not allowed in file names everywhere.
  const stamp = new Date(now).toISOString().replaceAll(':', '-');
  const taken = (n: number) => `${path}.corrupt-${stamp}${n === 0 ? '' : `-${n}`}`;
  let n = 0;
  while (existsSync(taken(n))) n++;
  const aside = taken(n);
  renameSync(path, aside);
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Tells one file from another that took its name; undefined where it cannot be looked at. */
export function fileIdentity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
