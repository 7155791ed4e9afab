/** Errors that point to dependencies of which none has a problem. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sufferingOf } from '../../../src/pipeline/correlate/members.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { createWorld, EXITED, MINUTE, REFUSED, SECOND, START, shop, UNNAMED } from './world.ts';

describe('without a dependency that has a problem', () => {
  it('errors of several containers about a host outside the engine are one incident', async () => {
    const world = await createWorld({ services: { mail: {}, billing: {} } });
    const first = world.fails('mail', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    const second = world.fails('billing', 'ERROR Could not resolve host: smtp.example.net');
    const running = [world.correlates(first), world.correlates(second)];
    await world.clock.pass(1_999);
    expect(running[0]?.result).toBeUndefined();
    await world.clock.pass(1);
    expect(running.map(({ result }) => result?.kind)).toEqual(['external', 'member']);
    expect(second.cause).toEqual({ root: first, evidence: 'observed' });
    expect(first.incident.cause).toEqual({ kind: 'external', host: 'smtp.example.net:587' });
  });

  it('errors about a host outside the engine are one incident, however their handling overlaps', async () => {
    const texts = [
      'ERROR Error: connect ETIMEDOUT smtp.example.net:587',
      'ERROR smtplib: could not connect to host="smtp.example.net", port=587',
      'ERROR dial tcp: lookup smtp.example.net on 127.0.0.11:53: no such host',
      'ERROR curl: (6) Could not resolve host: smtp.example.net',
      'ERROR java.net.UnknownHostException: smtp.example.net',
    ];
    const delay = fc.integer({ min: 0, max: 20 }).map((steps) => steps * 500);
    const victim = fc.record({ failsAfter: delay, isHandledAfter: delay, isInspectedAfter: delay });
    await fc.assert(
      fc.asyncProperty(fc.array(victim, { minLength: 5, maxLength: 5 }), async (victims) => {
        const world = await createWorld({ services: {}, ready: false });
        const all: LiveIncident[] = [];
        const running = victims.map(async ({ failsAfter, isHandledAfter, isInspectedAfter }, n) => {
          const name = `service-${n}`;
          world.add(name);
          await world.clock.sleep(failsAfter);
          const live = world.fails(name, texts[n] as string);
          all.push(live);
          await world.clock.sleep(isHandledAfter);
          const { result } = world.correlates(live);
          await world.clock.sleep(isInspectedAfter);
          world.correlation.inspectedAll();
          return result;
        });
        await world.clock.pass(MINUTE);
        await Promise.all(running);
        const roots = all.filter(({ cause }) => cause === undefined);
        expect(roots.map(({ incident }) => incident.cause?.kind)).toEqual(['external']);
        expect(all.filter(({ cause }) => cause?.root === roots[0])).toHaveLength(4);
      }),
      { numRuns: 60 },
    );
  });

  it('errors about different hosts, or about one after the first incident ended, are different incidents', async () => {
    const world = await createWorld({ services: { mail: {}, billing: {}, report: {} } });
    const first = world.fails('mail', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    const other = world.fails('billing', 'ERROR Error: connect ETIMEDOUT api.example.org:443');
    world.correlates(first);
    world.correlates(other);
    await world.clock.pass(2 * SECOND);
    world.incidents.resolve(first);
    const later = world.fails('report', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    world.correlates(later);
    await world.clock.pass(2 * SECOND);
    expect([first.cause, other.cause, later.cause]).toEqual([undefined, undefined, undefined]);
    later.phase = 'settled';
    world.incidents.expire(START + 1_000 * MINUTE, []);
    const last = world.fails('mail', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587', { fingerprint: 'last' });
    world.correlates(last);
    await world.clock.pass(2 * SECOND);
    expect(last.cause).toBeUndefined();
  });

  it('errors that name different containers are different incidents', async () => {
    const world = await shop({ cache: {}, worker: {} });
    const first = world.fails('api', REFUSED);
    const second = world.fails('worker', 'ERROR connect ECONNREFUSED cache:6379');
    for (const live of [first, second]) world.correlates(live);
    await world.clock.pass(2 * SECOND);
    expect([first.cause, second.cause]).toEqual([undefined, undefined]);
  });

  it('errors that name a container belong to its incident if it opens while others are awaited', async () => {
    const world = await shop();
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(SECOND);
    world.correlates(world.opens('db'));
    await world.clock.pass(SECOND);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('an incident of an earlier run represents its host', async () => {
    const world = await createWorld({ services: { mail: {}, billing: {} } });
    const first = world.fails('mail', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    first.incident = { ...first.incident, cause: { kind: 'external', host: 'smtp.example.net' } };
    world.correlation.restore([first]);
    const second = world.fails('billing', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    world.correlates(second);
    await world.clock.pass(0);
    expect(second.cause?.root).toBe(first);
  });

  it('errors about names that exist and cannot be resolved have the name server as their cause', async () => {
    const world = await createWorld({ services: { db: {}, api: {}, worker: {} } });
    const first = world.fails('api', 'ERROR Error: getaddrinfo EAI_AGAIN db');
    const second = world.fails(
      'worker',
      'ERROR could not translate host name "db" to address: Name or service not known',
    );
    const running = [world.correlates(first), world.correlates(second)];
    await world.clock.pass(2 * SECOND);
    expect(running[0]?.result).toEqual({ kind: 'external', host: 'name resolution (DNS)' });
    expect(running[1]?.result).toEqual({ kind: 'member' });
    expect(sufferingOf(first)).toBeDefined();
  });

  it('errors that name the same container are one incident, whose cause is not known', async () => {
    const world = await shop({ worker: {} });
    const first = world.fails('api', REFUSED);
    const second = world.fails('worker', 'ERROR could not connect to server at "db", port 5432');
    const running = [world.correlates(first), world.correlates(second)];
    await world.clock.pass(2 * SECOND);
    expect(running[0]?.result).toEqual({ kind: 'unknown', named: 'shop-db-1' });
    expect(second.cause?.root).toBe(first);
  });

  it('a container that has ended has its own problem, unless a host outside does not answer', async () => {
    for (const state of [EXITED, 'gone'] as const) {
      const world = await shop();
      world.sets('api', state);
      const own = world.correlates(world.opens('api'), { logLines: [REFUSED] });
      await world.clock.pass(5 * SECOND);
      expect(own.result).toEqual({ kind: 'own' });
    }
    const world = await shop();
    const outside = world.correlates(world.opens('db'), { logLines: ['ERROR connect ETIMEDOUT smtp.example.net:587'] });
    await world.clock.pass(5 * SECOND);
    expect(outside.result?.kind).toBe('external');
  });

  it.each([
    [10 * SECOND, { kind: 'unknown', named: 'shop-db-1' }],
    [10 * SECOND + 1, { kind: 'unknown' }],
  ])('errors that begin %d ms apart point to the dependency that both containers have', async (apart, expected) => {
    const world = await shop({ cache: {}, worker: { dependsOn: ['db'] }, web: { dependsOn: ['cache', 'db'] } });
    const first = world.fails('api', UNNAMED);
    world.correlates(first);
    await world.clock.pass(apart);
    const running = world.correlates(world.fails('web', UNNAMED));
    await world.clock.pass(5 * SECOND);
    expect(running.result?.kind === 'member' ? first.incident.cause : running.result).toEqual(expected);
  });

  it.each<[string, string, string, boolean]>([
    ['a connection was refused', UNNAMED, 'lonely', false],
    ['a connection was refused', UNNAMED, 'neighbour', true],
    ['a response did not arrive', 'ERROR request timed out', 'neighbour', false],
    ['a response did not arrive', 'ERROR request timed out', 'api', true],
    ['the pool of connections is exhausted', 'ERROR connection pool exhausted', 'api', false],
  ])(
    'the cause is unknown only if the container could have a dependency: %s, %s: %s, %s',
    async (_, text, name, unknown) => {
      const world = await shop({ neighbour: {} });
      if (name === 'lonely') {
        const alone = await createWorld({ services: { lonely: {} } });
        const running = alone.correlates(alone.fails('lonely', text));
        await alone.clock.pass(0);
        expect(running.result).toEqual({ kind: 'own' });
        return;
      }
      const running = world.correlates(world.fails(name, text));
      await world.clock.pass(5 * SECOND);
      expect(running.result).toEqual({ kind: unknown ? 'unknown' : 'own' });
    },
  );

  it('a container that has lost its networks has its own problem', async () => {
    const world = await shop();
    world.sets('api', { topology: { networks: [], links: [], dependsOn: [], environmentHosts: [] } });
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'own' });
  });

  it('an error about the container itself is its own problem', async () => {
    const world = await shop();
    const running = world.correlates(world.fails('api', 'ERROR connect ECONNREFUSED 127.0.0.1:8080'));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'own' });
  });
});

describe('containers whose errors name nothing', () => {
  it('without a dependency in common have one incident each', async () => {
    const world = await createWorld({
      services: { db: {}, cache: {}, api: { dependsOn: ['db'] }, web: { dependsOn: ['cache'] } },
    });
    const lives = [world.fails('api', UNNAMED), world.fails('web', UNNAMED)];
    const running = lives.map((live) => world.correlates(live));
    await world.clock.pass(10 * SECOND);
    expect(running.map(({ result }) => result)).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }]);
    expect(lives.map(({ cause }) => cause)).toEqual([undefined, undefined]);
  });

  it('that repeat the cause of a dependency do not count for a common one', async () => {
    const world = await shop({ worker: { dependsOn: ['db'] } });
    world.correlates(world.fails('worker', 'ERROR DiskFull: No space left on device'));
    await world.clock.pass(SECOND);
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown' });
  });

  it('do not belong with those that name another container than the dependency in common', async () => {
    const world = await shop({ cache: {}, worker: { dependsOn: ['db'] } });
    world.correlates(world.fails('worker', 'ERROR Error: connect ECONNREFUSED cache:6379'));
    await world.clock.pass(SECOND);
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown' });
  });

  it('belong to the dependency that most of them have', async () => {
    const both = { dependsOn: ['cache', 'db'] };
    const world = await shop({ cache: {}, api: both, worker: both, mail: { dependsOn: ['db'] } });
    for (const name of ['worker', 'mail']) world.correlates(world.fails(name, UNNAMED));
    world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(5 * SECOND);
    const open = world.incidents.open();
    expect(new Set(open.map((live) => world.rootName(live))).size).toBe(1);
    expect(open.map(({ incident }) => incident.cause)).toContainEqual({ kind: 'unknown', named: 'shop-db-1' });
  });

  it('belong with those that name the dependency', async () => {
    const world = await shop({ cache: {}, worker: { dependsOn: ['cache'] } });
    const named = world.fails('worker', 'ERROR Error: connect ECONNREFUSED db:5432');
    world.correlates(named);
    await world.clock.pass(SECOND);
    const live = world.fails('api', UNNAMED);
    world.correlates(live);
    await world.clock.pass(5 * SECOND);
    expect(live.cause?.root).toBe(named);
  });
});
