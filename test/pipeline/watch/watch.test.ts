import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedEngine, type SimulatedEngine } from '../../../src/demo/simulated-engine.ts';
import type { Clock } from '../../../src/lib/time.ts';
import { systemClock } from '../../../src/lib/time.ts';
import { eventually } from '../../support/eventually.ts';
import { createJumpingClock } from '../../support/jumping-clock.ts';
import { createCuttingProxy } from '../../support/proxy.ts';
import { createMemoryCursors, createWatching, type Watching } from '../../support/watching.ts';

let folder: string;
let engine: SimulatedEngine;
let dockerHost: string;
const running: Watching[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cd-watch-'));
  engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  dockerHost = await engine.listen();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ watch }) => watch.stop()));
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function watching(options: Parameters<typeof createWatching>[1] = {}): Promise<Watching> {
  const created = createWatching(dockerHost, options);
  running.push(created);
  await created.watch.start();
  return created;
}

const awaitTexts = (w: Watching, name: string, texts: readonly string[]) =>
  eventually(() => {
    expect(w.texts(name)).toEqual(texts);
    return true;
  });
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `line ${n + from}`);

describe('lines', () => {
  it('of running containers are delivered in order and with their stream', async () => {
    const web = engine.addContainer({ name: 'web' });
    web.log('before');
    const w = await watching();
    web.log('to stderr', { stream: 'stderr' });
    await awaitTexts(w, 'web', ['before', 'to stderr']);
    expect(w.lines.map(({ stream }) => stream)).toEqual(['stdout', 'stderr']);
  });

  it('of the last minute only are delivered if no earlier run is known', async () => {
    const web = engine.addContainer({ name: 'web' });
    web.log('old', { at: Date.now() - 120_000 });
    web.log('recent', { at: Date.now() - 30_000 });
    const w = await watching();
    web.log('now');
    await awaitTexts(w, 'web', ['recent', 'now']);
  });

  it('of a container that is created later are delivered from its start', async () => {
    const w = await watching();
    engine.addContainer({ name: 'late', onStart: (c) => c.log(numbered(100).join('\n')) });
    await awaitTexts(w, 'late', numbered(100));
  });

  it('of a job that prints and exits at once are all delivered', async () => {
    const w = await watching();
    for (let n = 0; n < 20; n++) {
      engine.addContainer({
        name: `job-${n}`,
        onStart(c) {
          c.log(numbered(5).join('\n'));
          c.log('Killed', { terminated: false });
          c.exit(1);
        },
      });
    }
    for (let n = 0; n < 20; n++) await awaitTexts(w, `job-${n}`, [...numbered(5), 'Killed']);
  });

  it.each([false, true])('are delivered once each over stops, starts and restarts (tty: %s)', async (tty) => {
    const web = engine.addContainer({ name: 'web', tty, onStart: (c) => c.log(`start ${c.starts}`) });
    const w = await watching();
    web.log('dying words', { terminated: false });
    web.exit(1);
    await eventually(() => (w.kinds('web').includes('die') ? true : undefined));
    web.start();
    await web.restart();
    await web.stop();
    web.start();
    web.log('end');
    await awaitTexts(w, 'web', ['start 1', 'dying words', 'start 2', 'start 3', 'start 4', 'end']);
  });

  it('with equal timestamps are delivered once each over lost connections', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching();
    const at = Date.now();
    for (let n = 0; n < 10; n++) {
      web.log(`line ${n}`, { at, stream: n % 3 === 0 ? 'stderr' : 'stdout' });
      await eventually(() => (w.texts('web').length === n + 1 ? true : undefined));
      engine.faults.dropConnections();
    }
    await awaitTexts(w, 'web', numbered(10));
    expect(w.reconnects).toContain('error');
  });

  it.each([false, true])('are delivered once each if every stream is cut in the middle (tty: %s)', async (tty) => {
    engine.faults.cutLogStreams(1_000);
    const web = engine.addContainer({ name: 'web', tty });
    const w = await watching();
    for (let n = 0; n < 100; n++) web.log(`line ${n}`);
    await eventually(() => (w.texts('web').length > 20 ? true : undefined), { deadlineMs: 60_000 });
    engine.faults.clear();
    await awaitTexts(w, 'web', numbered(100));
  });

  it('that were printed while the agent was not running are delivered once each by the next run', async () => {
    const cursors = createMemoryCursors();
    const web = engine.addContainer({ name: 'web' });
    const first = await watching({ cursors });
    web.log('one');
    await awaitTexts(first, 'web', ['one']);
    await first.watch.stop();
    web.log('two');
    web.exit(1);
    const second = await watching({ cursors });
    await awaitTexts(second, 'web', ['two']);
    expect(second.kinds('web')).toEqual(['die']);
  });

  it.each([false, true])(
    'are delivered once each over runs of the agent and of the container (tty: %s)',
    async (tty) => {
      const cursors = createMemoryCursors();
      const web = engine.addContainer({ name: 'web', tty, onStart: (c) => c.log(`start ${c.starts}`) });
      const seen: string[] = [];
      const run = async (expected: readonly string[]) => {
        const w = await watching({ cursors });
        await awaitTexts(w, 'web', expected);
        await w.watch.stop();
        seen.push(...w.texts('web'));
      };
      await run(['start 1']);
      web.log('dying words', { terminated: false });
      web.exit(1);
      await run(['dying words']);
      await run([]);
      web.start();
      web.log('alive');
      await run(['start 2', 'alive']);
      web.log('more');
      await run(['more']);
      expect(seen).toEqual(['start 1', 'dying words', 'start 2', 'alive', 'more']);
    },
  );

  it('of a flood are all delivered and do not delay another container', async () => {
    const w = await watching();
    const flood = engine.addContainer({ name: 'flood' });
    const quiet = engine.addContainer({ name: 'quiet' });
    flood.log(numbered(100_000).join('\n'));
    quiet.log('here');
    await awaitTexts(w, 'quiet', ['here']);
    await eventually(() => (w.texts('flood').length === 100_000 ? true : undefined), { deadlineMs: 60_000 });
    expect(w.texts('flood').at(-1)).toBe('line 99999');
  });
});

