/** Which incidents belong to which, second by second. */
import { describe, expect, it } from 'vitest';
import type { Signal } from '../../../src/domain/incident.ts';
import { sufferingOf } from '../../../src/pipeline/correlate/members.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { onNetwork, service } from './support.ts';
import {
  createWorld,
  EXITED,
  FULL,
  incidentId,
  MINUTE,
  PAUSED,
  REFUSED,
  SECOND,
  START,
  shop,
  UNNAMED,
} from './world.ts';

describe('an error that names or needs a dependency with an incident', () => {
  it.each([
    ['names it', REFUSED],
    ['only says that a dependency fails', UNNAMED],
  ])('belongs to that incident if it %s', async (_, text) => {
    const world = await shop();
    world.sets('db', EXITED);
    const root = world.opens('db');
    const live = world.fails('api', text);
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.incident.cause).toEqual({ kind: 'incident', incidentId: incidentId(root), evidence: 'compose' });
    expect(world.observed).toEqual(['correlated compose', 'suppressed dependency']);
    expect(root.incident.members).toEqual([{ container: 'shop-api-1', occurrences: 1 }]);
    expect(world.correlation.correlator.membersOf(root)).toEqual([live]);
  });

  it('is saved with its cause once it is redacted, and its occurrences are counted', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    const root = world.opens('db');
    const live = world.fails('api', REFUSED);
    world.incidents.fold(live.evidence[0] as Signal);
    root.phase = 'handling';
    world.correlates(live);
    await world.clock.pass(0);
    expect(world.observed.filter((one) => one === 'correlated compose')).toHaveLength(2);
    expect(world.saved.map(({ id }) => id)).toEqual([incidentId(root)]);
    live.phase = 'handling';
    const next = world.fails('api', REFUSED, { fingerprint: 'other', detector: 'storm' });
    next.phase = 'handling';
    world.correlates(next);
    await world.clock.pass(0);
    expect(world.saved.map(({ id }) => id)).toContain(incidentId(next));
  });

  it('has its own problem if it does not say that a dependency fails', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    world.opens('db');
    const live = world.fails('api', "ERROR KeyError: 'customer'");
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'own' });
    expect(sufferingOf(live)).toBeUndefined();
  });

  it('belongs to the incident of a dependency that printed the same message moments before', async () => {
    const message = 'Too many parts (3001 with average size of 8.11 KiB) in table hits';
    const world = await shop();
    const root = world.fails('db', `<Error> executeQuery: ${message}`);
    const live = world.fails('api', `ERROR insert failed: ${message}`);
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.incident.cause).toMatchObject({ incidentId: incidentId(root) });
  });

  it.each([
    [10 * SECOND, 'log', 'member'],
    [10 * SECOND + 1, 'log', 'unknown'],
    [0, 'crash', 'unknown'],
  ] as const)(
    'that printed the same message explains errors that begin at most ten seconds later, and no end: after %d ms, %s: %s',
    async (after, detector, kind) => {
      const message = 'canceling statement due to statement timeout of the session';
      const world = await shop();
      world.fails('db', `ERROR:  ${message}`);
      await world.clock.pass(after);
      const running = world.correlates(world.fails('api', `ERROR query failed: ${message}`, { detector }));
      await world.clock.pass(5 * SECOND);
      expect(running.result?.kind).toBe(kind);
    },
  );

  it('is looked at once: a member stays one, and no container is inspected for it again', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    world.opens('db');
    const live = world.fails('api', REFUSED);
    world.correlates(live);
    await world.clock.pass(0);
    const before = world.inspections();
    const again = world.correlates(live);
    await world.clock.pass(0);
    expect(again.result).toEqual({ kind: 'member' });
    expect(world.inspections()).toBe(before);
  });

  it('belongs to the one that has a problem, if it names several containers', async () => {
    const world = await shop({ cache: {} });
    world.sets('db', EXITED);
    const root = world.opens('db');
    const live = world.fails('api', 'ERROR connect ECONNREFUSED cache:6379\nERROR connect ECONNREFUSED db:5432');
    world.correlates(live);
    await world.clock.pass(0);
    expect(live.cause?.root).toBe(root);
  });

  it('belongs to a container further away than three edges, if it names the first one', async () => {
    const world = await createWorld({
      services: {
        store: {},
        stock: { dependsOn: ['store'] },
        prices: { dependsOn: ['stock'] },
        gateway: { dependsOn: ['prices'] },
        web: {},
      },
    });
    world.sets('store', EXITED);
    const root = world.opens('store');
    const live = world.fails('web', 'ERROR upstream gateway responded with 503 Service Unavailable');
    world.correlates(live);
    await world.clock.pass(0);
    expect(live.cause).toEqual({ root, evidence: 'observed' });
  });

  it('means the container that had the address when it was printed', async () => {
    for (const isKept of [true, false]) {
      const world = await shop({ web: {} });
      world.sets('db', EXITED);
      world.opens('db');
      const found = world.fails('api', REFUSED);
      // The records of an incident of an earlier run are lost: what is left is its summary, and when it was last seen.
      if (!isKept) world.incidents.resolve(found);
      const live = isKept ? found : world.incidents.adopt(found.incident, 'handling');
      live.incident = { ...live.incident, lastSeenAt: START + 10 * MINUTE };
      world.correlation.inspected(world.ref('web').id, {
        topology: onNetwork('172.18.0.2'),
        startedAt: START + SECOND,
      });
      const running = world.correlates(live);
      await world.clock.pass(5 * SECOND);
      expect(running.result).toEqual(isKept ? { kind: 'member' } : { kind: 'unknown', named: 'shop-web-1' });
    }
  });

  it('does not belong to a dependency if it names a host outside the engine', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    world.opens('db');
    const running = world.correlates(world.fails('api', 'ERROR connect ETIMEDOUT smtp.example.net:587'));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'external', host: 'smtp.example.net:587' });
  });

  it.each([
    [2 * MINUTE, 'member'],
    [2 * MINUTE + 1, 'unknown'],
  ])('names a container whose dependency ended %d ms before: %s', async (ago, kind) => {
    const world = await shop({ web: {} });
    world.sets('db', { ...EXITED, finishedAt: START - ago });
    const running = world.correlates(world.fails('web', 'ERROR upstream api responded with 503 Service Unavailable'));
    await world.clock.pass(MINUTE);
    expect(running.result?.kind).toBe(kind);
  });

  it('does not belong to another container of its own service', async () => {
    const world = await shop();
    const other = service('api', 'shop', { id: 'shop-api-2', name: 'shop-api-2' });
    world.add('api2', {}, other);
    world.sets('api2', EXITED);
    world.opens('api2');
    const live = world.fails('api', 'ERROR connect ECONNREFUSED shop-api-2:80');
    const running = world.correlates(live);
    await world.clock.pass(10 * SECOND);
    expect(running.result).not.toEqual({ kind: 'member' });
  });

  it('does not belong to another container of its own service that a dependency needs', async () => {
    const world = await createWorld({ services: { db: { dependsOn: ['api'] }, api: { dependsOn: ['db'] } } });
    world.add('api2', {}, service('api', 'shop', { id: 'shop-api-2', name: 'shop-api-2' }));
    world.sets('api2', PAUSED);
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(10 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown' });
  });

  it('does not belong to a dependency of its other dependencies if it names a host that is well', async () => {
    const world = await shop({ cache: {} });
    world.sets('db', EXITED);
    world.opens('db');
    const live = world.fails('api', 'ERROR Error: connect ECONNREFUSED cache:6379');
    const running = world.correlates(live);
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown', named: 'shop-cache-1' });
  });

  it('belongs to the dependency of the container that it names, if that one is well', async () => {
    const world = await shop({ web: {} });
    world.sets('db', EXITED);
    const root = world.opens('db');
    const live = world.fails('web', 'ERROR upstream api responded with 503 Service Unavailable');
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.cause?.root).toBe(root);
  });

  it('belongs to the end of the chain if its dependency belongs to another incident', async () => {
    const world = await shop({ web: { dependsOn: ['api'] } });
    world.sets('db', EXITED);
    const root = world.opens('db');
    const middle = world.fails('api', REFUSED);
    world.correlates(middle);
    await world.clock.pass(0);
    const live = world.fails('web', 'ERROR upstream api responded with 503 Service Unavailable');
    world.correlates(live);
    await world.clock.pass(0);
    expect(world.rootName(live)).toBe('db');
    expect(world.correlation.correlator.membersOf(root)).toEqual([middle, live]);
  });

  it.each([
    [2 * MINUTE, true],
    [2 * MINUTE + 1, false],
  ])(
    'belongs to an incident that was last seen %d ms before, and no container is unavailable: %s',
    async (ago, joins) => {
      const world = await shop();
      world.opens('db').phase = 'settled';
      await world.clock.pass(ago);
      const running = world.correlates(world.fails('api', UNNAMED));
      await world.clock.pass(5 * SECOND);
      expect(running.result?.kind).toBe(joins ? 'member' : 'unknown');
    },
  );

  it.each([REFUSED, UNNAMED])(
    'belongs to an older incident if its container is still unavailable: %s',
    async (text) => {
      const world = await shop();
      world.sets('db', { ...EXITED, finishedAt: START });
      world.opens('db').phase = 'settled';
      await world.clock.pass(10 * MINUTE);
      const running = world.correlates(world.fails('api', text));
      await world.clock.pass(0);
      expect(running.result).toEqual({ kind: 'member' });
    },
  );

  it('belongs to an older incident if that has a cause of its own', async () => {
    const world = await shop();
    const root = world.fails('db', 'ERROR connect ETIMEDOUT api.example.net:443');
    root.incident = { ...root.incident, cause: { kind: 'external', host: 'api.example.net:443' } };
    await world.clock.pass(10 * MINUTE);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('does not belong to its own members: another dependency is the cause', async () => {
    const world = await createWorld({
      services: { db: {}, api: { dependsOn: ['web', 'db'] }, web: { dependsOn: ['api'] } },
    });
    world.sets('api', EXITED);
    const live = world.opens('api');
    const member = world.fails('web', 'ERROR upstream api responded with 503 Service Unavailable');
    world.correlates(member);
    await world.clock.pass(0);
    world.sets('db', EXITED);
    const root = world.opens('db');
    world.correlates(live, { logLines: [UNNAMED] });
    await world.clock.pass(0);
    expect([member.cause?.root, live.cause?.root]).toEqual([live, root]);
  });

  it.each([
    ['resolvedAt', MINUTE, true],
    ['resolvedAt', MINUTE + 1, false],
    ['recoveredAt', MINUTE, true],
    ['recoveredAt', MINUTE + 1, false],
  ] as const)('belongs to an incident with %s %d ms ago: %s', async (end, ago, joins) => {
    const world = await shop();
    const root = world.opens('db');
    root.phase = 'settled';
    root[end] = world.clock.now();
    await world.clock.pass(ago);
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(5 * SECOND);
    expect(running.result?.kind).toBe(joins ? 'member' : 'unknown');
  });

  it('does not belong to an error of its dependency that explains nothing', async () => {
    const world = await shop();
    world.fails('db', 'ERROR duplicate key value violates unique constraint');
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown', named: 'shop-db-1' });
  });

  it('belongs to an error of its dependency that states a cause, such as a full disk', async () => {
    const world = await shop();
    world.fails('db', FULL);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
  });
});

