import { describe, expect, it } from 'vitest';
import { createRecords } from '../../../src/pipeline/lifecycle/record.ts';
import { aContainer } from '../../support/domain.ts';
import { type Action, aLifecycle, at, die, health, kill, listed, start, stop } from './support.ts';

const container = aContainer();

/** The detectors of the signals for a sequence of events, a second apart. */
function detectorsOf(...actions: Action[]): string[] {
  const lifecycle = aLifecycle();
  return actions.flatMap((action, i) => lifecycle.observe(at(1_000 * i, action))).map((signal) => signal.detector);
}

describe('engine events', () => {
  it.each<[string, Action[], string[]]>([
    ['an end that nobody asked for is a crash', [die(1)], ['crash']],
    ['a killed process is a crash if nobody asked for it', [die(137)], ['crash']],
    ['an end with code 0 is not a crash', [die(0)], []],
    ['docker stop is not a crash', [kill(15), die(0), stop], []],
    ['a stop that had to kill is not a crash', [kill(15), kill(9), die(137), stop], []],
    ['docker kill is not a crash', [kill(9), die(137)], []],
    ['a recreation by compose is not a crash', [kill(15), die(143), stop, { kind: 'destroy' }], []],
    ['a restart by a person is not a crash', [kill(15), die(143), stop, start, { kind: 'restart' }], []],
    ['a crash after a stop and a start is reported', [kill(15), die(143), start, die(1)], ['crash']],
    ['a health check that fails during a stop gives no signal', [kill(15), health('unhealthy'), die(0)], []],
    ['an oom event gives a signal although the container keeps running', [{ kind: 'oom' }], ['oom']],
    ['an oom kill gives two signals', [{ kind: 'oom' }, die(137)], ['oom', 'crash']],
    ['a failing health check gives a signal', [health('unhealthy')], ['health']],
    ['a health check that keeps failing gives one signal', [health('unhealthy'), health('unhealthy')], ['health']],
    [
      'a health check that fails again after it passed gives another signal',
      [health('unhealthy'), health('healthy'), health('unhealthy')],
      ['health', 'health'],
    ],
    [
      'the third crash within minutes is a loop',
      [die(1), start, die(1), start, die(1)],
      ['crash', 'crash', 'crash', 'crash_loop'],
    ],
  ])('%s', (_, actions, expected) => {
    expect(detectorsOf(...actions)).toEqual(expected);
  });

  it('an end is not a crash if an earlier run of the agent saw the stop request, but a later end is', () => {
    const lifecycle = aLifecycle();
    lifecycle.recall(at(0, kill(15)));
    expect(lifecycle.observe(at(5_000, die(143)))).toEqual([]);
    lifecycle.observe(at(6_000, start));
    expect(lifecycle.observe(at(7_000, die(1)))).toMatchObject([{ detector: 'crash' }]);
    expect(lifecycle.of(container.id).stoppedByPersonAt).toBeUndefined();
  });

  it('crashes far apart are not a loop', () => {
    const lifecycle = aLifecycle();
    const signals = [0, 10, 20].flatMap((minute) => lifecycle.observe(at(minute * 60_000, die(1))));
    expect(signals.map((signal) => signal.detector)).toEqual(['crash', 'crash', 'crash']);
  });

  it('an exit code of 137 alone is not called out of memory', () => {
    const [signal] = aLifecycle().observe(at(0, die(137)));
    expect(JSON.stringify(signal)).not.toMatch(/memory|oom/i);
  });

  it('a stop by a person is remembered, one by the agent is not', () => {
    let monotonic = 0;
    const lifecycle = aLifecycle({ monotonic: () => monotonic });
    const restarted = lifecycle.expectRestart(container.id);
    lifecycle.observe(at(5, kill(15)));
    expect(lifecycle.of(container.id).stoppedByPersonAt).toBeUndefined();
    restarted();
    monotonic = 10_000;
    lifecycle.observe(at(7, kill(15)));
    expect(lifecycle.of(container.id).stoppedByPersonAt).toBe(7);
  });

  it('an end during a restart by the agent is left to the verification', () => {
    const lifecycle = aLifecycle();
    lifecycle.expectRestart(container.id);
    expect(lifecycle.observe(at(0, die(137)))).toEqual([]);
  });

  it('a container found unhealthy gives one signal', () => {
    const lifecycle = aLifecycle();
    const unhealthy = [listed(container, 'running', { health: 'unhealthy' })];
    expect(lifecycle.observeListed(unhealthy, 1)).toHaveLength(1);
    expect(lifecycle.observeListed(unhealthy, 2)).toEqual([]);
    expect(lifecycle.observe(at(3, health('unhealthy')))).toEqual([]);
  });

  it('a crash is reported although the start before it was missed, as when the engine itself was restarted', () => {
    const lifecycle = aLifecycle();
    for (const [n, action] of [kill(15), die(143), stop].entries()) lifecycle.observe(at(n, action));
    lifecycle.observeListed([listed()], 60_000);
    expect(lifecycle.observe(at(61_000, die(1))).map((signal) => signal.detector)).toEqual(['crash']);
  });

  it('a listing made while a container is being stopped does not make its end a crash', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(0, kill(15)));
    lifecycle.observeListed([listed()], 1);
    expect(lifecycle.observe(at(2, die(143)))).toEqual([]);
  });
});

