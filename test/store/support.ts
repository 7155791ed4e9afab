/** A directory and a store that go away with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import type { Logger } from '../../src/pipeline/ports.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { NOON } from './support-values.ts';

export * from './support-values.ts';

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'doctor-store-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
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

/** Opens a store in a directory, or where `where` says; the test closes it at its end. */
export async function open(
  where: string | StoreLocation,
  { clock = { time: NOON }, logger = recordingLogger() }: { clock?: Clock; logger?: Logger } = {},
): Promise<Store> {
  const store = await openStore({
    where: typeof where === 'string' ? { dataDir: where } : where,
    now: () => clock.time,
    logger,
  });
  onTestFinished(() => store.close());
  return store;
}

/** StoreLocation a store of a test's own may be; asked again, another place. */
export interface Places {
  place(): Promise<StoreLocation>;
}

/**
 * The same tests on every backend. `declare` declares them; PostgreSQL's are skipped by name where the machine has no
 * server to start.
 */
export function onEveryBackend(declare: (places: Places) => void): void {
  describe('on SQLite', () => declare({ place: async () => ({ dataDir: await temporaryDirectory() }) }));

  const why = whyNoPostgres();
  describe.skipIf(why !== undefined)(why === undefined ? 'on PostgreSQL' : `on PostgreSQL (${why})`, () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());
    declare({ place: async () => ({ databaseUrl: server.createDatabase(), agent: 'host-1' }) });
  });
}
