/** A cause on another host: two real agents on one PostgreSQL, each with a simulated engine of its own. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type AdjustableClock, createAdjustableClock } from '../support/fast-clock.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { SAFE } from '../support/world.ts';

const why = whyNoPostgres();
const REFUSED = 'ERROR Error: connect ECONNREFUSED 10.9.0.2:5432';
const DB: SimulatedContainerOptions = { name: 'db', image: 'postgres:17', ports: [5432], health: 'healthy' };

const task = (service: string, node: string): SimulatedContainerOptions => ({
  name: `shop_${service}.1.${node}`,
  networks: ['shop_default'],
  labels: {
    'com.docker.swarm.task.id': `${service}${node}`,
    'com.docker.swarm.service.name': `shop_${service}`,
    'com.docker.stack.namespace': 'shop',
  },
});

const soon = <T>(read: () => Promise<T | undefined> | T | undefined) =>
  eventually(read, { deadlineMs: 60_000, everyMs: 100 });

const restarts = ({ engine }: FastWorld) => engine.requests.filter(({ operation }) => operation === 'restart');

describe.skipIf(why !== undefined)(why === undefined ? 'a fleet' : `a fleet (${why})`, { timeout: 180_000 }, () => {
  let server: PostgresServer;
  let databaseUrl: string;
  let fleet: TestFleet;
  let clock: AdjustableClock;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.close());
  afterEach(() => fleet.close(), 60_000);

  const sql = async (query: string) => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query(query).finally(() => client.end());
    return rows;
  };

  const start = async (web: SimulatedContainerOptions, db: SimulatedContainerOptions) => {
    databaseUrl = server.createDatabase();
    // The model always recommends a restart.
    clock = createAdjustableClock(5);
    fleet = await startFleet({ databaseUrl, claude: () => answer(SAFE), clock, containers: [] });
    const there = await fleet.start('data-1', { HOST_ADDRESSES: '10.9.0.2', CHECK_INTERVAL: '5' });
    const here = await fleet.start('web-1', { CHECK_INTERVAL: '5' });
    there.engine.addContainer(db);
    here.engine.addContainer(web);
    const places = db.ports === undefined ? 1 : db.ports.length;
    await soon(async () => {
      const [{ count }] = await sql(`SELECT count(*)::int FROM fleet_endpoints WHERE agent = 'data-1'`);
      return count >= places ? true : undefined;
    });
    return { here, there };
  };

  const fail = (world: FastWorld, name: string, text: string) =>
    world.engine.container(name)?.log(text, { stream: 'stderr' });

  const incidentOf = (world: FastWorld, host: string, isDone: (one: { decision: unknown }) => boolean) =>
    soon(async () => {
      const { incidents } = await world.api(`/incidents?host=${host}`);
      const found = incidents.find(isDone);
      return found === undefined ? undefined : world.api(`/incidents/${found.id}`);
    });
  const decided = (world: FastWorld, host: string) => incidentOf(world, host, ({ decision }) => decision !== null);

  it('makes a failure follow from the container on another host that its error names, and leaves it alone', async () => {
    const { here, there } = await start({ name: 'api' }, { ...DB, restartPolicy: 'no' });
    there.engine.container('db')?.exit(137);
    fail(here, 'api', REFUSED);

    const cause = await decided(there, 'data-1');
    const victim = await decided(here, 'web-1');
    expect(victim.cause).toEqual({ kind: 'incident', incident_id: cause.id, evidence: 'observed', host: 'data-1' });
    expect(victim.cause_incident).toMatchObject({ id: cause.id, container: 'db', host: 'data-1' });
    expect(victim.decision).toMatchObject({ kind: 'record', reason: 'dependency_down' });
    expect(victim).toMatchObject({ diagnosis: null, questions: [], alerts: [] });
    const shown = await here.api(`/incidents/${cause.id}`);
    expect(shown.member_incidents.map(({ host, container }: Record<string, string>) => `${host}/${container}`)).toEqual(
      ['web-1/api'],
    );
    await soon(() => (fleet.slack.posts.length > 0 ? true : undefined));
    expect(fleet.slack.posts.map(({ text }) => text).join('\n')).not.toContain('api');
    expect(fleet.claude.requests).toHaveLength(1);
    expect(restarts(here)).toEqual([]);

    // It is back, and the victim still fails: now that is a problem of its own.
    there.engine.container('db')?.start();
    there.engine.container('db')?.setHealth('healthy');
    clock.speed = 20;
    const own = await soon(async () => {
      fail(here, 'api', REFUSED);
      const { incidents } = await here.api('/incidents?host=web-1');
      return incidents.find(
        (one: { decision: unknown; cause: { kind: string } | null }) =>
          one.decision !== null && one.cause?.kind !== 'incident',
      );
    });
    expect(own.container).toBe('api');
    expect((await here.api(`/incidents/${victim.id}`)).state).toBe('resolved');
  });

  it('joins a cause that is detected later, and says until then that the other host does not answer', async () => {
    const { here, there } = await start({ name: 'api' }, DB);
    fail(here, 'api', REFUSED);
    const first = await decided(here, 'web-1');
    expect(first.cause).toEqual({ kind: 'external', host: '10.9.0.2:5432' });
    expect(first.decision.reason).toBe('dependency_down');

    there.engine.container('db')?.setHealth('unhealthy', 'no response');
    await soon(async () => ((await here.api(`/incidents/${first.id}`)).cause.kind === 'incident' ? true : undefined));
    expect((await here.api(`/incidents/${first.id}`)).cause.host).toBe('data-1');
    expect(restarts(here)).toEqual([]);
  });

  it('follows the name of a Swarm service, also if the error has only its virtual address', async () => {
    const web = task('web', 'n1');
    const { here, there } = await start(
      { ...web, env: ['DATABASE_URL=postgres://app:secret@db/app'] },
      task('db', 'n2'),
    );
    there.engine.container('shop_db.1.n2')?.exit(1);
    fail(here, web.name, 'ERROR Error: getaddrinfo ENOTFOUND db');
    const cause = await decided(there, 'data-1');
    const victim = await decided(here, 'web-1');
    expect(victim.cause).toMatchObject({ kind: 'incident', incident_id: cause.id, evidence: 'observed' });

    const ofNetwork = here.engine.container(web.name)?.address('shop_default') ?? '';
    const virtual = ofNetwork.replace(/\d+$/, '250');
    fail(here, web.name, `ERROR connect ECONNREFUSED ${virtual}:5432, giving up on the order`);
    const other = await incidentOf(here, 'web-1', (one) => {
      const { id, decision } = one as { id: string; decision: unknown };
      return id !== victim.id && decision !== null;
    });
    expect(other.cause).toMatchObject({ kind: 'incident', incident_id: cause.id, evidence: 'environment' });
  });

  it('does not decide between two hosts that claim one address', async () => {
    const { here, there } = await start({ name: 'api' }, DB);
    const twin = await fleet.start('data-2', { HOST_ADDRESSES: '10.9.0.2' });
    twin.engine.addContainer(DB);
    await soon(async () => {
      const [{ count }] = await sql(`SELECT count(*)::int FROM fleet_addresses WHERE address = '10.9.0.2'`);
      return count === 2 ? true : undefined;
    });
    there.engine.container('db')?.exit(1);
    fail(here, 'api', REFUSED);
    expect((await decided(here, 'web-1')).cause).toEqual({ kind: 'external', host: '10.9.0.2:5432' });
  });
});
