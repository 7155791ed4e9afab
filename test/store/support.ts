/** Directories and stores that are removed or closed at the end of the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import type { Logger } from '../../src/lib/log.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { NOON } from './support-values.ts';

export * from './support-values.ts';

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'doctor-store-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export interface SmallDisk {
  readonly path: string;
  fill(): void;
  free(): void;
}

/** Mounts a file system of a few megabytes until the end of the test. Undefined if this user may not do so. */
export async function smallDisk(): Promise<SmallDisk | undefined> {
  const path = await temporaryDirectory();
  const disk = mountSmallDisk(path);
  if (disk === undefined) return undefined;
  onTestFinished(() => disk.unmount());
  return { path, fill: disk.fill, free: disk.free };
}

export interface Clock {
  time: number;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export function recordingLogger(): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Opens a store, and closes it at the end of the test. If `where` is a string, it is a directory. */
export async function open(
  where: string | StoreLocation,
  {
    clock = { time: NOON },
    logger = recordingLogger(),
    receivers = ['slack'],
  }: { clock?: Clock; logger?: Logger; receivers?: readonly string[] } = {},
): Promise<Store> {
  const store = await openStore({
    where: typeof where === 'string' ? { dataDir: where } : where,
    receivers,
    now: () => clock.time,
    logger,
  });
  onTestFinished(() => store.close());
  return store;
}

export interface Locations {
  /** Returns a new, empty location. */
  newLocation(): Promise<StoreLocation>;
}

/** Declares the same tests for every engine. Those for PostgreSQL are skipped if its programs are not installed. */
export function onEveryEngine(declare: (locations: Locations) => void): void {
  describe('on SQLite', () => declare({ newLocation: async () => ({ dataDir: await temporaryDirectory() }) }));

  const why = whyNoPostgres();
  describe.skipIf(why !== undefined)(why === undefined ? 'on PostgreSQL' : `on PostgreSQL (${why})`, () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());
    declare({ newLocation: async () => ({ databaseUrl: server.createDatabase(), agent: 'host-1' }) });
  });
}
