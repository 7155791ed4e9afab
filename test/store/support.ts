/** Directories and stores that are removed at the end of the test. */
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

/** A file system of a few megabytes, until the end of the test. Undefined if this user may not mount one. */
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

/** Opens a store, in a directory if `where` is a string. It is closed at the end of the test. */
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
  /** A different, empty one at each call. */
  newLocation(): Promise<StoreLocation>;
}

/** Declares the same tests for every engine; those for PostgreSQL are skipped on a machine without its programs. */
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
