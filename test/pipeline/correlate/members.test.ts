/** What happens to members later: they repeat, their cause is over, or the agent is restarted. */
import { describe, expect, it } from 'vitest';
import type { IncidentCause, Signal } from '../../../src/domain/incident.ts';
import { sufferingOf } from '../../../src/pipeline/correlate/members.ts';
import { onNetwork, service } from './support.ts';
import {
  createWorld,
  EXITED,
  FULL,
  incidentId,
  listed,
  MINUTE,
  PAUSED,
  REFUSED,
  SECOND,
  START,
  shop,
  UNNAMED,
} from './world.ts';

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
