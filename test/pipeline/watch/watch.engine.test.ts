import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { describeEngine, docker, type RunOptions, runContainer, type TestContainer } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { createJumpingClock } from '../../support/jumping-clock.ts';
import { type CuttingProxy, createCuttingProxy } from '../../support/proxy.ts';
import { createMemoryCursors, createWatching, type Watching } from '../../support/watching.ts';

const prefix = `cd-watch-${randomBytes(3).toString('hex')}`;
const DEADLINE = { deadlineMs: 60_000 };

describeEngine('watching a real engine', (dockerHost) => {
  const cleanups: (() => Promise<void>)[] = [];

  afterEach(async () => {
    // Stop the watch first, so that it does not see the containers being removed.
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function run(name: string, options: Omit<RunOptions, 'name'>): Promise<TestContainer> {
    const container = await runContainer({ name: `${prefix}-${name}`, ...options });
    cleanups.push(container.remove);
    return container;
  }

  async function watching(
    options: Parameters<typeof createWatching>[1] & { dockerHost?: string } = {},
  ): Promise<Watching> {
    const w = createWatching(options.dockerHost ?? dockerHost, {
      targets: `${prefix}-*`,
      callTimeoutMs: 10_000,
      ...options,
    });
    cleanups.push(() => w.watch.stop());
    await w.watch.start();
    return w;
  }

  async function proxy(): Promise<CuttingProxy> {
    const created = await createCuttingProxy(dockerHost);
    cleanups.push(created.close);
    return created;
  }

  const awaitTexts = (w: Watching, container: TestContainer, texts: readonly string[]) =>
    eventually(() => {
      expect(w.texts(container.name)).toEqual(texts);
      return true;
    }, DEADLINE);
  const awaitKind = (w: Watching, container: TestContainer, kind: string, times = 1) =>
    eventually(() => (w.kinds(container.name).filter((k) => k === kind).length >= times ? true : undefined), DEADLINE);
  const numbers = (to: number, from = 1) => Array.from({ length: to - from + 1 }, (_, n) => String(n + from));

  it('separates stdout and stderr, and reassembles UTF-8 and long lines', async () => {
    const w = await watching();
    const cmd = `echo 'grüße ✓ 🐳'; echo problem >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; sleep 0.1; printf 'no end' >&2`;
    const container = await run('streams', { cmd });
    await awaitKind(w, container, 'die');
    const of = (stream: string) => w.lines.filter((line) => line.stream === stream).map(({ text }) => text);
    await eventually(() => {
      expect(of('stdout')).toEqual(['grüße ✓ 🐳', 'x'.repeat(40_000)]);
      expect(of('stderr')).toEqual(['problem', 'no end']);
      return true;
    }, DEADLINE);
  });

  it('reads the log of a terminal, including long lines', async () => {
    const w = await watching();
    const cmd = `echo 'grüße ✓ 🐳'; head -c 40000 /dev/zero | tr '\\0' x; echo; echo after >&2; printf 'no end'`;
    const container = await run('tty', { cmd, tty: true });
    await awaitTexts(w, container, ['grüße ✓ 🐳', 'x'.repeat(40_000), 'after', 'no end']);
  });

  it.each([false, true])('delivers each line once over three restarts, a stop and a start (tty: %s)', async (tty) => {
    // Prints five lines at once, and text without a line terminator on SIGTERM.
    const cmd = `trap 'printf bye; exit 0' TERM; seq 1 5; while true; do sleep 0.05; done`;
    const container = await run(`restarts-${tty}`, { cmd, tty, stopTimeout: 5 });
    const w = await watching();
    const expected: string[] = [];
    const handle = docker().getContainer(container.id);
    for (let n = 0; n < 3; n++) {
      expected.push(...numbers(5));
      await awaitTexts(w, container, expected);
      await handle.restart();
      expected.push('bye');
    }
    expected.push(...numbers(5));
    await awaitTexts(w, container, expected);
    await handle.stop();
    await handle.start();
    await awaitTexts(w, container, [...expected, 'bye', ...numbers(5)]);
    expect(w.reconnects).toEqual([]);
  });

  it('reads all lines of many jobs that exit within milliseconds', async () => {
    const w = await watching();
    const jobs = await Promise.all(
      Array.from({ length: 8 }, (_, n) => run(`job-${n}`, { cmd: `seq 1 50; printf end; exit ${n}` })),
    );
    for (const job of jobs) await awaitTexts(w, job, [...numbers(50), 'end']);
    for (const [code, job] of jobs.entries()) {
      await awaitKind(w, job, 'die');
      const die = w.events.find(({ containerId, action }) => containerId === job.id && action.kind === 'die');
      expect(die?.action).toEqual({ kind: 'die', exitCode: code });
    }
  });

  it('follows a crash loop of the engine without losing a line', async () => {
    const w = await watching();
    const container = await run('loop', { cmd: 'seq 1 3; exit 1', restart: 'always' });
    await awaitKind(w, container, 'die', 4);
    await docker().getContainer(container.id).stop();
    await eventually(async () => {
      const starts = w.kinds(container.name).filter((kind) => kind === 'start').length;
      expect(w.texts(container.name)).toEqual(Array.from({ length: starts }, () => numbers(3)).flat());
      return true;
    }, DEADLINE);
  });

  it('delivers the events of an operator’s stop, an out-of-memory kill and a failing health check', async () => {
    const w = await watching();
    const stopped = await run('stopped', { cmd: 'sleep 100' });
    await docker().getContainer(stopped.id).stop({ t: 0 });
    await awaitKind(w, stopped, 'stop');
    expect(w.kinds(stopped.name)).toEqual(expect.arrayContaining(['create', 'start', 'kill', 'die', 'stop']));

    const eater = await run('eater', { cmd: 'x=a; while true; do x=$x$x; done', memory: 16 * 1024 * 1024 });
    await awaitKind(w, eater, 'die');
    expect(w.kinds(eater.name)).toEqual(['create', 'start', 'oom', 'die']);

    const sick = await run('sick', { cmd: 'sleep 100', healthcheck: { cmd: 'echo no; exit 1', intervalMs: 500 } });
    await awaitKind(w, sick, 'health');
    const health = w.events.find(({ action }) => action.kind === 'health');
    expect(health?.action).toEqual({ kind: 'health', status: 'unhealthy' });
  });

  it('distinguishes a recreated container from the one before it, which is gone', async () => {
    const old = await run('web', { cmd: 'echo old; sleep 100' });
    const w = await watching();
    await awaitTexts(w, old, ['old']);
    await old.remove();
    const fresh = await run('web', { cmd: 'echo new; sleep 100' });
    await awaitTexts(w, old, ['old', 'new']);
    await eventually(() => (w.gone.some(({ id }) => id === old.id) ? true : undefined), DEADLINE);
    expect(w.watch.status().watched.map(({ id }) => id)).toEqual([fresh.id]);
  });

  it('keeps reading a container that is renamed', async () => {
    const container = await run('before', { cmd: 'while true; do echo tick; sleep 0.1; done' });
    const w = await watching();
    await docker()
      .getContainer(container.id)
      .rename({ name: `${prefix}-after` });
    await eventually(() => (w.texts(`${prefix}-after`).length > 2 ? true : undefined), DEADLINE);
  });

  it.each([false, true])(
    'delivers each line once although connections are cut again and again (tty: %s)',
    async (tty) => {
      const between = await proxy();
      const w = await watching({ dockerHost: between.dockerHost, reconcileEveryMs: 500 });
      const count = 3_000;
      const cmd = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo $i; [ $((i % 50)) = 0 ] && sleep 0.05; done`;
      const container = await run(`cut-${tty}`, { cmd, tty });
      between.cutAfter(9_001);
      while (!w.kinds(container.name).includes('die')) {
        const before = w.lines.length;
        await eventually(
          () => (w.lines.length > before || w.kinds(container.name).includes('die') ? true : undefined),
          DEADLINE,
        );
        between.cut();
      }
      between.cutAfter(0);
      await awaitTexts(w, container, numbers(count));
      expect(w.reconnects.length).toBeGreaterThan(2);
    },
  );

  it('reads what silent and new containers printed during an absence, up to a limit for each', async () => {
    const cursors = createMemoryCursors();
    const gate = 'trap "exit 0" TERM; while [ ! -e /tmp/go ]; do sleep 0.05; done';
    const silent = await run('silent', { cmd: `${gate}; seq 1 20; sleep 100` });
    const first = await watching({ cursors });
    await eventually(() => (first.watch.status().connected ? true : undefined), DEADLINE);
    await first.watch.stop();

    const touch = await docker()
      .getContainer(silent.id)
      .exec({ Cmd: ['touch', '/tmp/go'] });
    await touch.start({ Detach: true });
    const fresh = await run('fresh', { cmd: 'seq 1 300; sleep 100' });
    const finished = await run('finished', { cmd: 'seq 1 5; exit 3' });
    await eventually(async () => {
      const { State } = await docker().getContainer(finished.id).inspect();
      return State.Status === 'exited' ? true : undefined;
    }, DEADLINE);
    // Later than the minute that logs are read back without an earlier run.
    const clock = createJumpingClock();
    clock.pass(120_000);
    const second = await watching({ cursors, clock, maxBacklogLines: 100 });
    await awaitTexts(second, silent, numbers(20));
    await awaitTexts(second, finished, numbers(5));
    await awaitTexts(second, fresh, numbers(300, 201));
    expect(second.watch.status().skippedLogs).toEqual([{ container: fresh.name, before: expect.any(Number) }]);
  });

  it('continues where the last run stopped, including what was printed in between', async () => {
    const cursors = createMemoryCursors();
    const container = await run('away', { cmd: 'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i; sleep 0.01; done' });
    const texts: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const w = await watching({ cursors });
      await eventually(() => (w.lines.length > 20 ? true : undefined), DEADLINE);
      await w.watch.stop();
      texts.push(...w.texts(container.name));
    }
    const last = await watching({ cursors });
    await awaitKind(last, container, 'die');
    await eventually(() => (last.texts(container.name).at(-1) === '400' ? true : undefined), DEADLINE);
    expect([...texts, ...last.texts(container.name)]).toEqual(numbers(400));
  });
});
