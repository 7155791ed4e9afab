/** An agent with a shared database goes on from a file while the database is away, and hands over when it is back. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { COPIED_TABLES } from '../../../src/store/engines/copied-tables.ts';
import { openStore, type Store, type StoreOptions } from '../../../src/store/store.ts';
import { type DatabaseSwitch, databaseSwitch } from '../../support/database-outage.ts';
import { eventually } from '../../support/eventually.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../../support/postgres-server.ts';
import {
  alert,
  attempt,
  DAY,
  diagnosis,
  HOUR,
  incident,
  NOON,
  recordingLogger,
  request,
  SECOND,
  smallDisk,
  temporaryDirectory,
} from '../support.ts';

const why = whyNoPostgres();
const SELF = { id: 'id', version: '1', startedAt: NOON };
const SERVICE = { project: 'shop', service: 'api' };

describe.skipIf(why !== undefined)(why === undefined ? 'the standby file' : `the standby file (${why})`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());

  async function place() {
    const databaseUrl = server.createDatabase();
    const database = await databaseSwitch(databaseUrl);
    onTestFinished(() => database.close());
    return { databaseUrl, database, dataDir: join(await temporaryDirectory(), 'data'), clock: { time: NOON } };
  }
  type Place = Awaited<ReturnType<typeof place>>;

  async function start(
    { databaseUrl, dataDir, clock }: Place,
    { agent = 'web-1', ...options }: Partial<StoreOptions> & { agent?: string } = {},
  ): Promise<Store> {
    const store = await openStore({
      where: { databaseUrl, agent, standbyDir: dataDir },
      receivers: ['slack'],
      now: () => clock.time,
      logger: recordingLogger(),
      awaitDatabaseMs: 0,
      ...options,
    });
    onTestFinished(() => store.close());
    return store;
  }

  /** What the file has, beside the store that uses it. */
  function inFile({ dataDir }: Place, table: string): unknown[] {
    const file = new DatabaseSync(join(dataDir, 'standby.db'), { readOnly: true });
    try {
      return file.prepare(`SELECT * FROM ${table} WHERE agent = 'web-1' ORDER BY 1, 2`).all();
    } finally {
      file.close();
    }
  }

  /** An incident that was handled until its restart was verified. */
  async function handle(store: Store, id: string): Promise<void> {
    await store.saveIncident(incident({ id, fingerprint: id }));
    await store.recordAsk({ at: NOON, incidentId: id });
    await store.recordRequests([request({ incidentId: id, costUsd: 0.25 })]);
    await store.saveDiagnosis(id, diagnosis());
    await store.saveDecision(id, { kind: 'restart', reason: 'restart_allowed' });
    await store.beginAttempt(attempt({ id: `attempt-${id}`, incidentId: id }));
    await store.finishAttempt(`attempt-${id}`, { outcome: 'recovered', detail: 'up', finishedAt: NOON });
    await store.enqueue(alert({ id: `alert-${id}`, incident: incident({ id }) }), ['slack']);
    await store.markSent({ alertId: `alert-${id}`, receiver: 'slack' }, NOON);
    await store.saveCursors(new Map([['container', { at: id, seen: 1 }]]));
  }

  /** Everything is in the database, once. */
  async function expectHandled(database: DatabaseSwitch, ids: readonly string[]): Promise<void> {
    const column = async (sql: string) => (await database.query(sql)).map((row) => Object.values(row).join(' '));
    const sorted = ids.toSorted();
    expect(await column(`SELECT id, diagnosis IS NOT NULL FROM incidents ORDER BY 1`)).toEqual(
      sorted.map((id) => `${id} true`),
    );
    for (const table of ['asks', 'claude_requests', 'decisions']) {
      expect([table, await column(`SELECT incident_id FROM ${table} ORDER BY 1`)]).toEqual([table, sorted]);
    }
    expect(await column('SELECT incident_id, outcome FROM attempts ORDER BY 1')).toEqual(
      sorted.map((id) => `${id} recovered`),
    );
    for (const table of ['outbox', 'alerts']) {
      expect(await column(`SELECT alert_id, receiver, state FROM ${table} ORDER BY 1`)).toEqual(
        sorted.map((id) => `alert-${id} slack sent`),
      );
    }
    expect(await column('SELECT cursor FROM cursors')).toEqual([JSON.stringify({ at: ids.at(-1), seen: 1 })]);
  }

  test('does not replace a database that is restarted: what is written meanwhile waits', async () => {
    const here = await place();
    const store = await start(here, { awaitDatabaseMs: 60_000 });
    await here.database.away();
    const handled = handle(store, 'one');
    await here.database.back();
    await handled;
    expect(store.databaseAway()).toBeUndefined();
    await expectHandled(here.database, ['one']);
  });

  test('follows what the agent writes: it has the same rows as the database a moment later', async () => {
    const here = await place();
    const store = await start(here);
    await handle(store, 'one');
    await store.saveSnooze({
      id: 'snooze',
      service: { service: 'api' },
      since: NOON,
      until: NOON + HOUR,
      by: { via: 'page', who: 'Jane' },
      heldBack: 0,
    });
    const asking = { id: 'r1', incidentId: 'one', containerId: 'c', containerName: 'api', containerStartedAt: 1 };
    await store.saveRequest({ ...asking, requestedAt: NOON, expiresAt: NOON + HOUR, state: 'waiting' });
    await store.endRequest('r1', { state: 'denied', at: NOON, by: { via: 'page', who: 'Jane' } });
    await store.enqueue(alert({ id: 'waiting' }), ['slack'], undefined, ['slack']);
    await store.remember('slack', incident({ id: 'one' }), 'message 1');
    await store.saveAftermath('one', 'came_back', NOON);
    await store.saveLastRun(NOON);
    await store.saveAbsence({ kind: 'engine_unreachable', from: NOON });
    for (const { name, key, standby } of COPIED_TABLES) {
      if (standby === undefined) continue;
      const order = key.join(', ');
      const { rows } = { rows: await here.database.query(`SELECT * FROM ${name} ORDER BY ${order}`) };
      expect([name, rows.length > 0]).toEqual([name, true]);
      const numbers = (row: object) =>
        Object.fromEntries(Object.entries(row).map(([k, v]) => [k, /^\d+$/.test(String(v)) ? Number(v) : v]));
      await eventually(() => {
        const copies = inFile(here, name).map((row) => numbers(row as object));
        expect([name, copies.filter((row) => row.name !== 'held_by')]).toEqual([
          name,
          expect.arrayContaining(rows.filter((row) => row.name !== 'held_by').map(numbers)),
        ]);
        return true;
      });
    }
  });

  test('replaces the database at once, in the middle of an incident; nothing is lost or doubled', async () => {
    const here = await place();
    const store = await start(here);
    await handle(store, 'before');
    await store.saveIncident(incident());
    await store.enqueue(alert({ id: 'waiting' }), ['slack']);
    await here.database.away();
    // The first write that fails is written to the file.
    await store.saveDiagnosis('incident-1', diagnosis());
    expect(store.healthy()).toBe(true);
    expect(store.databaseAway()).toMatchObject({ since: NOON, why: expect.stringMatching(/accepting|terminat/) });
    await store.saveDecision('incident-1', { kind: 'restart', reason: 'restart_allowed' });
    await store.beginAttempt(attempt());
    expect((await store.attemptsSince(SERVICE, 0)).map(({ id }) => id)).toEqual(['attempt-1', 'attempt-before']);
    expect(await store.enqueue(alert({ id: 'alert-before' }), ['slack'])).toBe(false);
    expect((await store.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['waiting']);
    await store.markSent({ alertId: 'waiting', receiver: 'slack' }, NOON);
    expect(await store.probe()).toBe(true);

    await here.database.back();
    expect(await store.probe()).toBe(true);
    expect(store.databaseAway()).toBeUndefined();
    expect(await store.openCases()).toMatchObject([
      { incident: { id: 'before' } },
      { incident: { id: 'incident-1' }, diagnosis: diagnosis(), attempt: { id: 'attempt-1' } },
    ]);
    expect(await here.database.query(`SELECT state FROM outbox WHERE alert_id = 'waiting'`)).toEqual([
      { state: 'sent' },
    ]);
    expect(await here.database.query('SELECT count(*)::int AS n FROM decisions')).toEqual([{ n: 2 }]);
    expect(await store.due('slack', NOON, 9)).toEqual([]);
    await store.finishAttempt('attempt-1', { outcome: 'recovered', detail: 'up', finishedAt: NOON });
  });

  test('is not used if only the connection was lost: the query runs again', async () => {
    const here = await place();
    const store = await start(here);
    await here.database.away();
    await here.database.back();
    await handle(store, 'a');
    expect(store.databaseAway()).toBeUndefined();
    await expectHandled(here.database, ['a']);
  });

  test('is enough to start with, also after a kill; two outages in a row leave everything in the database, once', async () => {
    const here = await place();
    let store = await start(here);
    await handle(store, 'a');
    await here.database.away();
    await handle(store, 'b');
    await store.close();
    store = await start(here);
    expect(store.healthy()).toBe(true);
    expect(store.databaseAway()).toMatchObject({ since: NOON });
    expect((await store.attemptsSince(SERVICE, 0)).map(({ incidentId }) => incidentId)).toEqual(['a', 'b']);
    expect(await store.asksSince(0)).toBe(2);
    expect(await store.spendSince(0)).toBe(0.5);
    expect((await store.loadCursors()).get('container')?.at).toBe('b');
    await handle(store, 'c');
    await here.database.back();
    expect(await store.probe()).toBe(true);
    await handle(store, 'd');
    await here.database.away();
    await handle(store, 'e');
    await store.close();
    await here.database.back();
    store = await start(here);
    expect(store.databaseAway()).toBeUndefined();
    await expectHandled(here.database, ['a', 'b', 'c', 'd', 'e']);
    expect(await store.asksSince(0)).toBe(5);
  });

  test('is handed over once, wherever the copy is interrupted', async () => {
    const here = await place();
    const store = await start(here);
    await handle(store, 'a');
    await here.database.away();
    await handle(store, 'b');
    for (const table of ['incidents', 'attempts', 'outbox', 'decisions', 'notes']) {
      await here.database.hold(table);
      await here.database.back();
      const probe = store.probe();
      await here.database.somebodyWaits();
      await here.database.away();
      await here.database.letGo();
      expect(await probe).toBe(true);
      expect([table, store.databaseAway()]).toEqual([table, expect.objectContaining({ since: NOON })]);
    }
    await store.saveIncident(incident({ id: 'b', fingerprint: 'b', occurrences: 7 }));
    await here.database.back();
    await store.probe();
    expect(store.databaseAway()).toBeUndefined();
    await expectHandled(here.database, ['a', 'b']);
    expect(await here.database.query(`SELECT occurrences::int FROM incidents WHERE id = 'b'`)).toEqual([
      { occurrences: 7 },
    ]);
  });

  test('is not copied again over newer rows if the agent is killed between the copy and its note', async () => {
    const here = await place();
    let store = await start(here);
    await here.database.away();
    await handle(store, 'a');
    const file = join(here.dataDir, 'standby.db');
    await store.close();
    await here.database.back();
    store = await start(here);
    await store.close();
    // As if the file had not been noted as handed over: it still says that it was used, with the revision of the copy.
    const [{ value } = {}] = await here.database.query(`SELECT value FROM notes WHERE name = 'handed_over'`);
    const used = new DatabaseSync(file);
    used.exec(`INSERT INTO notes (agent, name, value) VALUES ('', 'used_since', '${NOON}')`);
    expect(used.prepare(`SELECT value FROM notes WHERE name = 'revision'`).get()).toEqual({ value });
    used.close();
    await here.database.query(`UPDATE incidents SET state = 'resolved'`);
    store = await start(here);
    expect(await store.openCases()).toEqual([]);
    await expectHandled(here.database, ['a']);
  });

  test('is refused, reported and kept if another agent has used the name; its use still counts', async () => {
    const here = await place();
    let store = await start(here);
    await here.database.away();
    await handle(store, 'mine');
    await store.close();
    await here.database.back();
    const other = await start({ ...here, dataDir: join(await temporaryDirectory(), 'other') });
    await handle(other, 'theirs');
    await other.close();

    const logger = recordingLogger();
    store = await start(here, { logger });
    const kept = readdirSync(here.dataDir).filter((name) => /^standby\.db\.refused-[^.]+\.\d+Z$/.test(name));
    expect(kept).toHaveLength(1);
    const report = store.takeReport();
    expect(report).toMatch(
      /was not copied to it: another agent has used the name "web-1" meanwhile, .*\. It is kept in /,
    );
    expect(report).toContain(kept[0]);
    expect(store.takeReport()).toBeUndefined();
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'error' }));
    expect((await store.openCases()).map((one) => one.incident.id)).toEqual(['theirs']);
    expect(await store.asksSince(0)).toBe(2);
    expect(await store.countAttemptsSince(0)).toBe(2);
    // It goes on with a new file.
    await here.database.away();
    await store.saveIncident(incident({ id: 'later' }));
    await here.database.back();
    await store.probe();
    expect((await store.openCases()).map((one) => one.incident.id).sort()).toEqual(['later', 'theirs']);
  });

  test('makes the store unhealthy while another agent has the name', async () => {
    const here = await place();
    const store = await start(here);
    await here.database.away();
    await store.saveIncident(incident());
    await here.database.back();
    const other = await start({ ...here, dataDir: join(await temporaryDirectory(), 'other') });
    expect(await store.probe()).toBe(false);
    expect(store.problem()).toContain('another agent called "web-1" uses this database');
    await other.close();
    expect(await store.probe()).toBe(true);
    expect(store.takeReport()).toContain('another agent has used the name');
  });

  test('gives two agents without the database no more than the limit together', async () => {
    const here = await place();
    const fleetLimits = { restartsPerHour: 5, diagnosesPerHour: 7, spendPerDayUsd: 1 };
    const restart = (store: Store, id: string) =>
      store.beginAttempt(attempt({ id, startedAt: here.clock.time })).then(
        () => 1,
        () => 0,
      );
    const ask = (store: Store) =>
      store.recordAsk({ at: here.clock.time, incidentId: 'x' }).then(
        () => 1,
        () => 0,
      );
    const dirs = [here.dataDir, join(await temporaryDirectory(), 'two')];
    const stores: Store[] = [];
    for (const [n, dataDir] of dirs.entries()) {
      const store = await start({ ...here, dataDir }, { agent: `web-${n + 1}`, fleetLimits });
      await store.beat(SELF);
      stores.push(store);
    }
    expect(await restart(stores[0] as Store, 'before')).toBe(1);
    here.clock.time += 61 * SECOND;
    for (const store of stores) await store.probe();
    await here.database.away();
    let restarts = 0;
    let asks = 0;
    for (let n = 0; n < 5; n++) {
      for (const store of stores) {
        restarts += await restart(store, `${restarts}-${asks}-${n}`);
        asks += await ask(store);
      }
    }
    // Four of five restarts were left, two for each; of seven questions, three for each.
    expect([restarts, asks]).toEqual([4, 6]);
    here.clock.time += HOUR + SECOND;
    // What was used before no longer counts, and half of the limit is two.
    expect(await restart(stores[0] as Store, 'next-1')).toBe(1);
    expect(await restart(stores[0] as Store, 'next-2')).toBe(1);
    expect(await restart(stores[0] as Store, 'next-3')).toBe(0);
  });

  test('gives an agent that is cut off its share only, so the excess is at most that share', async () => {
    const here = await place();
    const fleetLimits = { restartsPerHour: 4, diagnosesPerHour: 9, spendPerDayUsd: 1 };
    const away = await start(here, { fleetLimits });
    const there = await start(
      { ...here, dataDir: join(await temporaryDirectory(), 'two') },
      { agent: 'web-2', fleetLimits },
    );
    for (const store of [away, there]) await store.beat(SELF);
    here.clock.time += 61 * SECOND;
    for (const store of [away, there]) await store.probe();
    await here.database.away();
    let restarts = 0;
    const restartAll = async (store: Store, name: string) => {
      for (let n = 0; n < 6; n++) {
        await store.beginAttempt(attempt({ id: `${name}-${n}`, startedAt: here.clock.time })).then(
          () => restarts++,
          () => {},
        );
      }
    };
    await restartAll(away, 'away');
    expect(restarts).toBe(2);
    await here.database.back();
    await there.probe();
    await restartAll(there, 'there');
    expect(restarts).toBe(6);
  });

  test('is not used if it is older than a day; what it has is copied when the database is back', async () => {
    const here = await place();
    let store = await start(here);
    await here.database.away();
    await handle(store, 'a');
    await store.close();
    here.clock.time += DAY + HOUR;
    store = await start(here);
    expect(store.problem()).toMatch(/the standby file is older than a day: its last entry is of 2026-11-23T12:00/);
    await store.saveIncident(incident({ id: 'in-memory' }));
    await here.database.back();
    expect(await store.probe()).toBe(true);
    expect((await store.openCases()).map((one) => one.incident.id).sort()).toEqual(['a', 'in-memory']);
  });

  test('is not there at a first start without the database: memory is used', async () => {
    const here = await place();
    await here.database.away();
    const store = await start(here);
    expect(store.problem()).toContain('nothing was copied to the standby file yet');
    expect(store.healthy()).toBe(false);
  });

  test('gives way to memory on a full disk, which is said; nothing of the file is lost', async ({ skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const here = { ...(await place()), dataDir: disk.path };
    const logger = recordingLogger();
    const store = await start(here, { logger });
    await here.database.away();
    await handle(store, 'a');
    disk.fill();
    await eventually(async () => ((await store.probe()) ? undefined : true));
    await eventually(async () => {
      await store.probe();
      expect(store.problem()).toMatch(/the database of DATABASE_URL cannot be used/);
      return true;
    });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('kept in memory') }),
    );
    await store.saveIncident(incident({ id: 'in-memory' }));
    // A full disk can be read.
    await here.database.back();
    expect(await store.probe()).toBe(true);
    const ids = async () => (await store.openCases()).map((one) => one.incident.id).sort();
    expect(await ids()).toEqual(['a', 'in-memory']);
    // What the file still has is not copied over newer rows.
    await store.resolveIncident('a', NOON);
    disk.free();
    here.clock.time += 2 * 60 * SECOND;
    expect(await store.probe()).toBe(true);
    expect(await ids()).toEqual(['in-memory']);
    expect(store.takeReport()).toContain('It is kept in');
    await here.database.away();
    expect(await store.probe()).toBe(true);
    expect(await ids()).toEqual(['in-memory']);
  });

  test('cannot be used in a directory that cannot be written; the agent works with the database, and says so', async () => {
    const here = await place();
    writeFileSync(here.dataDir, 'a file is in the way');
    const logger = recordingLogger();
    const store = await start(here, { logger });
    expect(store.healthy()).toBe(true);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('there is no standby file') }),
    );
    await here.database.away();
    await expect(store.saveIncident(incident())).rejects.toMatchObject({ reason: 'unavailable' });
    for (let n = 0; n < 2; n++) expect(await store.probe()).toBe(false);
    await store.saveIncident(incident());
  });

  test('of another name, or of a newer version, is never used or deleted', async () => {
    const here = await place();
    const first = await start(here, { agent: 'old-name' });
    await here.database.away();
    await first.saveIncident(incident());
    await first.close();
    await here.database.back();
    const second = await start(here);
    expect(await second.openCases()).toEqual([]);
    expect(readdirSync(here.dataDir).filter((name) => name.includes('other-agent'))).not.toEqual([]);
    await second.close();

    const file = join(here.dataDir, 'standby.db');
    const newer = new DatabaseSync(file);
    newer.exec(`INSERT INTO schema_version (version, name, applied_at) VALUES (99, 'from the future', 0)`);
    newer.close();
    mkdirSync(join(here.dataDir, 'kept'));
    copyFileSync(file, join(here.dataDir, 'kept', 'standby.db'));
    const logger = recordingLogger();
    const third = await start(here, { logger });
    expect(third.healthy()).toBe(true);
    expect(JSON.stringify(logger.lines)).toContain('written by a newer container-doctor');
  });
});
