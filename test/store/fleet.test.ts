/** What agents that share a database know of each other. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { StoreOptions } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import {
  alert,
  attempt,
  container,
  diagnosis,
  incident,
  NOON,
  open,
  recordingLogger,
  request,
  temporaryDirectory,
} from './support.ts';

const why = whyNoPostgres();
const SELF = { id: 'id', version: '1', startedAt: NOON };
const PROBLEM = { project: 'shop', service: 'api', fingerprint: 'fp-1' };

describe.skipIf(why !== undefined)(why === undefined ? 'agents of one database' : `agents (${why})`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());

  async function agents(count: number, options: Partial<StoreOptions> = {}) {
    const databaseUrl = server.createDatabase();
    const stores = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const where = { databaseUrl, agent: `web-${n + 1}` };
        const store = await openStore({
          where,
          receivers: ['slack'],
          now: () => NOON,
          logger: recordingLogger(),
          ...options,
        });
        onTestFinished(() => store.close());
        return store;
      }),
    );
    return { databaseUrl, stores, one: stores[0] as (typeof stores)[0], two: stores[1] as (typeof stores)[0] };
  }

  test('see the heartbeats of all, which grow with each', async () => {
    const { one, two } = await agents(2);
    await one.beat(SELF);
    await two.beat({ ...SELF, id: 'other' });
    expect(await one.beat(SELF)).toMatchObject([
      { name: 'web-1', id: 'id', beat: 2 },
      { name: 'web-2', id: 'other', beat: 1 },
    ]);
    await two.saveStopped();
    const [, stopped] = await one.beat(SELF);
    expect(stopped?.stoppedAt).toBe(NOON);
    expect((await two.beat(SELF))[1]?.stoppedAt).toBeUndefined();
  });

  test('exactly one of them tells that another is silent, and exactly one that it is back', async () => {
    const { stores } = await agents(5);
    for (const store of stores) await store.beat(SELF);
    const silent = { name: 'web-5', beat: 1 };
    const others = stores.slice(0, 4);
    const claims = await Promise.all(others.map((store) => store.claimSilence(silent)));
    expect(claims.filter((won) => won)).toHaveLength(1);
    // Nobody tells that it is back while it is not.
    expect(await Promise.all(others.map((store) => store.endSilence(silent)))).toEqual([false, false, false, false]);
    // The one that was to tell is silent too, and has not told.
    const teller = `web-${claims.indexOf(true) + 1}`;
    const [next] = others.filter((_, n) => `web-${n + 1}` !== teller);
    expect(await next?.claimSilence(silent, 'web-9')).toBe(false);
    expect(await next?.claimSilence(silent, teller)).toBe(true);
    await next?.saveSilenceTold('web-5');
    expect(await stores[0]?.claimSilence(silent, teller)).toBe(false);

    await stores[4]?.beat(SELF);
    const ends = await Promise.all(stores.map((store) => store.endSilence(silent)));
    expect(ends.filter((won) => won)).toHaveLength(1);
    // An agent that has come back meanwhile is not silent.
    expect(await stores[0]?.claimSilence(silent)).toBe(false);
  });

  test('one asks at a time; another one asks after the first was killed, or has got no answer', async () => {
    const { one, two } = await agents(2);
    expect(await one.claimQuestion('q', 60_000)).toBe(true);
    expect(await two.claimQuestion('q', 60_000)).toBe(false);
    expect(await two.claimQuestion('another', 60_000)).toBe(true);
    await two.releaseQuestion('q', 0);
    expect(await two.claimQuestion('q', 60_000)).toBe(false);
    await one.releaseQuestion('q', 0);
    await eventually(async () => ((await two.claimQuestion('q', 300)) ? true : undefined));
    // It is killed.
    await two.close();
    expect(await one.claimQuestion('q', 60_000)).toBe(false);
    await delay(300);
    expect(await one.claimQuestion('q', 60_000)).toBe(true);
  });

  test('know the diagnoses of each other, and the verdicts on them', async () => {
    const { one, two } = await agents(2);
    await one.saveIncident(incident());
    await one.saveDiagnosis('incident-1', diagnosis({ tier: 'rules' }));
    expect(await two.caseElsewhere(PROBLEM)).toBeUndefined();
    await one.saveDiagnosis('incident-1', diagnosis());
    await one.saveDecision('incident-1', { kind: 'notify', reason: 'severity_too_low' });
    expect(await two.caseElsewhere(PROBLEM)).toMatchObject({ diagnosis: diagnosis() });
    expect((await two.caseElsewhere(PROBLEM))?.incident.container.host).toBe('web-1');
    expect(await one.caseElsewhere(PROBLEM)).toBeUndefined();
    expect(await two.caseElsewhere({ ...PROBLEM, fingerprint: 'fp-2' })).toBeUndefined();
    expect(await two.saveVerdict('incident-1', { verdict: 'wrong', at: NOON })).toBe(true);
    expect((await two.caseElsewhere(PROBLEM))?.judgedWrong).toBe(true);
    expect(await one.verdictsSince(NOON - 1)).toMatchObject([{ incidentId: 'incident-1', verdict: 'wrong' }]);
    expect(await two.verdictsSince(NOON - 1)).toEqual([]);
  });

  test('restart and ask no more than the limits of all, also at the same moment', async () => {
    const fleetLimits = { restartsPerHour: 3, diagnosesPerHour: 4, spendPerDayUsd: 100 };
    const { stores, one } = await agents(5, { fleetLimits });
    const limits = (results: readonly PromiseSettledResult<unknown>[]) =>
      results.flatMap((result) => (result.status === 'rejected' ? [result.reason.limit] : []));
    const restarts = stores.map((store, n) => store.beginAttempt(attempt({ id: `attempt-${n}` })));
    expect(limits(await Promise.allSettled(restarts))).toEqual(['fleet_restart_limit', 'fleet_restart_limit']);
    const asks = stores.map((store, n) => store.recordAsk({ at: NOON, incidentId: `incident-${n}` }));
    expect(limits(await Promise.allSettled(asks))).toEqual(['fleet_hourly_cap']);
    expect(one.healthy()).toBe(true);
  });

  test('spend no more than the limit of all, with a reserve for questions in progress', async () => {
    const fleetLimits = { restartsPerHour: 9, diagnosesPerHour: 99, spendPerDayUsd: 1 };
    const { one, two } = await agents(2, { fleetLimits });
    await one.recordRequests([request({ at: NOON, incidentId: 'earlier', costUsd: 0.96 })]);
    await one.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await expect(two.recordAsk({ at: NOON, incidentId: 'incident-2' })).rejects.toMatchObject({
      limit: 'fleet_daily_spend',
    });
    await one.recordRequests([request({ at: NOON, incidentId: 'incident-1', costUsd: 0.01 })]);
    await two.recordAsk({ at: NOON, incidentId: 'incident-2' });
    await two.recordRequests([request({ at: NOON, incidentId: 'incident-2', costUsd: 0.1 })]);
    await expect(one.recordAsk({ at: NOON, incidentId: 'incident-3' })).rejects.toMatchObject({
      limit: 'fleet_daily_spend',
    });
  });

  test('hold the alert of a problem that another host has reported to the same destination', async () => {
    const { one, two, stores, databaseUrl } = await agents(3, { destinations: new Map([['slack', 'd1']]) });
    const three = stores[2] as typeof one;
    const of = (host: string) => alert({ id: host, incident: incident({ id: host }) });
    await one.enqueue(of('web-1'), ['slack', 'console']);
    await two.enqueue(of('web-2'), ['slack', 'console'], undefined, ['slack']);
    await three.enqueue(of('web-3'), ['slack']);
    expect((await one.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['web-1']);
    expect(await two.due('slack', NOON, 9)).toEqual([]);
    expect((await two.due('console', NOON, 9)).map((row) => row.alert.id)).toEqual(['web-2']);
    expect(await two.followersOf('web-2')).toEqual([]);
    expect(await two.pending()).toEqual(
      new Map([
        ['slack', 1],
        ['console', 1],
      ]),
    );

    const [held] = await one.heldMessages();
    expect(held).toMatchObject({ receiver: 'slack', firstHost: 'web-1', oldestAt: NOON, newestAt: NOON });
    const name = held?.name ?? '';
    const claims = await Promise.all(stores.map((store) => store.claimMessage(name, 60_000)));
    expect(claims.filter((won) => won)).toHaveLength(1);
    expect(await one.claimMessage(name, 60_000)).toBe(false);
    expect((await one.heldAlerts(name)).map(({ host }) => host)).toEqual(['web-2', 'web-3']);
    await one.markToldTogether({ name, receiver: 'slack' }, ['web-2'], NOON);
    expect((await one.heldAlerts(name)).map(({ host }) => host)).toEqual(['web-3']);
    expect((await one.incidentRecords('web-2')).alerts.find(({ receiver }) => receiver === 'slack')?.state).toBe(
      'sent',
    );
    // If nobody has sent it for an hour, its own agent does.
    const late = await openStore({
      where: { databaseUrl, agent: 'web-9' },
      receivers: ['slack'],
      destinations: new Map([['slack', 'd1']]),
      now: () => NOON,
      logger: recordingLogger(),
    });
    onTestFinished(() => late.close());
    await late.enqueue(of('web-9'), ['slack']);
    expect(await late.due('slack', NOON, 9)).toEqual([]);
    await late.close();
    const afterAnHour = await openStore({
      where: { databaseUrl, agent: 'web-9' },
      receivers: ['slack'],
      destinations: new Map([['slack', 'another']]),
      now: () => NOON + 3_600_001,
      logger: recordingLogger(),
    });
    onTestFinished(() => afterAnHour.close());
    expect(await afterAnHour.heldMessages()).toEqual([]);
    expect((await afterAnHour.due('slack', NOON + 3_600_001, 9)).map((row) => row.alert.id)).toEqual(['web-9']);
    // The first host sends its own alerts as always.
    await one.enqueue(alert({ id: 'again', incident: incident({ id: 'again' }) }), ['slack']);
    expect((await one.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['web-1', 'again']);
  });

  test('send alerts themselves that ask a person, or go to another destination', async () => {
    const databaseUrl = server.createDatabase();
    const start = async (agent: string, destination: string) => {
      const store = await openStore({
        where: { databaseUrl, agent },
        receivers: ['slack'],
        destinations: new Map([['slack', destination]]),
        now: () => NOON,
        logger: recordingLogger(),
      });
      onTestFinished(() => store.close());
      return store;
    };
    const one = await start('web-1', 'd1');
    const two = await start('web-2', 'd2');
    const three = await start('web-3', 'd1');
    const dueOf = async (store: typeof one) => (await store.due('slack', NOON, 9)).map((row) => row.alert.id);
    await one.enqueue(alert({ id: 'one' }), ['slack']);
    await two.enqueue(alert({ id: 'two', incident: incident({ id: 'i2' }) }), ['slack']);
    const asking = { id: 'r', expiresAt: NOON + 1 };
    await three.enqueue(alert({ id: 'three', incident: incident({ id: 'i3' }), request: asking }), ['slack']);
    expect(await dueOf(two)).toEqual(['two']);
    expect(await dueOf(three)).toEqual(['three']);
    expect(await two.heldMessages()).toEqual([]);
  });

  test('know where the containers of the others are reached, as long as these are not silent', async () => {
    const { one, two, stores } = await agents(3);
    const three = stores[2] as typeof one;
    for (const store of stores) await store.beat(SELF);
    const port = { network: '', name: '', port: 5432, service: 'db', project: 'shop', isDown: false };
    const name = { network: 'shop_default', name: 'db', port: 0, service: 'shop_db', isDown: true };
    await two.saveEndpoints(['10.9.0.2', 'web-2'], [port, name]);
    const service = { host: 'web-2', network: '', name: '', service: 'db', project: 'shop' };
    expect(await one.servicesAt([{ host: '10.9.0.2', port: 5432 }])).toEqual([service]);
    expect(await one.servicesAt([{ host: '10.9.0.2', port: 6379 }])).toEqual([]);
    expect(await two.servicesAt([{ host: '10.9.0.2', port: 5432 }])).toEqual([]);
    expect(await one.servicesOn(['shop_default', ''])).toEqual([
      { host: 'web-2', network: 'shop_default', name: 'db', service: 'shop_db' },
    ]);

    await three.saveEndpoints(['10.9.0.2'], [port]);
    expect(await one.servicesAt([{ host: '10.9.0.2', port: 5432 }])).toEqual([]);
    const third = (await one.beat(SELF)).find((agent) => agent.name === 'web-3');
    await one.claimSilence(third as NonNullable<typeof third>);
    expect(await one.servicesAt([{ host: '10.9.0.2', port: 5432 }])).toEqual([service]);

    await two.saveEndpoints(['10.9.0.2'], [name]);
    expect(await one.servicesAt([{ host: '10.9.0.2', port: 5432 }])).toEqual([]);
  });

  test('join causes on other hosts at the same moment, and close no cycle', async () => {
    const { one, two } = await agents(2);
    const [api, db] = [container({ name: 'api', service: 'api' }), container({ name: 'db', service: 'db' })];
    await one.saveIncident(incident({ id: 'api', container: api }));
    await two.saveIncident(incident({ id: 'db', container: db }));
    const joined = await Promise.all([
      one.joinElsewhere('api', 'db', 'observed'),
      two.joinElsewhere('db', 'api', 'observed'),
    ]);
    expect(joined.filter((root) => root !== undefined)).toHaveLength(1);
    expect(await one.joinElsewhere('never stored', 'db', 'observed')).toBeUndefined();

    const [winner, id, host] = joined[0] ? [one, 'db', 'web-2'] : [two, 'api', 'web-1'];
    const [there] = await winner.incidentsElsewhere([id]);
    expect(there).toMatchObject({ incident: { id, container: { host } }, isDown: false, isSilent: false });
    const member = (joined[0] ? await one.openCases() : await two.openCases())[0]?.incident;
    expect(member?.cause).toEqual({ kind: 'incident', incidentId: id, evidence: 'observed', host });
  });

  test('write no heartbeat and judge nobody while memory takes the place of the database', async () => {
    const { one } = await agents(1);
    await one.beat(SELF);
    await server.stop();
    try {
      for (let probe = 0; probe < 3; probe++) await one.probe();
      await expect(one.beat(SELF)).rejects.toMatchObject({ reason: 'unavailable' });
      expect(await one.caseElsewhere(PROBLEM)).toBeUndefined();
      expect(await one.claimQuestion('q', 1)).toBe(true);
    } finally {
      await server.start();
    }
    expect(await one.probe()).toBe(true);
    expect(await one.beat(SELF)).toMatchObject([{ name: 'web-1', beat: 2 }]);
  });
});

test('a store in a file has no fleet: nothing is claimed, held or limited', async () => {
  const store = await open(await temporaryDirectory());
  await expect(store.beat(SELF)).rejects.toMatchObject({ reason: 'unavailable' });
  expect(await store.caseElsewhere(PROBLEM)).toBeUndefined();
  expect(await store.claimQuestion('q', 1)).toBe(true);
  expect(await store.heldMessages()).toEqual([]);
  expect(store.healthy()).toBe(true);
  await store.saveIncident(incident({ container: container({ host: 'web-1' }) }));
  expect((await store.incidentPage({ host: 'web-1' }, { limit: 9 })).total).toBe(1);
  expect((await store.incidentPage({ host: 'local' }, { limit: 9 })).total).toBe(0);
});
