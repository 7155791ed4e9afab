/** Several real agents, each with a simulated engine of its own, on one real PostgreSQL database. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/pipeline/ports/people.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { breakSchema } from '../support/next-schema.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { SAFE } from '../support/world.ts';

const why = whyNoPostgres();
const JANE: Actor = { via: 'page', who: 'token' };
const HOUR = 3_600_000;

const soon = <T>(read: () => Promise<T | undefined> | T | undefined) =>
  eventually(read, { deadlineMs: 60_000, everyMs: 100 });
const fail = (world: FastWorld, text = 'ERROR cannot serve: deadlock') =>
  world.engine.container('app')?.log(text, { stream: 'stderr' });
const diagnosed = (world: FastWorld, host: string, count = 1) =>
  soon(async () => {
    const { incidents } = await world.api(`/incidents?host=${host}`);
    const done = incidents.filter((one: { decision: unknown }) => one.decision !== null);
    return done.length >= count ? done : undefined;
  });

describe.skipIf(why !== undefined)(why === undefined ? 'a fleet' : `a fleet (${why})`, { timeout: 180_000 }, () => {
  let server: PostgresServer;
  let databaseUrl: string;
  let fleet: TestFleet;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.close());
  afterEach(() => fleet.close(), 60_000);

  const start = async (names: readonly string[], options: Partial<Parameters<typeof startFleet>[0]> = {}) => {
    databaseUrl = server.createDatabase();
    fleet = await startFleet({ databaseUrl, claude: () => answer({ severity: 'medium' }), speed: 5, ...options });
    const worlds = await Promise.all(names.map((name) => fleet.start(name)));
    return worlds as unknown as [FastWorld, FastWorld, ...FastWorld[]];
  };

  const sql = async (query: string) => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    return (await client.query(query).finally(() => client.end())).rows;
  };

  it('is shown whole by each agent, with the host of each incident; each agent acts on its own host', async () => {
    const [one, two] = await start(['web-1', 'web-2']);
    fail(one, 'ERROR cannot parse the invoice');
    fail(two, 'ERROR lost the leader election');
    const [ofOne] = await diagnosed(two, 'web-1');
    const [ofTwo] = await diagnosed(one, 'web-2');
    for (const world of [one, two]) {
      const { incidents, total } = await world.api('/incidents');
      expect(total).toBe(2);
      expect(incidents.map((incident: { host: string }) => incident.host).sort()).toEqual(['web-1', 'web-2']);
      expect((await world.api(`/incidents/${ofTwo.id}`)).host).toBe('web-2');
      expect((await world.history()).map(({ host }) => host).sort()).toEqual(['web-1', 'web-2']);
    }
    expect(await one.people.actions.askAgain(ofTwo.id, JANE)).toMatchObject({ kind: 'done' });
    expect(await one.people.actions.askAgain('no-such-id', JANE)).toEqual({ kind: 'not_found' });
    expect(await one.people.actions.judge(ofTwo.id, 'wrong', undefined, JANE)).toMatchObject({ kind: 'done' });
    expect((await two.api(`/incidents/${ofTwo.id}`)).verdict).toBe('wrong');
    expect((await two.api(`/incidents/${ofOne.id}`)).verdict).toBeNull();
    const { agents } = await soon(async () => {
      const status = await two.api('/status');
      return status.agents.length === 2 ? status : undefined;
    });
    expect(agents).toMatchObject([
      { host: 'web-1', state: 'alive' },
      { host: 'web-2', state: 'alive' },
    ]);
    expect(agents[0].id).not.toBe(agents[1].id);
    // Each resumes and counts only its own.
    expect((await one.health()).open_incidents).toBe(1);
  });

  it('shows the containers, dependencies and timeline of each host on every page', async () => {
    const [one, two] = await start(['web-1', 'web-2'], { speed: 20, containers: [] });
    one.engine.addContainer({ name: 'app' });
    two.engine.addContainer({ name: 'db', image: 'postgres:17', networks: ['shop'] });
    two.engine.addContainer({ name: 'app', networks: ['shop'], env: ['DATABASE_HOST=db'] });
    const names = ({ containers }: { containers: { host: string; name: string }[] }) =>
      containers.map(({ host, name }) => `${host}/${name}`);
    const all = await soon(async () => {
      const shown = await one.api('/containers?host=*');
      return shown.containers.length === 3 ? shown : undefined;
    });
    expect(names(all)).toEqual(['web-1/app', 'web-2/app', 'web-2/db']);
    expect(all.containers.map(({ policy }: { policy: unknown[] }) => policy.length)).toEqual([0, 0, 0]);
    expect(names(await one.api('/containers'))).toEqual(['web-1/app']);

    await soon(async () => {
      const { containers } = await two.api('/containers');
      expect((await one.api('/containers?host=web-2')).containers).toEqual(containers);
      expect(containers[0].policy.length).toBeGreaterThan(5);
      return true;
    });
    const graph = await soon(async () => {
      const shown = await one.api('/graph?host=web-2');
      return shown.edges.length === 1 ? shown : undefined;
    });
    expect(graph).toEqual(await two.api('/graph'));
    expect(graph).toMatchObject({ host: 'web-2', edges: [{ from: 'app', to: 'db', evidence: 'environment' }] });

    two.engine.container('app')?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await soon(async () => ((await one.api('/incidents?host=web-2')).total === 1 ? true : undefined));
    const open = async (world: FastWorld, query: string) =>
      (await world.api(`/containers${query}`)).containers.map(
        (each: { open_incidents: string[] }) => each.open_incidents.length,
      );
    expect(await open(one, '?host=*')).toEqual([0, 1, 0]);
    expect(await open(one, '')).toEqual([0]);
    expect(await open(two, '')).toEqual([1, 0]);
    expect((await one.api('/timeline?host=web-2')).incidents).toHaveLength(1);
    expect((await one.api('/timeline')).incidents).toHaveLength(0);
    expect(await one.api('/containers?host=web-9')).toMatchObject({ error: expect.stringContaining('no such host') });

    two.engine.container('db')?.stop();
    await soon(async () => {
      const { containers } = await one.api('/containers?host=web-2');
      return containers.map(({ status }: { status: string }) => status).join() === 'running,exited' ? true : undefined;
    });
  });

  it('asks once about a problem that five hosts have at the same moment', async () => {
    const names = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5'];
    const slow = { ...answer({ severity: 'medium', root_cause: 'the lock table is full' }), delayMs: 1_000 };
    const worlds = await start(names, { claude: () => slow });
    for (const world of worlds) fail(world);
    for (const [index, name] of names.entries()) {
      const [incident] = await diagnosed(worlds[0], name);
      expect([name, incident.root_cause]).toEqual([name, 'the lock table is full']);
      expect(index).toBeLessThan(5);
    }
    expect(fleet.claude.requests).toHaveLength(1);
    const { incidents } = await worlds[1].api('/incidents');
    expect(incidents.map((incident: { tier: string }) => incident.tier).sort()).toEqual([
      'claude',
      ...Array.from({ length: 4 }, () => 'known'),
    ]);
  });

  it('asks again about a diagnosis that a person on another host called wrong', async () => {
    const [one, two] = await start(['web-1', 'web-2']);
    fail(one);
    const [first] = await diagnosed(one, 'web-1');
    await two.people.actions.judge(first.id, 'wrong', undefined, JANE);
    // The claim of the first question ends ten seconds after its answer, by the clock of the database.
    await sql('UPDATE claims SET expires_at = 0');
    fail(two);
    await diagnosed(two, 'web-2');
    expect(fleet.claude.requests).toHaveLength(2);
  });

  it('keeps the caps of all hosts together, also for questions at the same moment', async () => {
    const env = { MAX_DIAGNOSES_PER_HOUR_FLEET: '2' };
    const worlds = await start(['web-1', 'web-2', 'web-3', 'web-4'], { env });
    const problems = ['the invoice is broken', 'lost the election', 'refused by billing', 'index is corrupt'];
    for (const [index, world] of worlds.entries()) fail(world, `ERROR ${problems[index]}`);
    for (const name of ['web-1', 'web-2', 'web-3', 'web-4']) await diagnosed(worlds[0], name);
    expect(fleet.claude.requests).toHaveLength(2);
    const fallbacks = (await worlds[0].history()).map(({ diagnosis }) => diagnosis?.fallback ?? null);
    expect(fallbacks.sort()).toEqual(['fleet_hourly_cap', 'fleet_hourly_cap', null, null]);
  });

  it('restarts no more than the limit of all hosts together, and says why not', async () => {
    const names = ['web-1', 'web-2', 'web-3', 'web-4'];
    const env = { MAX_RESTARTS_PER_HOUR_FLEET: '2', VERIFY_STABLE_SECONDS: '5' };
    const worlds = await start(names, { claude: () => answer(SAFE), env });
    for (const world of worlds) world.engine.container('app')?.exit(1);
    for (const name of names) {
      await soon(async () => {
        const [incident] = (await worlds[0].api(`/incidents?host=${name}`)).incidents;
        return incident?.outcome || incident?.decision?.reason === 'fleet_restart_limit' ? incident : undefined;
      });
    }
    const { incidents } = await worlds[0].api('/incidents');
    const reasons = incidents.map((incident: { decision: { reason: string } }) => incident.decision.reason);
    expect(reasons.sort()).toEqual([
      'fleet_restart_limit',
      'fleet_restart_limit',
      'restart_allowed',
      'restart_allowed',
    ]);
  });

  it('holds a problem back on all hosts that a person has snoozed on one', async () => {
    const [one, two] = await start(['web-1', 'web-2'], { speed: 30 });
    await one.people.actions.snooze({ service: { service: 'app' }, forMs: HOUR }, JANE);
    // The other agents read it with each heartbeat. The first one after the snooze has read it when the second is written.
    const [{ beat }] = await sql(`SELECT beat::int FROM agents WHERE agent = 'web-2'`);
    await soon(async () => {
      const [now] = await sql(`SELECT beat::int FROM agents WHERE agent = 'web-2'`);
      return now.beat >= beat + 2 ? true : undefined;
    });
    fail(two);
    await soon(async () => {
      const count = await two.metric('container_doctor_errors_suppressed_total', { reason: 'snoozed' });
      return count > 0 ? true : undefined;
    });
    expect(fleet.slack.posts.filter(({ text }) => text.includes('deadlock'))).toEqual([]);
  });

  it('tells people once of a problem that five hosts have, and then lists the hosts', async () => {
    const names = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5'];
    const worlds = await start(names, { speed: 20 });
    for (const world of worlds) fail(world);
    for (const name of names) await diagnosed(worlds[0], name);
    const together = await soon(() => fleet.slack.posts.find(({ text }) => text.includes('the same problem on')));
    const later = fleet.clock.now() + 90_000;
    await soon(() => (fleet.clock.now() > later ? true : undefined));
    const posts = fleet.slack.posts.filter(({ text }) => text.includes('app'));
    expect(posts.map(({ text }) => text.split('\n')[0])).toHaveLength(2);
    const [, first = ''] = /reported first from (web-\d)/.exec(together.text) ?? [];
    expect(posts[0]?.text).toContain(first);
    const others = names.filter((name) => name !== first);
    for (const name of others) expect(together.text).toContain(`• ${name}: not restarted`);
    const pending = async () => Promise.all(worlds.map(async (world) => (await world.health()).outbox_pending));
    await soon(async () => ((await pending()).every((count) => count === 0) ? true : undefined));
  });

  it('stops using a database whose schema a newer agent has made unusable for it, restarts nothing, and says so', async () => {
    const [one] = await start(['web-1'], { speed: 20, claude: () => answer(SAFE) });
    await breakSchema(sql);
    const health = await soon(async () => {
      const view = await one.health();
      return view.store_healthy ? undefined : view;
    });
    expect(health.status).toBe('degraded');
    expect(health.problems.join()).toMatch(/its schema is version 99 \(contract\), this program knows up to \d+/);
    await soon(() => fleet.slack.posts.find(({ text }) => text.includes('written by a newer container-doctor')));
    one.engine.container('app')?.exit(1);
    const { decision } = await soon(async () => {
      const [incident] = (await one.api('/incidents')).incidents;
      return incident?.decision ? incident : undefined;
    });
    expect(decision.reason).toBe('store_unavailable');
    await expect(fleet.start('web-2')).rejects.toMatchObject({ reason: 'newer_schema' });
  });

  it('hears once that an agent is silent, and once that it is back', async () => {
    const three = (await start(['web-1', 'web-2', 'web-3'], { speed: 30 }))[2] as FastWorld;
    const about = (text: string) => fleet.slack.posts.filter((post) => post.text.includes(text));
    await soon(async () => ((await three.api('/status')).agents.length === 3 ? true : undefined));

    // The network between web-3 and the database fails.
    const cut = new pg.Client({ connectionString: databaseUrl });
    cut.on('error', () => {});
    await cut.connect();
    await cut.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'container-doctor web-3'`,
    );
    await cut.query(`SELECT pg_advisory_lock(hashtextextended('container-doctor agent web-3', 0))`);
    await soon(() => about('The agent on web-3 is silent')[0]);
    const end = fleet.clock.now() + 120_000;
    await soon(() => (fleet.clock.now() > end ? true : undefined));
    expect(about('The agent on web-3 is silent')).toHaveLength(1);
    expect(about('The agent on web-1 is silent')).toEqual([]);
    expect(about('is back')).toEqual([]);

    await cut.end();
    await soon(() => about('The agent on web-3 is back')[0]);
    const later = fleet.clock.now() + 60_000;
    await soon(() => (fleet.clock.now() > later ? true : undefined));
    expect(about('The agent on web-3 is back')).toHaveLength(1);
    expect(about('The agent on web-3 is silent')).toHaveLength(1);
  });
});
