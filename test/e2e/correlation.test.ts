/** One cause, one incident: the real agent on the simulated engine, with a fast clock. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer } from '../support/claude-server.ts';
import { composeProject, type ServiceOptions } from '../support/compose-project.ts';
import { runCommand } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type AdjustableClock, createAdjustableClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

/** Shortens the seconds in which incidents are correlated, and is slow enough for requests. */
const SPEED = 4;
const SKIPPING_SPEED = 40;
const NO_NAME = 'could not translate host name "db" to address: Name or service not known';
let world: FastWorld;
afterEach(() => world?.close());

/** A shop: web needs api; api and worker need db; api also needs cache. */
const SHOP: Readonly<Record<string, ServiceOptions>> = {
  db: { image: 'postgres:17', health: 'healthy' },
  cache: {},
  api: { dependsOn: ['db'], env: ['REDIS_URL=redis://cache:6379/0'] },
  worker: { env: ['DATABASE_URL=postgres://app:secret@db:5432/app'] },
  web: { dependsOn: ['api'] },
};

let clock: AdjustableClock;

async function start(...projects: readonly (readonly [string, Readonly<Record<string, ServiceOptions>>])[]) {
  clock = createAdjustableClock(SPEED);
  const containers = projects.flatMap(([name, services]) => composeProject(name, services));
  world = await startFastWorld({
    clock,
    containers,
    // The model always recommends a restart, so only correlation can prevent one.
    claude: () => answer(SAFE),
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '3', VERIFY_DEADLINE_SECONDS: '20' },
  });
  await eventually(async () => ((await world.health()).monitoring.length === containers.length ? true : undefined));
  await pass(4);
}

const get = (name: string): SimulatedContainer => world.engine.container(name) as SimulatedContainer;

function fails(name: string, text: string): void {
  get(name).log(text, { stream: 'stderr' });
}

/** Lets this many seconds of the agent's time pass. */
const pass = (seconds: number) => clock.sleep(seconds * 1_000);

/** The same, faster. */
async function skip(seconds: number): Promise<void> {
  clock.speed = SKIPPING_SPEED;
  await pass(seconds);
  clock.speed = SPEED;
  await pass(2);
}

interface Group {
  readonly root: string;
  readonly members: readonly string[];
}

/** Diagnosed incidents that belong to no other, with their members. */
async function groups(): Promise<readonly Group[]> {
  const roots = (await world.history()).filter(({ cause }) => cause?.kind !== 'incident');
  return roots.map(({ container, members }) => ({
    root: container,
    members: members.map((member) => member.container).sort(),
  }));
}

const restarted = (): readonly string[] =>
  world.engine.requests.flatMap(({ operation, container }) => (operation === 'restart' ? [container ?? ''] : []));

/** Waits until as many incidents are decided, or belong to another one. No time is assumed for that. */
async function handled(count: number): Promise<void> {
  const ends = ['decided', 'belongs to another incident'];
  await eventually(
    () => (world.logger.records.filter(({ message }) => ends.includes(message)).length >= count ? true : undefined),
    { deadlineMs: 60_000 },
  );
}

/** Waits until every step of an incident that takes less than a minute is over. */
async function settle(): Promise<void> {
  await pass(5);
  await skip(40);
}

const posts = () => world.slack.posts.map(({ text }) => text);

