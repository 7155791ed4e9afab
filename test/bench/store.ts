/** The cost of durable writes to a real file. Each row measures one call of a port; calls are awaited one after another. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../src/lib/log.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { alert, attempt, container, diagnosis, incident, NOON, request } from '../store/support-values.ts';
import { startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { percentile } from './support.ts';

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Long enough to be past warm-up, short enough for a slow disk. */
const MEASURE_MS = 1_000;

interface Measure {
  readonly name: string;
  run(store: Store, n: number): Promise<unknown>;
}

const cursors = new Map(
  Array.from({ length: 200 }, (_, n) => [`container-${n}`, { at: '2026-11-23T12:00:00.123456789Z', seen: 1 }]),
);
const counts = Array.from({ length: 100 }, (_, n) => ({ id: `i-${n}`, occurrences: n, lastSeenAt: NOON }));

const MEASURES: readonly Measure[] = [
  { name: 'save an incident', run: (store, n) => store.saveIncident(incident({ id: `i-${n}` })) },
  { name: 'save a diagnosis', run: (store, n) => store.saveDiagnosis(`i-${n % 100}`, diagnosis()) },
  { name: 'begin an attempt', run: (store, n) => store.beginAttempt(attempt({ id: `a-${n}` })) },
  { name: 'enqueue an alert', run: (store, n) => store.enqueue(alert({ id: `alert-${n}` }), ['slack']) },
  { name: 'record a request', run: (store) => store.recordRequests([request()]) },
  { name: 'save 200 cursors', run: (store) => store.saveCursors(cursors) },
  { name: 'save 100 counts', run: (store) => store.saveOccurrences(counts) },
];

const READS: readonly Measure[] = [
  {
    name: 'last case of a problem',
    run: (store) => store.lastCase({ project: 'shop', service: 'api', fingerprint: 'fp-77' }),
  },
  { name: 'restarts of a service', run: (store) => store.attemptsSince({ service: 'nobody' }, 0) },
  { name: 'history, 50 of 10,000', run: (store) => store.history({ limit: 50 }) },
  { name: 'history of one container', run: (store) => store.history({ limit: 50, container: 'shop-api-7' }) },
  { name: 'totals', run: (store) => store.totals() },
];

async function measure(store: Store, { name, run }: Measure): Promise<void> {
  const took: number[] = [];
  const start = performance.now();
  for (let n = 0; performance.now() - start < MEASURE_MS; n++) {
    const before = performance.now();
    await run(store, n);
    took.push(performance.now() - before);
  }
  const perSecond = Math.round((took.length * 1_000) / (performance.now() - start));
  const ms = (share: number) => percentile(took, share).toFixed(2).padStart(7);
  console.log(`${name.padEnd(26)}${String(perSecond).padStart(8)}/s   p50 ${ms(0.5)} ms   p99 ${ms(0.99)} ms`);
}

/** Ten thousand incidents, the most that retention keeps. */
async function fill(store: Store): Promise<void> {
  const saves: Promise<unknown>[] = [];
  for (let n = 0; n < 10_000; n++) {
    const one = incident({
      id: `full-${n}`,
      fingerprint: `fp-${n % 200}`,
      container: container({ name: `shop-api-${n % 50}` }),
      state: 'resolved',
    });
    saves.push(store.saveIncident(one).then(() => store.saveDiagnosis(one.id, diagnosis({ at: NOON + n }))));
  }
  await Promise.all(saves);
}

async function withStore(where: StoreLocation, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore({ where, receivers: ['slack'], now: () => NOON, logger: silent });
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

async function measureWrites(store: Store): Promise<void> {
  for (const one of MEASURES) await measure(store, one);
}

/** The cost of connection and statements only: fsync is off in tests. */
async function runOnPostgres(): Promise<void> {
  if (whyNoPostgres() !== undefined) return;
  const server = await startPostgres();
  try {
    console.log('store: the same on PostgreSQL, over a socket, without fsync');
    await withStore({ databaseUrl: server.createDatabase(), agent: 'bench' }, measureWrites);
  } finally {
    await server.close();
  }
}

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-bench-store-'));
  try {
    console.log('store: durable writes to a file, one at a time');
    await withStore({ dataDir: join(directory, 'writes') }, measureWrites);
    await runOnPostgres();
    const full = { dataDir: join(directory, 'full') };
    await withStore(full, fill);
    const before = performance.now();
    await withStore(full, async (store) => {
      console.log(
        `store: reads, 10,000 incidents (opened and checked in ${Math.round(performance.now() - before)} ms)`,
      );
      for (const one of READS) await measure(store, one);
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await run();
