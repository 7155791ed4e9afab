import { describe, expect, it } from 'vitest';
import { createRecords } from '../../../src/pipeline/lifecycle/record.ts';
import { aContainer, aSignal } from '../../support/domain.ts';
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
    [
      'a crash after a restart by a person is reported',
      [kill(15), die(143), stop, start, { kind: 'restart' }, die(1)],
      ['crash'],
    ],
    ['a creation gives no signal', [{ kind: 'create' }], []],
    ['a pause gives no signal', [{ kind: 'pause' }], []],
    ['a failing health check gives a signal', [health('unhealthy')], ['health']],
    ['a health check that fails after a start gives a signal', [start, health('unhealthy')], ['health']],
    [
      'a health check that fails again after a crash gives another signal',
      [health('unhealthy'), die(1), health('unhealthy')],
      ['health', 'crash', 'health'],
    ],
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

  it('three crashes within five minutes are a loop, a moment more is too long', () => {
    const detectors = (last: number) => {
      const lifecycle = aLifecycle();
      return [0, 150_000, last].flatMap((time) => lifecycle.observe(at(time, die(1)))).map(({ detector }) => detector);
    };
    expect(detectors(300_000)).toEqual(['crash', 'crash', 'crash', 'crash_loop']);
    expect(detectors(300_001)).toEqual(['crash', 'crash', 'crash']);
  });

  it('crashes with different exit codes are different problems', () => {
    const prints = [1, 2]
      .flatMap((exitCode) => aLifecycle().observe(at(0, die(exitCode))))
      .map((one) => one.fingerprint);
    expect(prints).toEqual(['crash/1', 'crash/2']);
  });

  it.each<[string, Action[], string]>([
    ['kills for memory', [{ kind: 'oom' }], 'oom'],
    ['failures of the health check', [health('unhealthy')], 'health'],
    ['crash loops', [die(1), die(1), die(1)], 'crash_loop'],
  ])('all %s of a container are one problem', (_, actions, fingerprint) => {
    const lifecycle = aLifecycle();
    const signals = actions.flatMap((action, n) => lifecycle.observe(at(n, action)));
    expect(signals.at(-1)?.fingerprint).toBe(fingerprint);
  });

  it('a known exit code is explained', () => {
    expect(aLifecycle().observe(at(0, die(127)))[0]?.summary).toBe('exited with code 127 (the command was not found)');
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

  it('a process that a restart by the agent could not end was not stopped by a person if it ends later', () => {
    let monotonic = 0;
    const lifecycle = aLifecycle({ monotonic: () => monotonic });
    const over = lifecycle.expectRestart(container.id);
    lifecycle.observe(at(5, kill(15)));
    over();
    monotonic = 30_000;
    lifecycle.observe(at(30_000, die(143)));
    expect(lifecycle.of(container.id).stoppedByPersonAt).toBeUndefined();
  });

  it('events belong to a restart by the agent until three seconds after it', () => {
    let monotonic = 0;
    const lifecycle = aLifecycle({ monotonic: () => monotonic });
    const over = lifecycle.expectRestart(container.id);
    over();
    const isRestarting = (time: number) => {
      monotonic = time;
      return lifecycle.of(container.id).restartingByAgent;
    };
    expect(isRestarting(3_000)).toBe(true);
    expect(isRestarting(3_001)).toBe(false);
    over();
    expect(isRestarting(3_002)).toBe(false);
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

  it('a container gives a signal for a listing only if it runs and its health check fails', () => {
    const lifecycle = aLifecycle();
    const seen = (health: 'none' | 'starting' | 'healthy' | 'unhealthy', status: 'running' | 'exited' = 'running') =>
      lifecycle.observeListed([listed(container, status, { health })], 1).map(({ detector }) => detector);
    expect(seen('healthy')).toEqual([]);
    expect(seen('unhealthy', 'exited')).toEqual([]);
    expect(seen('unhealthy')).toEqual(['health']);
    // No result of a check yet: it is still the same failure.
    expect(seen('starting')).toEqual([]);
    expect(seen('none')).toEqual([]);
    expect(seen('unhealthy')).toEqual([]);
    expect(seen('healthy')).toEqual([]);
    expect(seen('unhealthy')).toEqual(['health']);
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

  it('in the millisecond of each start is a crash loop', () => {
    expect(ends(3, 0, 'always')).toHaveLength(1);
  });

  it('is no problem if its starts appear to be in the future, because the clock was set back', () => {
    const lifecycle = aLifecycle({ facts: { restartPolicy: 'always' } });
    const signals = [0, 1, 2].flatMap((n) => {
      lifecycle.observe(at(3_600_000 + n, start));
      return lifecycle.observe(at(n, die(0)));
    });
    expect(signals).toEqual([]);
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
    ['it works for ten seconds each time', 10_000, 'always'],
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
    [
      'if the oom event came ten seconds earlier',
      [
        [50_000, { kind: 'oom' }],
        [60_000, die(137)],
      ],
      true,
    ],
    [
      'not if it came a moment before that',
      [
        [50_000, { kind: 'oom' }],
        [60_001, die(137)],
      ],
      false,
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
    expect(seen()).toMatchObject({ startedAt: 1_000, alive: true, crashes: [] });
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

  it('does not include whether it is alive if neither a start nor an end of it was seen', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, { kind: 'oom' }));
    expect(lifecycle.of(container.id).alive).toBeUndefined();
  });

  it('is not needed to forget it', () => {
    expect(() => aLifecycle().forget('unknown')).not.toThrow();
  });

  it('holds back no signal of a removed container', () => {
    const lifecycle = aLifecycle({ graceMs: 60_000 });
    lifecycle.observe(at(1_000, start));
    lifecycle.observe(at(2_000, { kind: 'destroy' }));
    expect(lifecycle.suppresses(aSignal({ at: 1_900 }))).toBeUndefined();
  });

  it('is kept for a limited number of containers, the most recently used ones', () => {
    const records = createRecords(2);
    for (const id of ['a', 'b', 'a', 'c']) records.use(id);
    expect(Array.from(records.entries(), ([id]) => id)).toEqual(['a', 'c']);
  });
});
