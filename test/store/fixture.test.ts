/** The current version can open stores written by earlier versions, and loses nothing. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Alert } from '../../src/domain/alert.ts';
import type { Incident } from '../../src/domain/incident.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { countOf, type Expectation, FIXTURES, readContent, type StoreContent } from './fixture/content.ts';
import { alert, open, smallDisk, temporaryDirectory } from './support.ts';

const schemas = readdirSync(FIXTURES).filter((name) => name.startsWith('schema-'));

type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;

async function expectNothingLost(
  expected: Expectation,
  locations: Record<string, StoreLocation>,
  query: Query,
): Promise<void> {
  const clock = { time: expected.writtenAt };
  for (const [agent, where] of Object.entries(locations)) {
    const store = await open(where, { clock });
    expect(await readContent(store)).toEqual(expected.byAgent[agent]);
    await store.close();
  }
  for (const [table, rows] of Object.entries(expected.rows)) {
    const [counted] = await query(countOf(table));
    expect([table, Number(counted?.n)]).toEqual([table, rows]);
  }
}

/** A JSON reviver: before schema 4, incidents had no `detectors`; their patterns named a crash. */
function withDetectors(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('fingerprint' in value) || 'detectors' in value) return value;
  const { detector, patterns } = value as unknown as Incident;
  const others = [
    ...(patterns.includes('crash') ? ['crash'] : []),
    ...(patterns.includes('crash loop') ? ['crash_loop'] : []),
  ];
  return { ...value, detectors: [...new Set([detector, ...others])] };
}

/** Receivers configured after the upgrade. The first one gets the pending alerts. */
const AFTER_UPGRADE = [{ receivers: ['slack'] }, { receivers: ['console'] }, { receivers: ['slack', 'alertmanager'] }];
/** Its outbox does not name receivers. */
const WITHOUT_RECEIVERS = 'schema-2';

async function expectPendingAlertsSentOnce(
  expected: Expectation,
  where: StoreLocation,
  receivers: readonly string[],
): Promise<void> {
  const options = { clock: { time: expected.writtenAt }, receivers };
  const agent = 'agent' in where ? where.agent : 'local';
  const [first = '', ...others] = receivers;
  const store = await open(where, options);
  const due = await store.due(first, Number.MAX_SAFE_INTEGER, 100);
  expect(JSON.parse(JSON.stringify(due))).toEqual(expected.byAgent[agent]?.pendingAlerts);
  for (const other of others) expect(await store.due(other, Number.MAX_SAFE_INTEGER, 100)).toEqual([]);
  for (const { alert: sent } of due) {
    await store.markSent({ alertId: sent.id, receiver: first }, expected.writtenAt);
    expect(await store.enqueue(sent, receivers)).toBe(false);
  }
  await store.close();
  const reopened = await open(where, { ...options, receivers: ['other'] });
  expect(await reopened.pending()).toEqual(new Map());
}

async function expectFinishedAlertsStayFinished(expected: Expectation, where: StoreLocation): Promise<void> {
  const store = await open(where, { clock: { time: expected.writtenAt } });
  const enqueue = (known: Alert) => store.enqueue(known, ['slack', 'console']);
  for (const id of expected.finishedAlerts) expect(await enqueue(alert({ id }))).toBe(false);
  expect(await enqueue(alert({ id: 'a new one' }))).toBe(true);
}

describe.each(schemas)('a store of %s', (schema) => {
  const file = (name: string) => readFileSync(path.join(FIXTURES, schema, name));
  const expectation = (name: string) => JSON.parse(file(name).toString(), withDetectors) as Expectation;

  describe('on SQLite', () => {
    const expected = expectation('sqlite.expected.json');

    async function restore(): Promise<string> {
      const dataDir = await temporaryDirectory();
      writeFileSync(path.join(dataDir, 'doctor.db'), gunzipSync(file('sqlite.db.gz')));
      return dataDir;
    }

    test('opens with all it held', async () => {
      const dataDir = await restore();
      await expectNothingLost(expected, { local: { dataDir } }, async (sql) => {
        const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
        onTestFinished(() => database.close());
        return database.prepare(sql).all();
      });
    });

    test('never sends a finished alert again', async () => {
      await expectFinishedAlertsStayFinished(expected, { dataDir: await restore() });
    });

    const sendsPending = test.skipIf(schema !== WITHOUT_RECEIVERS);
    sendsPending.each(AFTER_UPGRADE)(
      'sends a pending alert once, to the first of $receivers',
      async ({ receivers }) => {
        await expectPendingAlertsSentOnce(expected, { dataDir: await restore() }, receivers);
      },
    );

    test('opens with all it held after its disk was full', async ({ skip }) => {
      const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
      const dataDir = disk.path;
      writeFileSync(path.join(dataDir, 'doctor.db'), gunzipSync(file('sqlite.db.gz')));
      disk.fill();
      const store = await open(dataDir, { clock: { time: expected.writtenAt } });
      expect(store.problem()).toContain('cannot be used');
      const local = expected.byAgent.local as StoreContent;
      expect(await readContent(store)).toEqual({ ...local, healthy: false, pendingAlerts: [], pendingByReceiver: {} });
      disk.free();
      await store.probe();
      expect(await readContent(store)).toEqual(local);
      await store.close();
      const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
      onTestFinished(() => database.close());
      expect(database.prepare('SELECT count(*) AS n FROM outbox').get()?.n).toBe(expected.rows.outbox);
    });
  });

  const why = whyNoPostgres();
  describe.skipIf(why !== undefined)(why === undefined ? 'on PostgreSQL' : `on PostgreSQL (${why})`, () => {
    const expected = expectation('postgres.expected.json');
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());

    async function restore(): Promise<{ databaseUrl: string; query: Query }> {
      const databaseUrl = server.createDatabase();
      const loading = new pg.Client({ connectionString: databaseUrl });
      await loading.connect();
      await loading.query(file('postgres.sql').toString());
      // The dump changes settings of its session.
      await loading.end();
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      onTestFinished(() => client.end());
      return { databaseUrl, query: async (sql) => (await client.query(sql)).rows };
    }

    test('opens with all it held, for each agent', async () => {
      const { databaseUrl, query } = await restore();
      const agents = Object.keys(expected.byAgent);
      const locations = Object.fromEntries(agents.map((agent) => [agent, { databaseUrl, agent }]));
      await expectNothingLost(expected, locations, query);
    });

    test('never sends a finished alert again', async () => {
      const { databaseUrl } = await restore();
      await expectFinishedAlertsStayFinished(expected, { databaseUrl, agent: 'host-1' });
    });

    const sendsPending = test.skipIf(schema !== WITHOUT_RECEIVERS);
    sendsPending.each(AFTER_UPGRADE)(
      'sends a pending alert once, to the first of $receivers',
      async ({ receivers }) => {
        const { databaseUrl } = await restore();
        await expectPendingAlertsSentOnce(expected, { databaseUrl, agent: 'host-1' }, receivers);
      },
    );
  });
});