describe('an error that repeats the cause of a dependency', () => {
  const RELAYED = 'ERROR psycopg.errors.DiskFull: No space left on device';

  it('belongs to the incident of that dependency', async () => {
    const world = await shop();
    const root = world.fails('db', FULL);
    const live = world.fails('api', RELAYED);
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.cause).toEqual({ root, evidence: 'compose' });
  });

  it.each<[string, string, number]>([
    ['the dependency states another cause', 'FATAL: checksum mismatch in page 7', 0],
    ['the dependency stated it more than two minutes before', FULL, 2 * MINUTE + 1],
  ])('is its own problem if %s', async (_, text, ago) => {
    const world = await shop();
    world.fails('db', text);
    await world.clock.pass(ago);
    const running = world.correlates(world.fails('api', RELAYED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'own' });
  });

  it('still belongs to it two minutes later', async () => {
    const world = await shop();
    world.fails('db', FULL);
    await world.clock.pass(2 * MINUTE);
    const running = world.correlates(world.fails('api', RELAYED));
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('is its own problem if the other container is no dependency, and then nothing can explain it', async () => {
    const world = await createWorld({ services: { db: {}, api: {} } });
    world.fails('db', FULL);
    const live = world.fails('api', RELAYED);
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'own' });
    expect(sufferingOf(live)).toBeUndefined();
  });

  it('belongs to an incident of the dependency that opens later and states the same cause', async () => {
    for (const [text, joins] of [
      [FULL, true],
      ['FATAL: checksum mismatch in page 7', false],
    ] as const) {
      const world = await shop();
      const live = world.fails('api', RELAYED);
      world.correlates(live);
      await world.clock.pass(10 * SECOND);
      expect(sufferingOf(live)).toEqual({ named: new Set(), stated: 'disk full' });
      world.correlates(world.fails('db', text));
      await world.clock.pass(0);
      expect(live.cause !== undefined).toBe(joins);
    }
  });

  it('does not close a circle: the first incident keeps its members', async () => {
    const world = await createWorld({ services: { db: { dependsOn: ['api'] }, api: { dependsOn: ['db'] } } });
    const first = world.fails('db', FULL);
    const second = world.fails('api', RELAYED);
    world.correlates(second);
    await world.clock.pass(0);
    const running = world.correlates(first);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'own' });
    expect([first.cause, second.cause?.root]).toEqual([undefined, first]);
  });
});

