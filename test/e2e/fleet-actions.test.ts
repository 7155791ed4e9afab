/** What people ask on one host of another: carried out there, once, or refused and never carried out. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/pipeline/ports/people.ts';
import { answer, hang } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { SAFE, startWorld } from '../support/world.ts';

const why = whyNoPostgres();
const JANE: Actor = { via: 'page', who: 'token', from: '192.0.2.7' };
const JOE: Actor = { via: 'page', who: 'token', from: '192.0.2.8' };

const soon = <T>(read: () => Promise<T | undefined> | T | undefined) =>
  eventually(read, { deadlineMs: 60_000, everyMs: 50 });
const fail = (world: FastWorld, text = 'ERROR cannot serve: deadlock') =>
  world.engine.container('app')?.log(text, { stream: 'stderr' });
const restarts = (world: FastWorld) => world.engine.count('restart', 'app');

/** The request of the host, as another agent's API shows it. */
const waiting = (world: FastWorld, host: string): Promise<{ id: string; incident_id: string }> =>
  soon(async () => {
    const { restart_requests } = await world.api('/waiting');
    return restart_requests.find((request: { host: string }) => request.host === host);
  });

let server: PostgresServer;
beforeAll(async () => {
  if (why === undefined) server = await startPostgres();
}, 60_000);
afterAll(() => server?.close());

