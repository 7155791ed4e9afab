/** Which incidents belong to which, second by second. */
import { describe, expect, it } from 'vitest';
import type { IncidentCause, Signal } from '../../../src/domain/incident.ts';
import { absenceAssessment } from '../../../src/pipeline/correlate/absence.ts';
import { sufferingOf } from '../../../src/pipeline/correlate/members.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { onNetwork, service } from './support.ts';
import { createWorld, listed, START } from './world.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
/** db has the first address on the network of every world. */
const REFUSED = 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432';
const UNNAMED = 'ERROR connection refused';
const FULL = 'PANIC: could not write to file: No space left on device';
const EXITED = { status: 'exited', exitCode: 1 } as const;
const PAUSED = { status: 'paused' } as const;

const shop = (services: Parameters<typeof createWorld>[0]['services'] = {}) =>
  createWorld({ services: { db: {}, api: { dependsOn: ['db'] }, ...services } });

const incidentId = ({ incident }: LiveIncident) => incident.id;

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

describe('a dependency that is unavailable without an incident', () => {
  it('may get one within three seconds: the event of its end may be late', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(2_900);
    expect(running.result).toBeUndefined();
    world.opens('db');
    await world.clock.pass(100);
    expect(running.result).toEqual({ kind: 'member' });
    expect(world.opened).toEqual([]);
  });

  it('explains the victim as soon as it gets one', async () => {
    const world = await shop();
    world.sets('db', EXITED);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(SECOND);
    world.opens('db');
    await world.clock.pass(100);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it.each([
    ['is paused', PAUSED],
    ['is down', EXITED],
  ] as const)('no longer matters if it %s and another dependency takes the victim in', async (_, state) => {
    const world = await createWorld({ services: { db: {}, cache: {}, api: { dependsOn: ['db', 'cache'] } } });
    world.sets('db', state);
    const live = world.fails('api', UNNAMED);
    const running = world.correlates(live);
    await world.clock.pass(SECOND);
    const root = world.opens('cache');
    world.correlates(root);
    if (state === EXITED) world.opens('db');
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.cause?.root).toBe(root);
    expect(world.opened).toEqual([]);
  });

  it.each([
    ['was stopped by a person', EXITED, { lastEnd: { at: 1, exitCode: 1, by: 'person' } }, 30, 'was stopped'],
    ['is paused', PAUSED, {}, 30, 'is paused'],
    ['ended, and no event reported it', EXITED, {}, 33, 'is down (exit code 1)'],
    ['no longer exists', 'gone', {}, 30, 'no longer exists'],
  ] as const)('gets one if it %s for half a minute', async (_, state, lifecycle, seconds, what) => {
    const world = await shop();
    world.sets('db', state, lifecycle as never);
    const live = world.fails('api', REFUSED);
    const running = world.correlates(live);
    await world.clock.pass(seconds * SECOND - 1_000);
    expect(world.opened).toEqual([]);
    await world.clock.pass(SECOND);
    expect(running.result).toEqual({ kind: 'member' });
    expect(world.opened.map(({ signal }) => signal)).toMatchObject([
      { container: { name: 'shop-db-1' }, summary: `shop-db-1 ${what}, and others depend on it`, detector: 'health' },
    ]);
    expect(world.observed[0]).toBe('signal health shop-db-1');
    expect(live.cause?.root.incident.container.name).toBe('shop-db-1');
  });

  it('has a diagnosis from the start, of medium severity, that forbids a restart', async () => {
    const world = await shop();
    world.sets('db', PAUSED);
    world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(31 * SECOND);
    const absence = world.incidents.open().find(({ incident }) => incident.fingerprint === 'absent');
    expect(absence && absenceAssessment(absence.incident)).toMatchObject({
      rootCause: 'shop-db-1 is paused, and others depend on it.',
      severity: 'medium',
      autoRestartSafe: false,
      configSuggestions: [],
      likelyRecurring: false,
    });
  });

  it('gets one only once, and it has its own problem then', async () => {
    const world = await shop({ worker: { dependsOn: ['db'] } });
    world.sets('db', PAUSED);
    const both = [world.correlates(world.fails('api', REFUSED)), world.correlates(world.fails('worker', REFUSED))];
    await world.clock.pass(35 * SECOND);
    expect(both.map(({ result }) => result?.kind)).toEqual(['member', 'member']);
    const absences = world.incidents.open().filter(({ incident }) => incident.fingerprint === 'absent');
    expect(absences).toHaveLength(1);
    expect(world.opened).toHaveLength(1);
    world.sets('api', EXITED);
    world.opens('api');
    const own = world.correlates(absences[0] as LiveIncident, { logLines: ['ERROR connect ECONNREFUSED api:80'] });
    await world.clock.pass(0);
    expect(own.result).toEqual({ kind: 'own' });
  });

  it('that comes back in time is not reported, if its victim recovers', async () => {
    const world = await shop();
    world.sets('db', PAUSED);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(10 * SECOND);
    world.sets('db', {});
    await world.clock.pass(2 * MINUTE);
    expect(running.result).toEqual({ kind: 'passed', dependency: 'shop-db-1' });
    expect(world.opened).toEqual([]);
  });

  it.each([
    ['is a job that ended well', { status: 'exited', exitCode: 0 }, {}],
    ['was never started', { status: 'created' }, {}],
    ['ended more than two minutes before', { ...EXITED, finishedAt: START - 2 * MINUTE - 1 }, {}],
  ] as const)('does not explain an error that does not name it if it %s', async (_, state, lifecycle) => {
    const world = await shop();
    world.sets('db', state as never, lifecycle);
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(5 * SECOND);
    expect(running.result?.kind).toBe('unknown');
  });

  it('explains an error that does not name it if it ended two minutes before', async () => {
    const world = await shop();
    world.sets('db', { ...EXITED, finishedAt: START - 2 * MINUTE });
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('explains an error that names it, however long ago it ended', async () => {
    const world = await shop();
    world.sets('db', { ...EXITED, finishedAt: START - 100 * MINUTE });
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('is off the network on which its clients reach it', async () => {
    const world = await shop();
    world.sets('db', { topology: { networks: [], links: [], dependsOn: [], environmentHosts: [] } });
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'member' });
    expect(world.opened[0]?.signal.summary).toContain('disconnected from the network shop_default');
  });

  it('is off that network, and still on another one', async () => {
    const world = await shop();
    const topology = onNetwork('172.19.0.2', {}, 'back');
    world.correlation.inspected(world.ref('db').id, { topology, startedAt: START });
    world.sets('db', { topology });
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'member' });
  });

  it('is not assumed if the engine does not answer', async () => {
    const world = await shop();
    world.sets('db', 'unanswered');
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(5 * SECOND);
    expect(running.result).toEqual({ kind: 'unknown', named: 'shop-db-1' });
  });

  it('is found among many dependencies, the nearest first', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `store${i}`);
    const world = await createWorld({
      services: { ...Object.fromEntries(names.map((name) => [name, {}])), api: { dependsOn: names } },
    });
    world.sets('store10', PAUSED);
    const live = world.fails('api', UNNAMED);
    world.correlates(live);
    await world.clock.pass(MINUTE);
    expect(world.rootName(live)).toBe('store10');
  });

  it('is found with few inspections: eight containers at a time', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `store${i}`);
    const world = await createWorld({
      services: { ...Object.fromEntries(names.map((name) => [name, {}])), api: { dependsOn: names } },
    });
    world.sets('store0', EXITED);
    world.opens('store0');
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(0);
    expect(running.result).toEqual({ kind: 'member' });
    expect(world.inspections()).toBe(8);
  });

  it('no longer matters once another incident takes the victim in', async () => {
    const world = await shop();
    world.sets('db', PAUSED);
    const live = world.fails('api', REFUSED);
    const running = world.correlates(live);
    await world.clock.pass(5 * SECOND);
    const root = world.opens('db', { detector: 'health', fingerprint: 'unhealthy' });
    world.correlates(root);
    await world.clock.pass(SECOND);
    expect(running.result).toEqual({ kind: 'member' });
    expect(live.cause?.root).toBe(root);
    expect(world.opened).toEqual([]);
  });
});