describe('a restart of the container waits for a cause', () => {
  const suffering = async (text: string, name = 'api', services: Parameters<typeof shop>[0] = {}) => {
    const world = await shop(services);
    const live = world.fails(name, text);
    world.correlates(live);
    await world.clock.pass(10 * SECOND);
    return sufferingOf(live);
  };

  it('if its error names a container, known or not, or its dependency may be meant', async () => {
    expect(await suffering(REFUSED)).toEqual({ named: new Set(['shop-db-1']) });
    expect(await suffering(REFUSED, 'worker', { worker: {} })).toEqual({ named: new Set(['shop-db-1']) });
    expect(await suffering('ERROR getaddrinfo ENOTFOUND mystery', 'db')).toEqual({ named: new Set() });
    expect(await suffering(UNNAMED)).toEqual({ named: new Set() });
    expect(await suffering('ERROR getaddrinfo EAI_AGAIN smtp.example.net', 'db')).toEqual({ named: new Set() });
  });

  it('not if nothing can be meant: a host outside does not answer, or it has no dependencies', async () => {
    expect(await suffering('ERROR connect ETIMEDOUT smtp.example.net:587')).toBeUndefined();
    expect(await suffering(UNNAMED, 'db')).toBeUndefined();
  });
});

describe('the evidence of an incident', () => {
  it('about the state of its container includes the end of the log and the last two health checks', async () => {
    const health = (outputs: readonly string[]) => ({
      status: 'running' as const,
      health: 'unhealthy' as const,
      healthLog: outputs.map((output) => ({ at: 1, exitCode: 1, output })),
    });
    const kindOf = async (over: object, logLines: readonly string[] = []) => {
      const world = await shop();
      world.sets('db', EXITED);
      world.opens('db');
      world.sets('api', { status: 'running', ...over });
      const running = world.correlates(world.opens('api', { detector: 'health' }), { logLines });
      await world.clock.pass(5 * SECOND);
      return running.result?.kind;
    };
    const quiet = Array.from({ length: 19 }, (_, i) => `line ${i}`);
    expect(await kindOf({}, [REFUSED, ...quiet])).toBe('member');
    expect(await kindOf({}, [REFUSED, ...quiet, 'one more'])).toBe('own');
    expect(await kindOf(health([REFUSED, 'ok']))).toBe('member');
    expect(await kindOf(health([REFUSED, 'ok', 'ok']))).toBe('own');
  });

  it('is its records, which say more than its summary', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    world.opens('db');
    const live = world.fails('api', REFUSED, { summary: 'ERROR the query failed' });
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('of a dependency in an earlier run is its summary, which may state a cause', async () => {
    const world = await shop();
    const found = world.fails('db', FULL);
    world.incidents.resolve(found);
    await world.clock.pass(2 * MINUTE);
    const root = world.incidents.adopt({ ...found.incident, lastSeenAt: world.clock.now() }, 'settled');
    const live = world.fails('api', REFUSED);
    world.correlates(live);
    await world.clock.pass(0);
    expect(live.cause?.root).toBe(root);
  });

  it('of an earlier run is its summary, because its records are lost', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    world.opens('db');
    const live = world.opens('api', { detector: 'log', summary: REFUSED });
    const running = world.correlates(live);
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('waits for the first inspections, but no longer than five seconds', async () => {
    const world = await createWorld({ services: { db: {}, api: { dependsOn: ['db'] } }, ready: false });
    world.sets('db', EXITED);
    world.opens('db');
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(4_999);
    expect(running.result).toBeUndefined();
    await world.clock.pass(1);
    expect(running.result).toEqual({ kind: 'member' });
  });
});

describe('victims that fail before their cause is known', () => {
  const early = async (text = UNNAMED, services: Parameters<typeof shop>[0] = {}) => {
    const world = await shop(services);
    const live = world.fails('api', text);
    world.correlates(live);
    await world.clock.pass(5 * SECOND);
    live.phase = 'settled';
    return { world, live };
  };
  const causeOpens = async (world: Awaited<ReturnType<typeof shop>>, name = 'db', text?: string) => {
    const root = text === undefined ? world.opens(name) : world.fails(name, text);
    world.correlates(root);
    await world.clock.pass(0);
    return root;
  };

  it.each([
    [2 * MINUTE, true],
    [2 * MINUTE + 1, false],
  ])('belong to it if it opens %d ms after their errors began: %s', async (after, joins) => {
    const { world, live } = await early();
    await world.clock.pass(after - 5 * SECOND);
    live.incident = { ...live.incident, lastSeenAt: world.clock.now() };
    const root = await causeOpens(world);
    expect(live.cause).toEqual(joins ? { root, evidence: 'compose' } : undefined);
    expect(world.saved.some(({ id }) => id === incidentId(live))).toBe(joins);
  });

  it.each([
    [2 * MINUTE, true],
    [2 * MINUTE + 1, false],
  ])('do not belong to it if they have been quiet for longer than two minutes: %d, %s', async (quiet, joins) => {
    const { world, live } = await early();
    live.burstAt = world.clock.now() + quiet;
    live.incident = { ...live.incident, lastSeenAt: world.clock.now() };
    await world.clock.pass(quiet);
    const root = await causeOpens(world);
    expect(live.cause?.root).toBe(joins ? root : undefined);
  });

  it('do not belong to an incident that explains nothing', async () => {
    const { world, live } = await early();
    await causeOpens(world, 'db', 'ERROR duplicate key value');
    expect(live.cause).toBeUndefined();
  });

  it('belong to one that states a cause, or has an external cause', async () => {
    const stated = await early();
    await causeOpens(stated.world, 'db', FULL);
    expect(stated.live.cause).toBeDefined();
    const external = await early();
    await causeOpens(external.world, 'db', 'ERROR connect ETIMEDOUT api.example.com:443');
    await external.world.clock.pass(3 * SECOND);
    expect(external.live.cause).toBeDefined();
  });

  it('do not belong to a container without a path to it', async () => {
    const { world, live } = await early(UNNAMED, { cache: {} });
    await causeOpens(world, 'cache');
    expect(live.cause).toBeUndefined();
  });

  it('do not belong to a container without a path to it, whatever cause both state', async () => {
    const { world, live } = await early('ERROR DiskFull: No space left on device', { cache: {} });
    await causeOpens(world, 'cache', FULL);
    expect(live.cause).toBeUndefined();
    const root = await causeOpens(world, 'db', FULL);
    expect(live.cause).toEqual({ root, evidence: 'compose' });
    expect(world.correlation.correlator.membersOf(root)).toEqual([live]);
  });

  it('belong to the container that they name, or to one that this one needs', async () => {
    const text = 'ERROR upstream gateway responded with 503 Service Unavailable, or cache:6379';
    for (const [name, joins] of [
      ['gateway', true],
      ['store', true],
      ['db', false],
    ] as const) {
      const { world, live } = await early(text, { store: {}, gateway: { dependsOn: ['store'] }, cache: {} });
      const root = await causeOpens(world, name);
      expect(live.cause?.root).toBe(joins ? root : undefined);
    }
  });

  it('do not belong to their own service, nor after they have outlived their cause, nor while the agent stops', async () => {
    const own = await early();
    const crash = world0(own.world);
    expect(crash.cause).toBeUndefined();
    const released = await early();
    released.live.isReleased = true;
    await causeOpens(released.world);
    expect(released.live.cause).toBeUndefined();
    const stopped = await early();
    stopped.world.stopping.abort();
    await causeOpens(stopped.world);
    expect(stopped.live.cause).toBeUndefined();
  });

  /** An incident of the victim itself that could be taken for its cause. */
  function world0(world: Awaited<ReturnType<typeof shop>>): LiveIncident {
    const [live] = world.incidents.open();
    world.correlates(world.opens('api', { detector: 'crash', at: world.clock.now() + 100_000 }));
    return live as LiveIncident;
  }
});