describe('a container that ends with code 0 again and again', () => {
  /** Starts and ends `count` times, a second apart. Each time it runs for `ranMs`. */
  const ends = (count: number, ranMs: number, restartPolicy: string, exitCodes = [0]) => {
    const lifecycle = aLifecycle({ facts: { restartPolicy } });
    const signals: string[] = [];
    for (let i = 0, time = 0; i < count; i++, time += ranMs + 1_000) {
      lifecycle.observe(at(time, start));
      for (const { detector, summary } of lifecycle.observe(
        at(time + ranMs, die(exitCodes[i % exitCodes.length] ?? 0)),
      ))
        signals.push(`${detector}: ${summary}`);
    }
    return signals;
  };

  it.each(['always', 'unless-stopped'])('within seconds of each start is a crash loop with the policy %s', (policy) => {
    expect(ends(3, 2_000, policy)).toEqual(['crash_loop: ended 3 times within 5 minutes, last with exit code 0']);
  });

  it('is a crash loop together with crashes', () => {
    expect(ends(3, 2_000, 'always', [1, 0, 0])).toEqual([
      'crash: exited with code 1',
      'crash_loop: ended 3 times within 5 minutes, last with exit code 0',
    ]);
  });

  it.each<[string, number, string]>([
    ['somebody starts it, as a cron job', 200, 'no'],
    ['the engine restarts it on failure only', 200, 'on-failure'],
    ['it works for a while each time', 15_000, 'always'],
  ])('is no problem if %s', (_, ranMs, restartPolicy) => {
    expect(ends(8, ranMs, restartPolicy)).toEqual([]);
  });

  it('is no problem if its start was not seen or its restart policy is not known', () => {
    const lifecycle = aLifecycle();
    expect([0, 1, 2, 3].flatMap((n) => lifecycle.observe(at(n, die(0))))).toEqual([]);
  });
});

describe('a crash counts as a kill for memory', () => {
  it.each<[string, readonly (readonly [number, Action])[], boolean]>([
    [
      'if an oom event belongs to it',
      [
        [0, { kind: 'oom' }],
        [60, die(137)],
      ],
      true,
    ],
    ['not without an oom event', [[60, die(137)]], false],
    [
      'not if it ends with another exit code after the kill of a child',
      [
        [0, { kind: 'oom' }],
        [1_000, die(64)],
      ],
      false,
    ],
    [
      'not long after the kill of a child',
      [
        [0, { kind: 'oom' }],
        [60_000, die(137)],
      ],
      false,
    ],
    [
      'not because of an oom event before the start',
      [
        [0, { kind: 'oom' }],
        [9, start],
        [60, die(137)],
      ],
      false,
    ],
  ])('%s', (_, events, expected) => {
    const lifecycle = aLifecycle();
    const signals = events.flatMap(([time, action]) => lifecycle.observe(at(time, action)));
    const crash = signals.find(({ detector }) => detector === 'crash');
    expect(crash).toBeDefined();
    expect(crash?.killedForMemory ?? false).toBe(expected);
  });
});

describe('what is known of a container', () => {
  it('follows its events', () => {
    const lifecycle = aLifecycle();
    const seen = () => lifecycle.of(container.id);
    expect(seen()).toEqual({ restartingByAgent: false, crashes: [] });
    lifecycle.observe(at(1_000, start));
    expect(seen()).toMatchObject({ startedAt: 1_000, alive: true });
    lifecycle.observe(at(2_000, die(1)));
    expect(seen()).toMatchObject({ alive: false, crashes: [2_000] });
    lifecycle.observe(at(3_000, start));
    lifecycle.observe(at(4_000, kill(15)));
    expect(seen()).toMatchObject({ startedAt: 3_000, alive: true, stoppedByPersonAt: 4_000 });
  });

  it.each<[string, (lifecycle: ReturnType<typeof aLifecycle>) => void]>([
    ['it is removed', (lifecycle) => lifecycle.observe(at(2_000, { kind: 'destroy' }))],
    ['it is no longer watched', (lifecycle) => lifecycle.forget(container.id)],
  ])('is forgotten when %s', (_, end) => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(15)));
    end(lifecycle);
    expect(lifecycle.of(container.id)).toEqual({ restartingByAgent: false, crashes: [] });
  });

  it('is kept for a limited number of containers, the most recently used ones', () => {
    const records = createRecords(2);
    for (const id of ['a', 'b', 'a', 'c']) records.use(id);
    expect(Array.from(records.entries(), ([id]) => id)).toEqual(['a', 'c']);
  });
});