describe.skipIf(why !== undefined)(why ?? 'an action on another host', { timeout: 180_000 }, () => {
  let databaseUrl: string;
  let fleet: TestFleet;
  let db: pg.Client;

  afterEach(async () => {
    await fleet.close();
    await db.end();
  }, 60_000);

  const start = async (names: readonly string[], speed = 4) => {
    databaseUrl = server.createDatabase();
    fleet = await startFleet({
      databaseUrl,
      speed,
      containers: [{ name: 'app', labels: { 'container-doctor.restart': 'ask' } }],
      claude: () => answer(SAFE),
      env: { VERIFY_STABLE_SECONDS: '5' },
    });
    db = new pg.Client({ connectionString: databaseUrl });
    db.on('error', () => {});
    await db.connect();
    const worlds: FastWorld[] = [];
    for (const name of names) worlds.push(await fleet.start(name));
    return worlds as [FastWorld, FastWorld, ...FastWorld[]];
  };
  const actions = async () =>
    (await db.query('SELECT id, state, result FROM fleet_actions ORDER BY asked_at')).rows as {
      id: string;
      state: string;
      result: string | null;
    }[];

  it('is carried out by the agent there, once, whoever is asked; the audit names the person and the host', async () => {
    const [one, two, three] = (await start(['web-1', 'web-2', 'web-3'])) as [FastWorld, FastWorld, FastWorld];
    fail(two);
    const { id, incident_id } = await waiting(one, 'web-2');
    const results = await Promise.all([one.people.actions.approve(id, JANE), three.people.actions.approve(id, JOE)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['done', 'refused']);
    await soon(async () => (await one.api(`/incidents/${incident_id}`)).attempts[0]?.outcome ?? undefined);
    expect([restarts(one), restarts(two), restarts(three)]).toEqual([0, 1, 0]);
    const first = results[0]?.kind === 'done' ? '192.0.2.7 through web-1' : '192.0.2.8 through web-3';
    const { audit } = await three.api(`/incidents/${incident_id}`);
    expect(audit).toHaveLength(2);
    expect(audit.filter(({ result }: { result: string }) => result.startsWith('restarted'))).toMatchObject([
      { action: 'approve', actor: { via: 'page', who: 'token', from: first } },
    ]);
  });

  it('can be a denial, another question or the end of a snooze', async () => {
    const [one, two] = await start(['web-1', 'web-2']);
    fail(two);
    const { id, incident_id } = await waiting(one, 'web-2');
    expect(await one.people.actions.deny(id, JANE)).toEqual({ kind: 'done', what: 'app is not restarted' });
    expect((await two.people.store.findRequest(id))?.state).toBe('denied');

    const questions = fleet.claude.requests.length;
    expect(await one.people.actions.askAgain(incident_id, JANE)).toMatchObject({ kind: 'done' });
    await soon(() => (fleet.claude.requests.length === questions + 1 ? true : undefined));

    await two.people.actions.snooze({ service: { service: 'app' }, forMs: 3_600_000 }, JOE);
    const { snoozes } = await one.api('/waiting');
    expect(snoozes).toMatchObject([{ service: 'app', host: 'web-2' }]);
    expect(await one.people.actions.endSnooze(snoozes[0].id, JANE)).toMatchObject({ kind: 'done' });
    expect(await two.people.store.snoozes()).toEqual([]);
    expect(await one.people.actions.endSnooze(snoozes[0].id, JANE)).toEqual({ kind: 'not_found' });
    expect((await actions()).map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'finished'));
  });

  it('is withdrawn and never carried out if the agent there does not answer; a silent one is not asked', async () => {
    const [one, two] = await start(['web-1', 'web-2'], 20);
    fail(two);
    const { id } = await waiting(one, 'web-2');
    // The network between web-2 and the database fails.
    const cut = async () =>
      db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'container-doctor%web-2'`,
      );
    await cut();
    await db.query(`SELECT pg_advisory_lock(hashtextextended('container-doctor agent web-2', 0))`);
    expect(await one.people.actions.approve(id, JANE)).toEqual({
      kind: 'refused',
      why: 'the agent on web-2 did not answer within 10 s; the request was withdrawn',
    });
    await soon(async () => {
      const { agents } = await one.api('/status');
      return agents.find(({ host }: { host: string }) => host === 'web-2').state === 'silent' ? true : undefined;
    });
    const refused = await one.people.actions.approve(id, JANE);
    expect(refused).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/^the agent on web-2 does not answer: /),
    });

    await db.query('SELECT pg_advisory_unlock_all()');
    await soon(async () => {
      const { agents } = await one.api('/status');
      return agents.find(({ host }: { host: string }) => host === 'web-2').state === 'alive' ? true : undefined;
    });
    // What is asked now is claimed after what was asked before. With this clock, it may come too late, too.
    await soon(async () => ((await one.people.actions.deny(id, JANE)).kind === 'done' ? true : undefined));
    const states = (await actions()).map(({ state }) => state);
    expect([states[0], states.at(-1)]).toEqual(['withdrawn', 'finished']);
    expect(restarts(two)).toBe(0);
  });

  it('is found without NOTIFY', async () => {
    const [one, two] = await start(['web-1', 'web-2']);
    fail(two);
    const { id } = await waiting(one, 'web-2');
    const action = { kind: 'approve', id, actor: JANE };
    await db.query(
      `INSERT INTO fleet_actions (id, agent, asked_by, action, state, asked_at, expires_at, claims)
       SELECT 'lost', 'web-2', 'web-1', $1, 'asked', now, now + 60000, 0
       FROM (SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint AS now) AS clock`,
      [JSON.stringify(action)],
    );
    await soon(() => (restarts(two) === 1 ? true : undefined));
    const [found] = await soon(async () => {
      const all = await actions();
      return all[0]?.state === 'finished' ? all : undefined;
    });
    expect(JSON.parse(found?.result ?? '')).toMatchObject({ kind: 'done' });
  });

  it('is not repeated by an agent that was killed after it was carried out and before the result was stored', async () => {
    const [one, two] = await start(['web-1', 'web-2']);
    fail(two);
    const { id, incident_id } = await waiting(one, 'web-2');
    expect(await one.people.actions.approve(id, JANE)).toMatchObject({ kind: 'done' });
    await soon(async () => (await one.api(`/incidents/${incident_id}`)).attempts[0]?.outcome ?? undefined);
    await db.query(`UPDATE fleet_actions SET state = 'claimed', result = NULL`);
    const [again] = await soon(async () => {
      const all = await actions();
      return all[0]?.state === 'finished' ? all : undefined;
    });
    expect(JSON.parse(again?.result ?? '')).toEqual({ kind: 'done', what: 'it is approved: app' });
    expect(restarts(two)).toBe(1);
    expect((await one.api(`/incidents/${incident_id}`)).audit).toHaveLength(1);
  });
});

describe.skipIf(why !== undefined)(why ?? 'an agent that is killed after it has claimed an action', () => {
  it('carries it out when it is started again, and the one who asked gets the result', async () => {
    const [one, two] = await Promise.all([startWorld(), startWorld()]);
    const databaseUrl = server.createDatabase();
    const db = new pg.Client({ connectionString: databaseUrl });
    db.on('error', () => {});
    try {
      await db.connect();
      const token = 'a-token-for-the-page-0123456789abcdef';
      const env = (name: string) => ({
        DATABASE_URL: databaseUrl,
        AGENT_NAME: name,
        ANTHROPIC_BASE_URL: two.claude.url,
        HTTP_TOKEN: token,
      });
      const container = two.engine.addContainer({ name: 'app' });
      const [first, second] = await Promise.all([one.start(env('web-1')), two.start(env('web-2'))]);
      two.claude.reply([hang()]);
      container.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
      await soon(() => (two.claude.requests.length === 1 ? true : undefined));
      const { rows } = await soon(async () => {
        const found = await db.query<{ id: string }>('SELECT id FROM incidents');
        return found.rows.length === 1 ? found : undefined;
      });
      const id = rows[0]?.id ?? '';

      // The agent waits for the question before it asks again.
      const asked = fetch(`${first.url}/api/v1/incidents/${id}/ask-again`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{}',
      });
      await soon(async () => {
        const found = await db.query(`SELECT 1 FROM fleet_actions WHERE state = 'claimed'`);
        return found.rows.length === 1 ? true : undefined;
      });
      two.claude.reply([answer({ severity: 'medium' }), answer({ severity: 'medium' })]);
      second.signal('SIGKILL');
      await second.exited;
      await two.start(env('web-2'));

      const response = await asked;
      expect([response.status, await response.json()]).toEqual([
        200,
        { result: 'done', text: 'app is being diagnosed again' },
      ]);
      // Of the first run; of the second, which goes on with the incident; and the one that a person asked for.
      await soon(() => (two.claude.requests.length === 3 ? true : undefined));
      const { rows: audit } = await db.query(`SELECT agent, from_where FROM audit WHERE action = 'ask_again'`);
      expect(audit).toEqual([{ agent: 'web-2', from_where: expect.stringMatching(/ through web-1$/) }]);
    } finally {
      await db.end();
      await Promise.all([one.close(), two.close()]);
    }
  }, 180_000);
});