describe('a dependency that returned less than a minute ago', () => {
  const back = (ago: number) =>
    [{ startedAt: START - ago }, { lastEnd: { at: 1, exitCode: 1, by: 'person' } }] as const;

  it.each([
    ['pass', 20 * SECOND, { kind: 'passed', dependency: 'shop-db-1' }],
    ['are its own problem, because they came later than half a minute', MINUTE - 1, { kind: 'own' }],
  ])('explains errors that name it: they %s', async (_, ago, expected) => {
    const world = await shop();
    world.sets('db', ...back(ago));
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual(expected);
  });

  it.each<[string, Parameters<Awaited<ReturnType<typeof shop>>['sets']>[1], object]>([
    ['it has run for a minute', ...back(MINUTE)],
    ['it was not seen to end or to be deployed', { startedAt: START - 5 * SECOND }, {}],
    ['the engine does not answer', 'unanswered', { deployedAt: START }],
  ])('explains nothing if %s', async (_, state, lifecycle) => {
    const world = await shop();
    world.sets('db', state, lifecycle);
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(5 * SECOND);
    expect(running.result?.kind).toBe('unknown');
  });

  it('explains errors that name nothing, but none that name another host', async () => {
    for (const [text, expected] of [
      [UNNAMED, { kind: 'passed', dependency: 'shop-db-1' }],
      ['ERROR connect ECONNREFUSED cache:6379', { kind: 'unknown', named: 'shop-cache-1' }],
      ['ERROR connect ETIMEDOUT smtp.example.net:587', { kind: 'external', host: 'smtp.example.net:587' }],
    ] as const) {
      const world = await shop({ cache: {} });
      world.sets('db', ...back(SECOND));
      const running = world.correlates(world.fails('api', text));
      await world.clock.pass(2 * MINUTE);
      expect(running.result).toEqual(expected);
    }
  });

  it('is no finished job', async () => {
    const world = await shop();
    const lastEnd = { at: START - SECOND, exitCode: 0, by: 'itself' } as const;
    world.sets('db', { status: 'exited', exitCode: 0, startedAt: START - 5 * SECOND }, { lastEnd });
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(MINUTE);
    expect(running.result).toEqual({ kind: 'unknown' });
  });

  it('may also have been deployed', async () => {
    const world = await shop();
    world.sets('db', { startedAt: START - SECOND }, { deployedAt: START - SECOND });
    const running = world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(MINUTE);
    expect(running.result?.kind).toBe('passed');
  });

  it('is restarted itself no second time: a victim that still fails is not correlated with it again', async () => {
    const world = await shop();
    world.sets('db', ...back(SECOND));
    const live = world.fails('api', REFUSED);
    const running = world.correlates(live);
    live.incident = { ...live.incident, lastSeenAt: START + 50 * SECOND };
    await world.clock.pass(2 * MINUTE);
    expect(running.result).toEqual({ kind: 'own' });
    const again = world.correlates(live);
    await world.clock.pass(5 * SECOND);
    expect(again.result).toEqual({ kind: 'own' });
  });
});

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
    const running = world.correlates(world.fails('api', UNNAMED));
    await world.clock.pass(0);
    expect(running.result).toBeUndefined();
    await world.clock.pass(5 * SECOND);
    expect(world.incidents.open().map(({ incident }) => incident.cause)).toContainEqual({
      kind: 'unknown',
      named: 'shop-db-1',
    });
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

