/** Behaviour that only PostgreSQL has: agents share a database, and the server or the network can fail. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { checkDatabase } from '../../../src/store/check.ts';
import { openReviews } from '../../../src/store/open-reviews.ts';
import { eventually } from '../../support/eventually.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../../support/postgres-server.ts';
import { alert, attempt, diagnosis, incident, NOON, open, recordingLogger, request, SECOND } from '../support.ts';

const why = whyNoPostgres();

describe.skipIf(why !== undefined)(why === undefined ? 'a shared database' : `a shared database (${why})`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());

  async function client(url: string): Promise<pg.Client> {
    const opened = new pg.Client({ connectionString: url });
    // Tests stop the server while clients are connected.
    opened.on('error', () => {});
    await opened.connect();
    onTestFinished(() => opened.end());
    return opened;
  }

  test('shows each agent only its own rows', async () => {
    const databaseUrl = server.createDatabase();
    const one = await open({ databaseUrl, agent: 'host-1' });
    const two = await open({ databaseUrl, agent: 'host-2' });
    await one.saveIncident(incident());
    await one.saveDiagnosis('incident-1', diagnosis());
    await one.saveDecision('incident-1', { kind: 'restart', reason: 'restart_allowed' });
    await one.beginAttempt(attempt({ outcome: 'recovered' }));
    await one.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await one.recordRequests([request()]);
    await one.enqueue(alert(), ['slack']);
    await one.saveCursors(new Map([['engine-events', { at: 'one', seen: 1 }]]));
    await two.saveCursors(new Map([['engine-events', { at: 'two', seen: 2 }]]));

    expect(await two.openCases()).toEqual([]);
    expect(await two.lastCase({ project: 'shop', service: 'api', fingerprint: 'fp-1' })).toBeUndefined();
    expect(await two.attemptsSince({ project: 'shop', service: 'api' }, 0)).toEqual([]);
    expect(await two.asksSince(0)).toBe(0);
    expect(await two.spendSince(0)).toBe(0);
    expect(await two.due('slack', NOON, 9)).toEqual([]);
    expect(await two.pending()).toEqual(new Map());
    expect(await two.history({ limit: 9 })).toEqual([]);
    expect(await two.totals()).toEqual({ diagnoses: 0, restartsByContainer: new Map() });
    expect(await two.reviewedCases(9)).toEqual([]);
    expect(
      await two.prune({ retention: { maxResolvedIncidents: 0, ledgerMs: -1, finishedAlertsMs: -1 } }),
    ).toMatchObject({
      incidents: 0,
      ledger: 0,
    });
    expect((await one.loadCursors()).get('engine-events')?.at).toBe('one');
    expect(await one.asksSince(0)).toBe(1);
    expect(await one.openCases()).toHaveLength(1);
  });

  test('is used by only one agent with the same name at a time', async () => {
    const databaseUrl = server.createDatabase();
    const first = await open({ databaseUrl, agent: 'host-1' });
    await expect(open({ databaseUrl, agent: 'host-1' })).rejects.toMatchObject({
      reason: 'locked',
      message:
        'another agent called "host-1" uses this database: stop that one, or give this one an AGENT_NAME of its own',
    });
    await first.close();
    await expect(open({ databaseUrl, agent: 'host-1' })).resolves.toBeDefined();
  });

  test('is migrated once by agents that start at the same time', async () => {
    const databaseUrl = server.createDatabase();
    const agents = await Promise.all(Array.from({ length: 8 }, (_, n) => open({ databaseUrl, agent: `host-${n}` })));
    expect(agents.map((store) => store.problem())).toEqual(agents.map(() => undefined));
    const { rows } = await (await client(databaseUrl)).query('SELECT version FROM schema_version ORDER BY version');
    const versions = rows.map((row) => Number(row.version));
    expect(versions.length).toBeGreaterThan(5);
    expect(versions).toEqual([...new Set(versions)]);
  });

  test('is refused if a newer program has written to it', async () => {
    const databaseUrl = server.createDatabase();
    await (await open({ databaseUrl, agent: 'host-1' })).close();
    await (await client(databaseUrl)).query(
      `INSERT INTO schema_version (version, name, applied_at) VALUES (99, 'from the future', 0)`,
    );
    await expect(open({ databaseUrl, agent: 'host-1' })).rejects.toMatchObject({ reason: 'newer_schema' });
  });

  test('is used again by later calls after it ended the session', async () => {
    const databaseUrl = server.createDatabase();
    const store = await open({ databaseUrl, agent: 'host-1' });
    const other = await client(databaseUrl);
    await other.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    );
    await eventually(() => store.saveIncident(incident()).then(() => true), { everyMs: 20 });
    expect(store.healthy()).toBe(true);
    expect(await store.openCases()).toHaveLength(1);
  });

  test('makes the store unhealthy while another agent holds the name, taken while the connection was lost', async () => {
    const databaseUrl = server.createDatabase();
    const store = await open({ databaseUrl, agent: 'host-1' });
    const other = await client(databaseUrl);
    await other.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    );
    await other.query(`SELECT pg_advisory_lock(hashtextextended('container-doctor agent host-1', 0))`);
    // The first probe may still fail because the session ended.
    await eventually(async () => {
      await store.probe();
      expect(store.problem()).toContain('another agent called "host-1" uses this database');
      return true;
    });
    await other.query('SELECT pg_advisory_unlock_all()');
    expect(await store.probe()).toBe(true);
  });

  test('makes the store unhealthy while the server is down, and still has the data afterwards', async () => {
    const store = await open({ databaseUrl: server.createDatabase(), agent: 'host-1' });
    await store.saveIncident(incident());
    await server.stop();
    await expect(store.saveIncident(incident({ id: 'two' }))).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(store.openCases()).rejects.toMatchObject({ reason: 'unavailable' });
    expect(store.healthy()).toBe(false);
    await server.start();
    expect(await store.probe()).toBe(true);
    expect(await store.openCases()).toMatchObject([{ incident: { id: 'incident-1' } }]);
  });

  test('gets the data that was kept in memory if the server was down when the store opened', async () => {
    const databaseUrl = server.createDatabase();
    const before = await open({ databaseUrl, agent: 'host-1' });
    await before.enqueue(alert({ id: 'waiting' }), ['slack']);
    await before.recordAsk({ at: NOON, incidentId: 'before' });
    await before.close();
    await server.stop();
    const logger = recordingLogger();
    const store = await open({ databaseUrl, agent: 'host-1' }, { logger });
    expect(store.problem()).toMatch(/^the database of DATABASE_URL cannot be used: /);
    await store.saveIncident(incident());
    await store.saveDiagnosis('incident-1', diagnosis());
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await store.enqueue(alert(), ['slack']);
    await store.markSent({ alertId: 'alert-1', receiver: 'slack' }, NOON);
    expect(await store.probe()).toBe(false);

    await server.start();
    expect(await store.probe()).toBe(true);
    expect(await store.openCases()).toMatchObject([{ incident: { id: 'incident-1' }, diagnosis: diagnosis() }]);
    expect(await store.asksSince(NOON)).toBe(2);
    expect((await store.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['waiting']);
    expect(await store.enqueue(alert(), ['slack'])).toBe(false);
    expect(logger.lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('available again'));
  });

  test('keeps the cap and the budget exact when the server fails: earlier runs count, and nothing counts twice', async () => {
    const where = { databaseUrl: server.createDatabase(), agent: 'host-1' };
    const another = await open({ ...where, agent: 'host-2' });
    await another.recordRequests([request({ costUsd: 5 })]);
    const before = await open(where);
    await before.recordAsk({ at: NOON - SECOND, incidentId: 'before' });
    await before.recordRequests([request({ at: NOON - SECOND, costUsd: 0.5 })]);
    await before.close();

    const store = await open(where);
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await server.stop();
    // Claude answered after the database was gone.
    await expect(store.recordRequests([request({ costUsd: 0.25 })])).rejects.toMatchObject({ reason: 'unavailable' });
    const used = async () => [await store.asksSince(0), await store.spendSince(0)];
    await eventually(async () => ((await store.probe()) ? undefined : used()), { deadlineMs: 60_000 });
    expect(await used()).toEqual([2, 0.75]);
    await store.recordAsk({ at: NOON, incidentId: 'incident-2' });
    await store.recordRequests([request({ costUsd: 0.125 })]);
    expect(await used()).toEqual([3, 0.875]);

    await server.start();
    expect(await store.probe()).toBe(true);
    expect(await used()).toEqual([3, 0.875]);
  });

  test('can be checked while an agent runs', async () => {
    const url = server.createDatabase();
    await open({ databaseUrl: url, agent: 'host-1' });
    expect(await checkDatabase({ url, agent: 'host-1' })).toEqual({ ok: true });
    expect(await checkDatabase({ url: url.replace('doctor_', 'absent_'), agent: 'host-1' })).toMatchObject({
      ok: false,
      why: expect.stringContaining('does not exist'),
    });
  });

  test('accepts a verdict from a command while the agent runs', async () => {
    const where = { databaseUrl: server.createDatabase(), agent: 'host-1' };
    const store = await open(where);
    await store.saveIncident(incident());
    await store.saveDecision('incident-1', { kind: 'restart', reason: 'restart_allowed' });
    const reviews = await openReviews(where, recordingLogger());
    expect(await reviews.saveVerdict('incident-1', { verdict: 'right', at: NOON })).toBe(true);
    await reviews.close();
    expect(await store.reviewedCases(9)).toMatchObject([{ verdict: 'right' }]);
  });

  test('never has its address in a problem or in the log', async () => {
    const databaseUrl = server.createDatabase().replace('doctor@', 'doctor:s3cr3t-pass@').replace('doctor_', 'absent_');
    const logger = recordingLogger();
    const store = await open({ databaseUrl, agent: 'host-1' }, { logger });
    expect(store.problem()).toMatch(/database "absent_\d+" does not exist/);
    expect(JSON.stringify([store.problem(), logger.lines])).not.toContain('s3cr3t');
  });
});
