/** A dependency that is unavailable, or just was, without an incident of its own. */
import { describe, expect, it } from 'vitest';
import { absenceAssessment } from '../../../src/pipeline/correlate/absence.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { onNetwork } from './support.ts';
import { createWorld, EXITED, MINUTE, PAUSED, REFUSED, SECOND, START, shop, UNNAMED } from './world.ts';

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