describe('containers', () => {
  it('that are recreated under the same name are distinguished, and the old one is gone after its last line', async () => {
    const old = engine.addContainer({ name: 'web' });
    const w = await watching();
    old.log('old one');
    await awaitTexts(w, 'web', ['old one']);
    old.remove();
    const fresh = engine.addContainer({ name: 'web' });
    fresh.log('new one');
    await awaitTexts(w, 'web', ['old one', 'new one']);
    await eventually(() => (w.gone.length > 0 ? true : undefined));
    expect(w.gone.map(({ id }) => id)).toEqual([old.id]);
    expect(w.watch.status().watched.map(({ id }) => id)).toEqual([fresh.id]);
  });

  it('that are renamed are still watched', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching();
    web.rename('shop');
    web.log('still here');
    await awaitTexts(w, 'shop', ['still here']);
    expect(w.watch.status().watched.map(({ name }) => name)).toEqual(['shop']);
  });

  it('that match no target or are disabled by label are not watched, nor is the agent itself', async () => {
    const web = engine.addContainer({ name: 'web-1' });
    const others = [
      engine.addContainer({ name: 'other' }),
      engine.addContainer({ name: 'web-off', labels: { 'container-doctor.enable': 'false' } }),
      engine.addContainer({ name: 'web-self' }),
    ];
    const w = await watching({ targets: 'web-*', ownId: others[2]?.id.slice(0, 12) });
    for (const other of others) {
      other.log('unseen');
      other.exit(1);
    }
    web.log('seen');
    await awaitTexts(w, 'web-1', ['seen']);
    expect(w.watch.status().watched.map(({ name }) => name)).toEqual(['web-1']);
    expect(new Set(w.events.map(({ container }) => container.name))).toEqual(new Set(['web-1']));
  });

  it('that a target names but do not exist are logged once, until they appear', async () => {
    const w = await watching({ targets: 'web,db-*', reconcileEveryMs: 20 });
    engine.addContainer({ name: 'web' });
    await eventually(() => (w.watch.status().missingTargets.length === 1 ? true : undefined));
    await eventually(() => (w.listings.length > 5 ? true : undefined));
    expect(w.watch.status().missingTargets).toEqual(['db-*']);
    const warnings = w.logger.records.filter(({ level, fields }) => level === 'warn' && fields?.target === 'db-*');
    expect(warnings).toHaveLength(1);
    engine.addContainer({ name: 'db-1' });
    await eventually(() => (w.watch.status().missingTargets.length === 0 ? true : undefined));
  });

  it('are watched even if there are two hundred', async () => {
    for (let n = 0; n < 200; n++) engine.addContainer({ name: `c-${n}` });
    const w = await watching({ callTimeoutMs: 60_000 });
    for (let n = 0; n < 200; n++) engine.container(`c-${n}`)?.log('here');
    await eventually(() => (w.lines.length === 200 ? true : undefined), { deadlineMs: 60_000 });
    expect(w.reconnects).toEqual([]);
  });
});

