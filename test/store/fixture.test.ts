/** Stores that earlier versions left behind: every version opens them and loses nothing. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Alert } from '../../src/domain.ts';
import type { StoreLocation } from '../../src/store/engines/storage-engine.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { type Expectation, FIXTURES, readContent } from './fixture/content.ts';
import { alert, open, temporaryDirectory } from './support.ts';

const schemas = readdirSync(FIXTURES).filter((name) => name.startsWith('schema-'));

type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;

async function expectNothingLost(
  expected: Expectation,
  places: Record<string, StoreLocation>,
  query: Query,
): Promise<void> {
  const clock = { time: expected.writtenAt };
  for (const [agent, where] of Object.entries(places)) {
    const store = await open(where, { clock });
    expect(await readContent(store)).toEqual(expected.byAgent[agent]);
    await store.close();
  }
  for (const [table, rows] of Object.entries(expected.rows)) {
    const [counted] = await query(`SELECT count(*) AS n FROM ${table}`);
    expect([table, Number(counted?.n)]).toEqual([table, rows]);
  }
}

async function expectFinishedAlertsStayFinished(expected: Expectation, where: StoreLocation): Promise<void> {
  const store = await open(where, { clock: { time: expected.writtenAt } });
  const enqueue = (known: Alert) => store.enqueue(known);
  for (const id of expected.finishedAlerts) expect(await enqueue(alert({ id }))).toBe(false);
  expect(await enqueue(alert({ id: 'a new one' }))).toBe(true);
}

describe.each(schemas)('a store of %s', (schema) => {
  const file = (name: string) => readFileSync(path.join(FIXTURES, schema, name));
  const expectation = (name: string) => JSON.parse(file(name).toString()) as Expectation;

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
      const places = Object.fromEntries(agents.map((agent) => [agent, { databaseUrl, agent }]));
      await expectNothingLost(expected, places, query);
    });

    test('never sends a finished alert again', async () => {
      const { databaseUrl } = await restore();
      await expectFinishedAlertsStayFinished(expected, { databaseUrl, agent: 'host-1' });
    });
  });
});
