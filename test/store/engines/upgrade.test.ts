/** Agents of two versions on one database: a newer one has changed the schema. */

import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { StoreLocation } from '../../../src/store/engines/storage-engine.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { type DatabaseSwitch, databaseSwitch } from '../../support/database-outage.ts';
import { eventually } from '../../support/eventually.ts';
import { addNextSchema, breakSchema, endNextSchema } from '../../support/next-schema.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../../support/postgres-server.ts';
import { alert, diagnosis, incident, NOON, open, recordingLogger, temporaryDirectory } from '../support.ts';

const why = whyNoPostgres();
const UNUSABLE = /schema is version 99 \(contract\), this program knows up to \d+ and cannot use it/;

describe.skipIf(why !== undefined)(why === undefined ? 'a newer schema' : `a newer schema (${why})`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());

  async function start(): Promise<{
    store: Store;
    database: DatabaseSwitch;
    where: StoreLocation & { databaseUrl: string };
  }> {
    const databaseUrl = server.createDatabase();
    const database = await databaseSwitch(databaseUrl);
    onTestFinished(() => database.close());
    const where = { databaseUrl, agent: 'web-1', standbyDir: path.join(await temporaryDirectory(), 'data') };
    const logger = recordingLogger();
    const store = await openStore({ where, receivers: ['slack'], now: () => NOON, logger, awaitDatabaseMs: 0 });
    onTestFinished(() => store.close());
    return { store, database, where };
  }

  test('that only adds is used by a running agent, whose standby file still follows and hands over', async () => {
    const { store, database, where } = await start();
    await store.saveIncident(incident());
    await addNextSchema(database.query);
    await store.saveDiagnosis('incident-1', diagnosis());
    await store.enqueue(alert(), ['slack']);
    expect(await store.probe()).toBe(true);

    await database.away();
    await store.saveDecision('incident-1', { kind: 'restart', reason: 'restart_allowed' });
    expect(store.databaseAway()).toBeDefined();
    expect((await store.openCases())[0]?.diagnosis?.rootCause).toBe(diagnosis().rootCause);
    expect(await store.pending()).toEqual(new Map([['slack', 1]]));
    await database.back();
    await eventually(async () => ((await store.probe()) && store.databaseAway() === undefined ? true : undefined));
    expect(await database.query('SELECT decision_reason, added FROM incidents')).toEqual([
      { decision_reason: 'restart_allowed', added: 'by default' },
    ]);

    // An agent of this version that is started again.
    await store.close();
    const again = await open(where);
    expect(again.healthy()).toBe(true);
    expect((await again.openCases())[0]?.decision?.reason).toBe('restart_allowed');
    const [{ newest } = {}] = await database.query('SELECT max(version)::int AS newest FROM schema_version');
    expect(newest).toBe(98);
  });

  test('that it cannot use ends the use of the database, until the newer version is gone or has replaced it', async () => {
    const { store, database, where } = await start();
    await store.saveIncident(incident());
    await breakSchema(database.query);
    expect(await store.probe()).toBe(false);
    expect(store.problem()).toMatch(UNUSABLE);
    await store.saveDiagnosis('incident-1', diagnosis());
    expect(await database.query('SELECT diagnosis FROM incidents')).toEqual([{ diagnosis: null }]);
    expect(await store.probe()).toBe(false);
    await expect(open({ ...where, agent: 'web-2' })).rejects.toMatchObject({
      reason: 'newer_schema',
      message: expect.stringMatching(UNUSABLE),
    });

    await endNextSchema(database.query);
    expect(await store.probe()).toBe(true);
    const [{ diagnosis: saved } = {}] = await database.query('SELECT diagnosis FROM incidents');
    expect(saved).toContain(diagnosis().rootCause);
  });

  test('of a file that only adds lets an older version return', async () => {
    const dataDir = await temporaryDirectory();
    const first = await open(dataDir);
    await first.saveIncident(incident());
    await first.close();
    const file = new DatabaseSync(path.join(dataDir, 'doctor.db'));
    await addNextSchema(async (sql) => void file.exec(sql));
    file.close();
    const second = await open(dataDir);
    await second.saveDiagnosis('incident-1', diagnosis());
    expect((await second.openCases())[0]?.diagnosis).toBeDefined();
  });
});