describe('events', () => {
  it('are delivered once each and in order over lost connections', async () => {
    const web = engine.addContainer({ name: 'web', restartPolicy: 'no' });
    const w = await watching();
    const expected = ['create', 'start'];
    for (let n = 0; n < 3; n++) {
      engine.faults.dropConnections();
      web.oom();
      web.start();
      expected.push('oom', 'die', 'start');
      await eventually(() =>
        w.watch.status().connected && w.kinds('web').length === expected.length ? true : undefined,
      );
    }
    expect(w.kinds('web')).toEqual(expected);
  });

  it('that an earlier run handled are delivered as past events, all others as new ones', async () => {
    const cursors = createMemoryCursors();
    const web = engine.addContainer({ name: 'web', restartPolicy: 'no' });
    const first = await watching({ cursors });
    web.kill(15);
    await eventually(() => (first.kinds('web').includes('kill') ? true : undefined));
    await first.watch.stop();
    web.start();
    const second = await watching({ cursors });
    await eventually(() => (second.kinds('web').includes('start') ? true : undefined));
    expect(second.kinds('web')).toEqual(['start']);
    expect(second.pastEvents.map(({ action }) => action.kind)).toEqual(first.kinds('web'));
  });

  it('override the state in a listing that was requested before them', async () => {
    const web = engine.addContainer({ name: 'web' });
    engine.addContainer({ name: 'db' });
    const answer = Promise.withResolvers<void>();
    let listingArrives = async () => {};
    let isRequested = false;
    const w = await watching({ reconcileEveryMs: 20, listingArrives: () => listingArrives() });
    listingArrives = () => {
      isRequested = true;
      return answer.promise;
    };
    await eventually(() => isRequested || undefined);
    web.exit(3);
    await eventually(() => (w.kinds('web').includes('die') ? true : undefined));
    const before = w.listings.length;
    answer.resolve();
    const late = await eventually(() => w.listings[before]);
    expect(late.watched.map(({ ref, status }) => `${ref.name} ${status}`)).toEqual(['db running', 'web running']);
    expect(late.current.map(({ ref }) => ref.name)).toEqual(['db']);
  });

  it('are found to be missing by listings if their stream has stalled', async () => {
    const w = await watching({ reconcileEveryMs: 50 });
    engine.faults.muteEvents();
    const web = engine.addContainer({ name: 'web', onStart: (c) => c.log('hello') });
    web.exit(3);
    await awaitTexts(w, 'web', ['hello']);
    await eventually(() => (w.kinds('web').includes('die') ? true : undefined));
    expect(w.reconnects).toContain('stalled');
  });
});

describe('an engine that cannot be reached', () => {
  /** What the agent logged about the connection. */
  const connectionLog = (w: Watching) =>
    w.logger.records.flatMap(
      ({ message }) => /^(connected|lost)(?= (?:to )?the Docker engine)/.exec(message)?.[1] ?? [],
    );

  it('at the start does not prevent the watch from starting, and is connected to when it appears', async () => {
    engine.faults.refuseConnections();
    const w = await watching();
    expect(w.watch.status().connected).toBe(false);
    engine.faults.clear();
    engine.addContainer({ name: 'web', onStart: (c) => c.log('hello') });
    await awaitTexts(w, 'web', ['hello']);
    expect(connectionLog(w)).toEqual(['connected']);
  });

  it('is logged when it is lost and when it is back, and no line is lost', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching();
    await eventually(() => (w.watch.status().connected ? true : undefined));
    engine.faults.refuseConnections();
    await eventually(() => (w.watch.status().connected ? undefined : true));
    web.log('meanwhile');
    engine.faults.clear();
    await awaitTexts(w, 'web', ['meanwhile']);
    await eventually(() => (w.watch.status().connected ? true : undefined));
    expect(connectionLog(w)).toEqual(['connected', 'lost', 'connected']);
  });

  it('and was not restarted does not make a container missing that somebody stopped shortly before', async () => {
    const clock = createJumpingClock();
    const web = engine.addContainer({ name: 'web' });
    const w = await watching({ clock, reconcileEveryMs: 20 });
    await web.stop();
    await eventually(() => (w.kinds('web').includes('stop') ? true : undefined));
    engine.faults.refuseConnections();
    await eventually(() => (w.watch.status().connected ? undefined : true));
    engine.faults.clear();
    for (let minute = 0; minute < 3; minute++) {
      const listings = w.listings.length;
      await eventually(() => (w.listings.length > listings + 2 ? true : undefined));
      clock.pass(60_000);
    }
    expect(w.missing).toEqual([]);
  });

  it('because it hangs does not delay the stop', async () => {
    engine.faults.hang('list');
    engine.faults.hang('events');
    const w = createWatching(dockerHost, { callTimeoutMs: 60_000 });
    void w.watch.start();
    await eventually(() => (engine.count('events') > 0 ? true : undefined));
    const before = Date.now();
    await w.watch.stop();
    await w.watch.stop();
    expect(Date.now() - before).toBeLessThan(30_000);
  });
});