describe('a settled incident that repeats', () => {
  const settled = async (text = REFUSED) => {
    const world = await shop();
    const live = world.fails('api', text);
    world.correlates(live);
    await world.clock.pass(5 * SECOND);
    live.phase = 'settled';
    const repeats = () => {
      const signal = { ...(live.evidence[0] as Signal), at: world.clock.now(), record: world.record(text) };
      world.incidents.fold(signal);
      return world.correlation.repeated(live, signal);
    };
    return { world, live, repeats };
  };

  it('belongs to a dependency that has a problem by now', async () => {
    const { world, live, repeats } = await settled();
    world.sets('db', PAUSED);
    expect(repeats()).toBe(false);
    await world.clock.pass(31 * SECOND);
    expect(world.rootName(live)).toBe('db');
    expect(repeats()).toBe(true);
  });

  it('does not look at its dependencies after a record that does not point to one', async () => {
    const { world, live, repeats } = await settled(UNNAMED);
    const before = world.inspections();
    const record = world.record("ERROR KeyError: 'x'");
    world.correlation.repeated(live, { ...(live.evidence[0] as Signal), record });
    await world.clock.pass(0);
    expect(world.inspections()).toBe(before);
    await world.clock.pass(15 * SECOND);
    repeats();
    await world.clock.pass(0);
    expect(world.inspections()).toBeGreaterThan(before);
  });

  it('does not look at its dependencies after a signal that is no record, or once it has outlived one', async () => {
    const { world, live, repeats } = await settled();
    const before = world.inspections();
    world.correlation.repeated(live, { ...(live.evidence[0] as Signal), record: undefined });
    live.isReleased = true;
    live.incident = { ...live.incident, cause: undefined };
    repeats();
    await world.clock.pass(0);
    expect(world.inspections()).toBe(before);
  });

  it('belongs to a dependency that a later record names, whether its cause is unknown or it had ended', async () => {
    const record = { time: START, stream: 'stderr' as const, text: REFUSED, lines: 1 };
    const unknown = await shop({ worker: {} });
    const first = unknown.fails('worker', UNNAMED);
    const running = unknown.correlates(first);
    await unknown.clock.pass(5 * SECOND);
    expect([running.result, sufferingOf(first)]).toEqual([{ kind: 'unknown' }, undefined]);
    first.incident = { ...first.incident, cause: { kind: 'unknown' } };
    const ended = await shop();
    ended.sets('api', EXITED);
    const second = ended.opens('api');
    ended.correlates(second, { logLines: [REFUSED] });
    await ended.clock.pass(5 * SECOND);
    for (const [world, live] of [
      [unknown, first],
      [ended, second],
    ] as const) {
      live.phase = 'settled';
      world.sets('db', PAUSED);
      world.correlation.repeated(live, { ...(live.evidence[0] as Signal), record });
      await world.clock.pass(31 * SECOND);
      expect(world.rootName(live)).toBe('db');
    }
  });

  it('looks at its dependencies every fifteen seconds at most', async () => {
    const { world, repeats } = await settled();
    const inspectionsOf = async () => {
      const before = world.inspections();
      repeats();
      await world.clock.pass(0);
      return world.inspections() - before;
    };
    expect(await inspectionsOf()).toBeGreaterThan(0);
    await world.clock.pass(14_999);
    expect(await inspectionsOf()).toBe(0);
    await world.clock.pass(1);
    expect(await inspectionsOf()).toBeGreaterThan(0);
  });

  it('does not look at them if its errors do not point to a dependency, or while it is handled', async () => {
    const own = await settled("ERROR KeyError: 'x'");
    const before = own.world.inspections();
    own.repeats();
    await own.world.clock.pass(0);
    expect(own.world.inspections()).toBe(before);
    const handled = await settled();
    handled.live.phase = 'handling';
    const seen = handled.world.inspections();
    handled.repeats();
    await handled.world.clock.pass(0);
    expect(handled.world.inspections()).toBe(seen);
  });

  it('does not look at them twice at the same time', async () => {
    const { world, repeats } = await settled();
    world.sets('db', PAUSED);
    repeats();
    await world.clock.pass(20 * SECOND);
    const before = world.inspections();
    repeats();
    await world.clock.pass(0);
    expect(world.inspections()).toBe(before);
  });

  it('is counted with its cause if it is a member, which keeps the incident of an external host open', async () => {
    const world = await createWorld({ services: { mail: {}, billing: {} } });
    const first = world.fails('mail', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    const second = world.fails('billing', 'ERROR Error: connect ETIMEDOUT smtp.example.net:587');
    for (const live of [first, second]) world.correlates(live);
    await world.clock.pass(2 * SECOND);
    world.observed.length = 0;
    world.incidents.takeDirty();
    second.incident = { ...second.incident, lastSeenAt: START + 50 * SECOND };
    expect(world.correlation.repeated(second, second.evidence[0] as Signal)).toBe(true);
    expect(world.observed).toEqual(['correlated observed', 'suppressed dependency']);
    expect(first.incident.lastSeenAt).toBe(START + 50 * SECOND);
    expect(world.incidents.takeDirty().map(({ id }) => id)).toEqual([incidentId(first)]);
    second.incident = { ...second.incident, lastSeenAt: START };
    world.correlation.repeated(second, second.evidence[0] as Signal);
    expect(first.incident.lastSeenAt).toBe(START + 50 * SECOND);
  });

  it.each<[string, string | undefined, IncidentCause | undefined]>([
    ['that ended', undefined, undefined],
    ['that ended because a host outside does not answer', undefined, { kind: 'external', host: 'api.example.net' }],
    ['whose own log states the cause', FULL, undefined],
  ])('does not keep the incident of a container open %s', async (_, text, cause) => {
    const world = await shop();
    const root = text === undefined ? world.opens('db') : world.fails('db', text);
    if (cause !== undefined) root.incident = { ...root.incident, cause };
    const live = world.fails('api', REFUSED);
    world.correlates(live);
    await world.clock.pass(SECOND);
    live.incident = { ...live.incident, lastSeenAt: START + MINUTE };
    expect(world.correlation.repeated(live, live.evidence[0] as Signal)).toBe(true);
    expect(root.incident.lastSeenAt).toBe(START);
  });
});

describe('when the cause is over', () => {
  const failed = async () => {
    const world = await shop();
    world.sets('db', EXITED);
    const root = world.opens('db');
    const live = world.fails('api', REFUSED);
    world.correlates(live);
    await world.clock.pass(0);
    for (const one of [root, live]) one.phase = 'settled';
    return { world, root, live };
  };

  it('a start of its container releases the members after a minute', async () => {
    const { world, live } = await failed();
    world.sets('db', {});
    world.happens('db', { kind: 'start' });
    await world.clock.pass(59_999);
    expect(live.resolvedAt).toBeUndefined();
    await world.clock.pass(1);
    expect(live.resolvedAt).toBeDefined();
    expect(world.resolved).toEqual([incidentId(live)]);
  });

  it.each([
    [{ kind: 'unpause' } as const, true],
    [{ kind: 'health', status: 'healthy' } as const, true],
    [{ kind: 'health', status: 'unhealthy' } as const, false],
    [{ kind: 'pause' } as const, false],
  ])('members are released after the event %o: %s', async (action, released) => {
    const { world, live } = await failed();
    world.sets('db', {});
    world.happens('db', action);
    await world.clock.pass(MINUTE);
    expect(live.resolvedAt !== undefined).toBe(released);
  });

  it('an event of another container releases nothing, nor one that leaves the cause unavailable or unknown', async () => {
    for (const [state, name] of [
      [{}, 'api'],
      [EXITED, 'db'],
      ['unanswered', 'db'],
    ] as const) {
      const { world, live } = await failed();
      world.sets('db', state as never);
      world.happens(name, { kind: 'start' });
      await world.clock.pass(MINUTE);
      expect(live.resolvedAt).toBeUndefined();
    }
  });

  it('a listing releases them too, and a stopping agent nothing', async () => {
    const { world, live } = await failed();
    world.sets('db', {});
    world.correlation.listed([listed(world.ref('db'))]);
    await world.clock.pass(MINUTE);
    expect(live.resolvedAt).toBeDefined();
    const stopping = await failed();
    const before = stopping.world.inspections();
    stopping.world.stopping.abort();
    stopping.world.sets('db', {});
    stopping.world.correlation.listed([listed(stopping.world.ref('db'))]);
    stopping.world.happens('db', { kind: 'start' });
    await stopping.world.clock.pass(MINUTE);
    expect(stopping.live.resolvedAt).toBeUndefined();
    expect(stopping.world.inspections()).toBe(before);
  });

  it('members have one minute: a further listing does not begin another, but a new failure ends it', async () => {
    for (const fails of [false, true]) {
      const { world, live } = await failed();
      const list = () => world.correlation.listed([listed(world.ref('db'))]);
      world.sets('db', {});
      list();
      await world.clock.pass(30 * SECOND);
      if (fails) world.sets('db', EXITED);
      list();
      await world.clock.pass(30 * SECOND);
      expect(live.resolvedAt !== undefined).toBe(!fails);
      if (!fails) continue;
      world.sets('db', {});
      list();
      await world.clock.pass(MINUTE);
      expect(live.resolvedAt).toBeDefined();
    }
  });

  it('its container must be on a network of its members again', async () => {
    for (const [network, released] of [
      ['back', false],
      ['shop_default', true],
    ] as const) {
      const { world, live } = await failed();
      const topology = onNetwork('172.19.0.2', {}, 'back');
      world.correlation.inspected(world.ref('db').id, { topology, startedAt: START });
      world.sets('db', { topology: onNetwork('172.19.0.2', {}, network) });
      world.happens('db', { kind: 'start' });
      await world.clock.pass(MINUTE);
      expect(live.resolvedAt !== undefined).toBe(released);
    }
  });

  it('a member that failed in the second half of that minute becomes an incident of its own', async () => {
    for (const [at, own] of [
      [30 * SECOND, false],
      [30 * SECOND + 1, true],
    ] as const) {
      const { world, root, live } = await failed();
      world.correlation.recovered(root);
      live.incident = { ...live.incident, lastSeenAt: START + at };
      await world.clock.pass(MINUTE);
      expect(world.opened.map(({ isReleased }) => isReleased)).toEqual(own ? [true] : []);
      if (own)
        expect(world.opened[0]?.signal).toMatchObject({
          fingerprint: live.incident.fingerprint,
          at: world.clock.now(),
        });
    }
  });

  it('an incident that ended quietly releases members that were quiet for two minutes', async () => {
    for (const [at, own] of [
      [2 * MINUTE, false],
      [2 * MINUTE + 1, true],
    ] as const) {
      const { world, root, live } = await failed();
      live.incident = { ...live.incident, lastSeenAt: root.incident.lastSeenAt + at };
      world.correlation.ended(root);
      await world.clock.pass(0);
      expect(world.opened).toHaveLength(own ? 1 : 0);
      expect(live.resolvedAt).toBeDefined();
    }
  });

  it('the incident of an absence is over with its members, or without them, and only once', async () => {
    for (const [before, meanwhile] of [
      [undefined, undefined],
      ['api', undefined],
      ['api', 'db'],
    ] as const) {
      const world = await shop();
      world.sets('db', PAUSED);
      world.correlates(world.fails('api', REFUSED));
      await world.clock.pass(31 * SECOND);
      const resolve = (name: string | undefined) => {
        const live = world.incidents.open().find(({ incident }) => incident.container.service === name);
        if (live !== undefined) world.incidents.resolve(live);
      };
      for (const live of world.incidents.open()) live.phase = 'settled';
      resolve(before);
      world.sets('db', {});
      world.happens('db', { kind: 'unpause' });
      await world.clock.pass(SECOND);
      resolve(meanwhile);
      await world.clock.pass(MINUTE);
      expect(world.incidents.open()).toEqual([]);
      expect(world.resolved).toHaveLength([before, meanwhile].filter((name) => name === undefined).length);
    }
  });

  it('a member that still fails is opened again with its latest evidence', async () => {
    const { world, root, live } = await failed();
    const latest = { ...(live.evidence[0] as Signal), record: world.record('ERROR the latest') };
    live.evidence.push(latest);
    world.correlation.recovered(root);
    live.incident = { ...live.incident, lastSeenAt: START + 50 * SECOND };
    await world.clock.pass(MINUTE);
    expect(world.opened[0]?.signal).toEqual({ ...latest, at: world.clock.now() });
  });
});

describe('incidents of an earlier run', () => {
  const two = async () => {
    const world = await shop();
    const root = world.opens('db');
    const live = world.fails('api', REFUSED);
    live.incident = {
      ...live.incident,
      cause: { kind: 'incident', incidentId: incidentId(root), evidence: 'network' },
    };
    return { world, root, live };
  };

  it('are linked again', async () => {
    const { world, root, live } = await two();
    world.correlation.restore([live, root]);
    expect(live.cause).toEqual({ root, evidence: 'network' });
  });

  it('whose cause is over are released after a minute', async () => {
    const { world, live } = await two();
    world.correlation.restore([live]);
    await world.clock.pass(59_999);
    expect(live.resolvedAt).toBeUndefined();
    await world.clock.pass(1);
    expect(live.resolvedAt).toBeDefined();
  });

  it('whose cause is over and that still fail become incidents of their own', async () => {
    for (const [at, own] of [
      [30 * SECOND, 0],
      [30 * SECOND + 1, 1],
    ] as const) {
      const { world, live } = await two();
      world.correlation.restore([live]);
      live.incident = { ...live.incident, lastSeenAt: START + at };
      await world.clock.pass(MINUTE);
      expect(world.opened).toHaveLength(own);
    }
  });

  it('whose evidence is lost keep their problem when they become incidents of their own', async () => {
    const { world, live: found } = await two();
    world.incidents.resolve(found);
    const live = world.incidents.adopt(found.incident, 'settled');
    world.correlation.restore([live]);
    live.incident = { ...live.incident, lastSeenAt: START + 50 * SECOND };
    await world.clock.pass(MINUTE);
    const { container, detector, fingerprint, summary, patterns } = found.incident;
    expect(world.opened[0]?.signal).toEqual({
      container,
      detector,
      fingerprint,
      summary,
      patterns,
      at: world.clock.now(),
    });
  });

  it('are not released by a stopping agent', async () => {
    const { world, live } = await two();
    world.correlation.restore([live]);
    world.stopping.abort();
    await world.clock.pass(2 * MINUTE);
    expect(live.resolvedAt).toBeUndefined();
  });

  it('are never linked in a circle', async () => {
    const { world, root, live } = await two();
    root.incident = {
      ...root.incident,
      cause: { kind: 'incident', incidentId: incidentId(live), evidence: 'compose' },
    };
    world.correlation.restore([root, live]);
    expect([root.cause === undefined, live.cause === undefined]).toContain(true);
    const self = await two();
    self.live.incident = {
      ...self.live.incident,
      cause: { kind: 'incident', incidentId: incidentId(self.live), evidence: 'compose' },
    };
    self.world.correlation.restore([self.live]);
    expect(self.live.cause).toBeUndefined();
  });
});

describe('observed dependencies', () => {
  it('are stored after a listing, only if there are new ones', async () => {
    const world = await createWorld({ services: { db: {}, api: {} } });
    const list = async () => {
      world.correlation.listed([listed(world.ref('db'))]);
      await world.clock.pass(0);
    };
    await list();
    expect(world.storedDependencies).toEqual([]);
    world.correlates(world.fails('api', REFUSED));
    await world.clock.pass(5 * SECOND);
    await list();
    await list();
    expect(world.storedDependencies).toEqual([[{ from: 'shop/api', to: 'shop/db', lastSeenAt: START }]]);
  });

  it('of an earlier run count from the start, and are not stored again', async () => {
    const world = await createWorld({
      services: { db: {}, api: {} },
      known: [{ from: 'shop/api', to: 'shop/db', lastSeenAt: 1 }],
    });
    expect(world.correlation.edges()).toMatchObject([{ to: { name: 'shop-db-1' }, evidence: 'observed' }]);
    world.correlation.listed([]);
    await world.clock.pass(0);
    expect(world.storedDependencies).toEqual([]);
  });

  it('and addresses are stored after the first inspections, and after a listing if there are new ones', async () => {
    const world = await createWorld({ services: { db: {} } });
    await world.clock.pass(0);
    expect(world.storedAddresses).toEqual([['172.18.0.2']]);
    const list = async () => {
      world.correlation.listed([listed(world.ref('db'))]);
      await world.clock.pass(0);
    };
    await list();
    expect(world.storedAddresses).toHaveLength(1);
    world.correlation.inspected(world.ref('db').id, { topology: onNetwork('172.18.0.9'), startedAt: START });
    await list();
    expect(world.storedAddresses.at(-1)).toEqual(['172.18.0.2', '172.18.0.9']);
  });

  it('that cannot be stored or read are logged', async () => {
    const world = await createWorld({ services: { db: {}, api: {} }, failingStore: true });
    expect(world.logged).toHaveLength(1);
    const live = world.fails('api', REFUSED);
    live.phase = 'handling';
    world.correlates(live);
    await world.clock.pass(5 * SECOND);
    world.correlation.listed([]);
    await world.clock.pass(0);
    expect(world.logged.length).toBeGreaterThan(1);
    world.sets('db', EXITED);
    world.correlates(world.opens('db'));
    await world.clock.pass(0);
    expect(world.logged).toContain('an incident could not be stored');
  });

  it('belong to containers that are known from events and listings, and learned also if inspected first', async () => {
    const world = await createWorld({ services: { db: {} } });
    const early = service('early');
    expect(world.correlation.containerOf(early.id)).toBeUndefined();
    world.correlation.inspected(early.id, {
      topology: { networks: [], links: [], dependsOn: ['db'], environmentHosts: [] },
      startedAt: 1,
    });
    world.correlation.listed([listed(early)]);
    expect(world.correlation.containerOf(early.id)).toEqual(early);
    expect(world.correlation.edges()).toMatchObject([{ from: early, evidence: 'compose' }]);
    world.happens('db', { kind: 'destroy' });
    expect(world.correlation.edges()).toEqual([]);
  });
});
