/** The answers of `/api/v1` with 10,000 incidents in the store, through the real server. The bar is 50 ms. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decideWithGates } from '../../src/pipeline/decide/decide.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { alert, attempt, container, DAY, diagnosis, incident, NOON, request } from '../store/support-values.ts';
import { apiSource, silent, startServer } from '../support/api-server.ts';
import { aRestartWith } from '../support/domain.ts';
import { startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { percentile } from './support.ts';

const INCIDENTS = 10_000;
const SPREAD_MS = 90 * DAY;
const BAR_MS = 50;
const MEASURE_MS = 1_500;

const PATHS = [
  '/incidents',
  '/incidents?limit=200',
  '/incidents?state=open',
  '/incidents?severity=low,high&cause=own',
  '/incidents?container=shop-api-7',
  '/incidents?service=api-7&project=shop',
  '/incidents?search=pool',
  '/incidents?search=nothing-has-this',
  '/incidents/i-9000',
  '/timeline',
  '/timeline?from=2026-08-25T12:00:00Z&to=2026-11-23T12:00:00Z',
  '/stats',
  '/stats?from=2026-08-25T12:00:00Z&to=2026-11-23T12:00:00Z',
  '/waiting',
  '/status',
];

async function fill(store: Store): Promise<void> {
  const { decision, gates } = decideWithGates(aRestartWith({}));
  for (let i = 0; i < INCIDENTS; i++) {
    const id = `i-${i}`;
    const openedAt = NOON - SPREAD_MS + Math.floor((i * SPREAD_MS) / INCIDENTS);
    const ref = container({ name: `shop-api-${i % 50}`, service: `api-${i % 50}` });
    const cause =
      i % 7 === 0 ? ({ kind: 'incident', incidentId: `i-${i - 1}`, evidence: 'compose' } as const) : undefined;
    await store.saveIncident(
      incident({ id, container: ref, openedAt, lastSeenAt: openedAt, cause, fingerprint: `fp-${i % 500}` }),
    );
    await store.saveDiagnosis(id, diagnosis({ severity: (['low', 'medium', 'high'] as const)[i % 3], at: openedAt }));
    await store.saveDecision(id, { ...decision, gates });
    await store.recordRequests([request({ incidentId: id, at: openedAt })]);
    if (i % 4 === 0) {
      await store.beginAttempt(attempt({ id: `a-${i}`, incidentId: id, service: ref.service, startedAt: openedAt }));
      await store.finishAttempt(`a-${i}`, { outcome: 'recovered', detail: '', finishedAt: openedAt + 9_000 });
      await store.enqueue(alert({ id: `al-${i}`, incident: incident({ id }) }), ['slack']);
    }
    if (i < INCIDENTS - 20) await store.resolveIncident(id, openedAt + 60_000);
  }
}

async function measure(store: Store): Promise<boolean> {
  const server = await startServer({ api: apiSource(store, { now: () => NOON }) });
  let isFast = true;
  for (const path of PATHS) {
    const took: number[] = [];
    let bytes = 0;
    const start = performance.now();
    while (performance.now() - start < MEASURE_MS) {
      const before = performance.now();
      const response = await fetch(`${server.url}/api/v1${path}`);
      bytes = (await response.arrayBuffer()).byteLength;
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      took.push(performance.now() - before);
    }
    const p50 = percentile(took, 0.5);
    isFast &&= p50 < BAR_MS;
    const ms = (share: number) => percentile(took, share).toFixed(1).padStart(7);
    console.log(
      `${path.padEnd(62)}${String(Math.round(bytes / 1024)).padStart(5)} KB  p50${ms(0.5)} ms  p99${ms(0.99)} ms`,
    );
  }
  await server.close();
  return isFast;
}

async function measureAt(where: StoreLocation): Promise<boolean> {
  const store = await openStore({ where, receivers: ['slack'], now: () => NOON, logger: silent });
  try {
    await fill(store);
    return await measure(store);
  } finally {
    await store.close();
  }
}

export async function run(): Promise<void> {
  console.log(`${INCIDENTS} incidents; bar: a median below ${BAR_MS} ms\n\nSQLite`);
  const folder = await mkdtemp(join(tmpdir(), 'doctor-bench-'));
  let isFast = await measureAt({ dataDir: folder });
  await rm(folder, { recursive: true });
  const why = whyNoPostgres();
  if (why === undefined) {
    console.log('\nPostgreSQL');
    const server = await startPostgres();
    isFast = (await measureAt({ databaseUrl: server.createDatabase(), agent: 'bench' })) && isFast;
    await server.close();
  }
  if (!isFast) throw new Error(`slower than ${BAR_MS} ms`);
}