describe('positions', () => {
  it('are saved in batches and forgotten with their container', async () => {
    const cursors = createMemoryCursors();
    const web = engine.addContainer({ name: 'web' });
    await watching({ cursors });
    for (let n = 0; n < 50; n++) web.log(`line ${n}`);
    await eventually(() => (cursors.saved.has(web.id) ? true : undefined));
    expect(cursors.saves).toBeLessThanOrEqual(3);
    web.remove();
    await eventually(() => (cursors.saved.has(web.id) ? undefined : true));
  });

  it('that cannot be saved do not end the watch', async () => {
    const cursors = createMemoryCursors();
    cursors.loadCursors = cursors.saveCursors = async () => {
      throw new Error('disk full');
    };
    const web = engine.addContainer({ name: 'web' });
    const w = await watching({ cursors });
    web.log('one');
    await eventually(() =>
      w.logger.records.some(({ message }) => message.includes('cannot be saved')) ? true : undefined,
    );
    web.log('two');
    await awaitTexts(w, 'web', ['one', 'two']);
  });
});

describe('a silent log stream', () => {
  function fastClock(): Clock & { ahead: number } {
    const ahead = (from: () => number) => () => from() + clock.ahead;
    return { ...systemClock, ahead: 0, now: ahead(systemClock.now), monotonic: ahead(systemClock.monotonic) };
  }
  let clock: ReturnType<typeof fastClock>;
  beforeEach(() => {
    clock = fastClock();
  });

  it('stays open if the container printed nothing', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching({ clock, reconcileEveryMs: 20 });
    web.log('one');
    await awaitTexts(w, 'web', ['one']);
    const streams = () => engine.requests.filter(({ query }) => query.get('follow') === 'true').length;
    const before = streams();
    clock.ahead = 15 * 60_000;
    await eventually(() => (engine.requests.some(({ query }) => query.get('tail') === '1') ? true : undefined));
    const listings = w.listings.length;
    await eventually(() => (w.listings.length > listings + 3 ? true : undefined));
    expect(streams()).toBe(before);
  });

  it('is reopened if the log has lines that it did not deliver', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching({ clock, reconcileEveryMs: 20 });
    web.log('one');
    await awaitTexts(w, 'web', ['one']);
    engine.faults.muteLogStreams();
    web.log('two');
    clock.ahead = 15 * 60_000;
    await awaitTexts(w, 'web', ['one', 'two']);
    expect(w.reconnects).toContain('stalled');
  });
});

describe('an engine that accepts connections and does not answer', () => {
  it('is noticed, gets one request at a time, and is connected to again with no line lost', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `c-${n}`);
    for (const name of names) engine.addContainer({ name });
    const proxy = await createCuttingProxy(dockerHost);
    const w = createWatching(proxy.dockerHost, { reconcileEveryMs: 20, callTimeoutMs: 100 });
    running.push(w);
    await w.watch.start();
    await eventually(() => (w.watch.status().connected && proxy.open >= names.length + 1 ? true : undefined));
    const streams = names.length + 1;

    proxy.stall();
    for (const name of names) engine.container(name)?.log('meanwhile');
    await eventually(() => (w.watch.status().connected ? undefined : true));
    // Listings time out again and again, and none of their connections stays open.
    const timeouts = () =>
      w.logger.records.filter(
        ({ message, fields }) => message === 'containers cannot be listed' && fields?.cause === 'timeout',
      );
    await eventually(() => (timeouts().length >= 10 ? true : undefined));
    await eventually(() => (proxy.open <= streams + 1 ? true : undefined));
    expect(w.watch.status().sinceReconcileMs).toBeGreaterThan(500);

    proxy.release();
    await eventually(() => (w.watch.status().connected ? true : undefined));
    for (const name of names) await awaitTexts(w, name, ['meanwhile']);
    expect(w.logger.records.filter(({ message }) => message.startsWith('lost the Docker engine'))).toHaveLength(1);
    await w.watch.stop();
    await proxy.close();
  });

  it('while its streams were cut has at most one open request for each container', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `c-${n}`);
    for (const name of names) engine.addContainer({ name });
    const proxy = await createCuttingProxy(dockerHost);
    const w = createWatching(proxy.dockerHost, { reconcileEveryMs: 20, callTimeoutMs: 60_000 });
    running.push(w);
    await w.watch.start();
    proxy.stall();
    proxy.cut();
    const requests = names.length + 2;
    await eventually(() => (proxy.open === requests ? true : undefined));
    const counts: number[] = [];
    await eventually(() => (counts.push(proxy.open) > 30 ? true : undefined));
    expect(Math.max(...counts)).toBe(requests);
    await w.watch.stop();
    await eventually(() => (proxy.open === 0 ? true : undefined));
    await proxy.close();
  });
});