describe('correlation', () => {
  it('reports a killed database once, names its victims, and restarts none of them', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').exit(137);
    fails('shop-api-1', 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432');
    fails('shop-worker-1', `ERROR psycopg.OperationalError: ${NO_NAME}`);
    fails('shop-web-1', 'ERROR upstream api responded with 503 Service Unavailable');
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-api-1', 'shop-web-1', 'shop-worker-1'] }]);
    expect(world.claude.requests).toHaveLength(1);
    await eventually(() => expect(world.slack.posts).toHaveLength(1));
    expect(restarted()).toEqual([]);
  });

  it('restarts a container that ran out of memory, and not those that need it', async () => {
    await start(['shop', SHOP]);
    get('shop-cache-1').oom();
    fails('shop-api-1', 'ERROR [ioredis] Unhandled error event: Error: connect ECONNREFUSED 172.18.0.3:6379');
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-cache-1', members: ['shop-api-1'] }]);
    expect(restarted()).toEqual(['shop-cache-1']);
    await skip(120);
    expect(await groups()).toHaveLength(1);
  });

  it('reports a dependency that a person stopped, after a grace period and without asking Claude', async () => {
    await start(['shop', SHOP]);
    await get('shop-db-1').stop();
    fails('shop-worker-1', `ERROR psycopg.OperationalError: ${NO_NAME}`);
    fails('shop-api-1', 'ERROR Error: getaddrinfo ENOTFOUND db');
    await pass(10);
    expect(await groups()).toEqual([]);
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-api-1', 'shop-worker-1'] }]);
    expect(world.claude.requests).toHaveLength(0);
    await eventually(() => expect(world.slack.posts).toHaveLength(1));
    expect(posts()[0]).toContain('was stopped');
    expect(restarted()).toEqual([]);
  });

  it('says nothing about a rolling update of the database', async () => {
    await start(['shop', SHOP]);
    await get('shop-db-1').stop();
    fails('shop-worker-1', `ERROR psycopg.OperationalError: ${NO_NAME}`);
    fails('shop-api-1', 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432');
    get('shop-db-1').remove();
    await pass(5);
    const db = composeProject('shop', { db: { ...SHOP.db, image: 'postgres:18', health: 'starting' } })[0];
    world.engine.addContainer(db as NonNullable<typeof db>);
    await pass(5);
    get('shop-db-1').setHealth('healthy');
    await skip(100);
    expect(await groups()).toEqual([]);
    expect(world.slack.posts).toHaveLength(0);
    expect(restarted()).toEqual([]);
  });

  it('finds a paused dependency although the errors of its clients name no host', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').pause();
    fails('shop-worker-1', 'ERROR TimeoutError: timed out');
    fails('shop-api-1', 'ERROR request failed: Read timed out.');
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-api-1', 'shop-worker-1'] }]);
    expect(posts()[0]).toContain('is paused');
    expect(restarted()).toEqual([]);
  });

  it('finds a dependency that is no longer on its network', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').disconnect('shop_default');
    fails('shop-worker-1', `ERROR psycopg.OperationalError: ${NO_NAME}`);
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-worker-1'] }]);
    expect(posts()[0]).toContain('is disconnected from the network shop_default');
    expect(restarted()).toEqual([]);
  });

  it('recognises the cause that a client relays', async () => {
    await start(['shop', SHOP]);
    const full = 'could not extend file "base/16384/2619": No space left on device';
    fails('shop-db-1', `2026-11-25 10:00:00.000 UTC [71] ERROR:  ${full}`);
    fails('shop-api-1', `ERROR error: ${full}`);
    fails('shop-worker-1', `ERROR psycopg.errors.DiskFull: ${full}`);
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-api-1', 'shop-worker-1'] }]);
    expect(restarted()).toEqual([]);
  });

  it('does not join errors to an unhealthy container that they do not refer to', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').setHealth('unhealthy', 'pg_isready: slow');
    fails('shop-worker-1', "ERROR KeyError: 'customer_id'");
    await settle();
    expect((await groups()).map(({ root, members }) => [root, members.length])).toEqual(
      expect.arrayContaining([
        ['shop-db-1', 0],
        ['shop-worker-1', 0],
      ]),
    );
  });

  it('joins victims whose errors precede the failed health check of the cause', async () => {
    await start(['shop', SHOP]);
    fails(
      'shop-worker-1',
      'ERROR psycopg.OperationalError: connection to server at "db" (172.18.0.2), port 5432 failed: timeout expired',
    );
    await pass(4);
    await skip(30);
    expect(restarted()).toEqual([]);
    get('shop-db-1').setHealth('unhealthy', 'no response');
    await settle();
    expect(await groups()).toEqual([{ root: 'shop-db-1', members: ['shop-worker-1'] }]);
    await skip(120);
    expect(restarted()).not.toContain('shop-worker-1');
  });

  it('opens one incident for an external host that five services cannot reach', async () => {
    const names = ['mail', 'billing', 'signup', 'report', 'alarm'];
    await start(['shop', Object.fromEntries(names.map((name) => [name, {}]))]);
    fails('shop-mail-1', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    fails('shop-billing-1', 'ERROR smtplib: could not connect to host="smtp.example.net", port=587');
    fails('shop-signup-1', 'ERROR dial tcp: lookup smtp.example.net on 127.0.0.11:53: no such host');
    fails('shop-report-1', 'ERROR curl: (6) Could not resolve host: smtp.example.net');
    fails('shop-alarm-1', 'ERROR java.net.UnknownHostException: smtp.example.net');
    await handled(5);
    // Which one represents the others depends on whose line is read first.
    const member = expect.stringMatching(/^shop-/);
    expect(await groups()).toEqual([{ root: member, members: [member, member, member, member] }]);
    expect(world.claude.requests).toHaveLength(1);
    await eventually(() => expect(world.slack.posts).toHaveLength(1));
    await skip(120);
    expect(restarted()).toEqual([]);
  });

  it('opens one incident for a name server that does not answer', async () => {
    await start(['shop', SHOP]);
    fails('shop-api-1', 'ERROR Error: getaddrinfo EAI_AGAIN db');
    fails('shop-worker-1', 'ERROR could not translate host name "db" to address: Temporary failure in name resolution');
    fails('shop-web-1', 'ERROR dial tcp: lookup api on 127.0.0.11:53: server misbehaving');
    await settle();
    const all = await groups();
    expect(all).toHaveLength(1);
    expect(all[0]?.members).toHaveLength(2);
    expect(restarted()).toEqual([]);
  });

  it('follows a chain of four, and a cycle', async () => {
    await start([
      'shop',
      {
        store: {},
        stock: { dependsOn: ['store'] },
        orders: { dependsOn: ['stock'] },
        front: { dependsOn: ['orders'] },
        left: { dependsOn: ['right'] },
        right: { dependsOn: ['left'] },
      },
    ]);
    get('shop-store-1').exit(1);
    fails('shop-stock-1', 'ERROR dial tcp 172.18.0.2:6379: connect: connection refused');
    fails('shop-orders-1', 'ERROR stock returned 503 Service Unavailable');
    fails('shop-front-1', 'ERROR GET http://orders:8080/orders: 502 Bad Gateway');
    get('shop-left-1').exit(1);
    fails('shop-right-1', 'ERROR cannot connect to left:7000: connection refused');
    await settle();
    const all = await groups();
    expect(all).toContainEqual({ root: 'shop-store-1', members: ['shop-front-1', 'shop-orders-1', 'shop-stock-1'] });
    expect(all).toContainEqual({ root: 'shop-left-1', members: ['shop-right-1'] });
    expect(all).toHaveLength(2);
  });

  it('separates two faults in one project', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').exit(1);
    get('shop-cache-1').exit(1);
    fails('shop-worker-1', `ERROR psycopg.OperationalError: ${NO_NAME}`);
    fails('shop-api-1', 'ERROR Error: connect ECONNREFUSED 172.18.0.3:6379');
    fails('shop-web-1', 'ERROR TypeError: cart is undefined');
    await settle();
    const all = await groups();
    expect(all).toContainEqual({ root: 'shop-db-1', members: ['shop-worker-1'] });
    expect(all).toContainEqual({ root: 'shop-cache-1', members: ['shop-api-1'] });
    expect(all).toContainEqual({ root: 'shop-web-1', members: [] });
  });

  it('separates the same fault in two projects, even on a shared network', async () => {
    const services = {
      db: { networks: ['proxy'] },
      api: { networks: ['proxy'], dependsOn: ['db'] },
    };
    await start(['one', services], ['two', services]);
    for (const project of ['one', 'two']) {
      get(`${project}-db-1`).exit(1);
      fails(`${project}-api-1`, 'ERROR Error: getaddrinfo ENOTFOUND db');
    }
    await settle();
    const all = await groups();
    expect(all).toContainEqual({ root: 'one-db-1', members: ['one-api-1'] });
    expect(all).toContainEqual({ root: 'two-db-1', members: ['two-api-1'] });
  });

  it('restarts a victim that does not recover with its cause', async () => {
    await start(['shop', { db: {}, api: { dependsOn: ['db'] } }]);
    get('shop-db-1').exit(1);
    get('shop-api-1').log('Error: connect ECONNREFUSED 172.18.0.2:5432', { stream: 'stderr' });
    get('shop-api-1').exit(1);
    await settle();
    expect((await groups()).map(({ root }) => root)).toEqual(['shop-db-1']);
    expect(restarted()).toEqual(['shop-db-1']);
    await skip(90);
    expect(restarted()).toEqual(['shop-db-1', 'shop-api-1']);
  });

  it('joins callers that report a cache that is down and fall back', async () => {
    await start(['shop', SHOP]);
    get('shop-cache-1').exit(139);
    fails(
      'shop-api-1',
      'WARN cache unavailable, reading from the database: redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.',
    );
    await settle();
    const all = await groups();
    expect(all.map(({ root }) => root)).toEqual(['shop-cache-1']);
    expect(restarted()).toEqual(['shop-cache-1']);
  });
});

it('check prints the dependencies of the containers with their evidence', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-check-'));
  const engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  try {
    const host = await engine.listen();
    for (const options of composeProject('shop', SHOP)) engine.addContainer(options);
    const { stdout } = await runCommand(['check'], { DOCKER_HOST: host, DATA_DIR: path.join(folder, 'data') });
    expect(stdout).toMatch(/shop-api-1 +needs shop-db-1 +\(compose\)\n/);
    expect(stdout).toMatch(/shop-worker-1 +needs shop-db-1 +\(environment\)\n/);
    expect(stdout).not.toContain('secret@');
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
