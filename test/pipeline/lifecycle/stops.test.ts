/** Whether a container ended by itself or was stopped by a person. */
import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../../src/domain/containers.ts';
import { aContainer, aSignal } from '../../support/domain.ts';
import { type Action, aLifecycle, at, die, kill, type LifecycleTestOptions, listed, start, stop } from './support.ts';

const { id } = aContainer();
const HUP = 1;
const INT = 2;
const QUIT = 3;
const KILL = 9;
const USR1 = 10;
const TERM = 15;
const RTMIN_3 = 37;

/** Each event has its time, ms. Returns all signals, including those after the wait for a late `stop` event. */
async function detectorsOf(events: readonly (readonly [number, Action])[], options: LifecycleTestOptions = {}) {
  const late: string[] = [];
  const lifecycle = aLifecycle({ ...options, onSignal: ({ detector }) => late.push(detector) });
  const now = events.flatMap(([time, action]) => lifecycle.observe(at(time, action))).map(({ detector }) => detector);
  lifecycle.settle();
  return { detectors: [...now, ...late], late: late.length > 0, seen: lifecycle.of(id) };
}

const stopSignal = (signal: number): LifecycleTestOptions => ({ facts: { stopSignal: signal } });

describe('an end is a stop by a person', () => {
  it.each<[string, readonly (readonly [number, Action])[], LifecycleTestOptions]>([
    [
      'after the stop signal of haproxy',
      [
        [0, kill(USR1)],
        [200, die(1)],
      ],
      stopSignal(USR1),
    ],
    [
      'after the stop signal of nginx',
      [
        [0, kill(QUIT)],
        [20_000, die(1)],
      ],
      stopSignal(QUIT),
    ],
    [
      'after the stop signal of systemd',
      [
        [0, kill(RTMIN_3)],
        [60_000, die(130)],
      ],
      stopSignal(RTMIN_3),
    ],
    [
      'after a HUP if that is its stop signal',
      [
        [0, kill(HUP)],
        [9_000, die(1)],
      ],
      stopSignal(HUP),
    ],
    [
      'after SIGTERM if no stop signal is set',
      [
        [0, kill(TERM)],
        [60_000, die(1)],
      ],
      {},
    ],
    [
      'after SIGKILL, whatever its stop signal',
      [
        [0, kill(KILL)],
        [10, die(137)],
      ],
      stopSignal(USR1),
    ],
    [
      'soon after SIGINT',
      [
        [0, kill(INT)],
        [2_000, die(1)],
      ],
      {},
    ],
    [
      'after the signal that killed it, however late',
      [
        [0, kill(USR1)],
        [60_000, die(138)],
      ],
      {},
    ],
    [
      'if it ends with code 0 soon after a signal',
      [
        [0, kill(USR1)],
        [2_000, die(0)],
      ],
      {},
    ],
    [
      'if a stop event comes right after',
      [
        [0, kill(USR1)],
        [200, die(1)],
        [300, stop],
      ],
      {},
    ],
    [
      'if a stop event comes right before',
      [
        [0, stop],
        [20, die(3)],
      ],
      {},
    ],
    [
      'if a restart by a person follows, though its stop signal is not known',
      [
        [0, kill(USR1)],
        [200, die(1)],
        [210, stop],
        [220, start],
      ],
      {},
    ],
  ])('%s', async (_, events, options) => {
    const { detectors, seen } = await detectorsOf([[-60_000, start], ...events], options);
    expect(detectors).toEqual([]);
    const exitCode = events.flatMap(([, action]) => (action.kind === 'die' ? [action.exitCode] : []))[0];
    if (exitCode !== 0) expect(seen.stoppedByPersonAt).toBeDefined();
    expect(seen.lastEnd).toMatchObject({ by: 'person' });
  });
});

describe('an end is a crash', () => {
  it.each<[string, readonly (readonly [number, Action])[], LifecycleTestOptions]>([
    [
      'minutes after a thread dump',
      [
        [0, kill(QUIT)],
        [60_000, die(1)],
      ],
      {},
    ],
    [
      'minutes after SIGINT, which it survived',
      [
        [0, kill(INT)],
        [60_000, die(1)],
      ],
      {},
    ],
    [
      'right after a reload, with an unrelated exit code',
      [
        [0, kill(HUP)],
        [1_000, die(1)],
      ],
      {},
    ],
    [
      'after SIGTERM if that is not its stop signal',
      [
        [0, kill(TERM)],
        [60_000, die(1)],
      ],
      stopSignal(RTMIN_3),
    ],
    [
      'if it is killed for memory after a thread dump',
      [
        [0, kill(QUIT)],
        [900, { kind: 'oom' }],
        [1_000, die(137)],
      ],
      {},
    ],
    [
      'after a stop and a start',
      [
        [0, kill(TERM)],
        [100, die(143)],
        [110, stop],
        [200, start],
        [900, die(1)],
      ],
      {},
    ],
  ])('%s', async (_, events, options) => {
    const { detectors, seen } = await detectorsOf([[-60_000, start], ...events], options);
    expect(detectors.filter((detector) => detector !== 'oom')).toEqual(['crash']);
    expect(seen.lastEnd).toMatchObject({ by: 'itself' });
  });
});

describe('a stop event that may still come', () => {
  it('is not waited for if nobody sent a signal: a crash is known at once', async () => {
    const { late } = await detectorsOf([[0, die(1)]]);
    expect(late).toBe(false);
  });

  it('is waited for after a signal that does not explain the end, for half a second', async () => {
    const slept: number[] = [];
    const signals: string[] = [];
    let wake = () => {};
    const lifecycle = aLifecycle({
      sleep: (ms) => {
        slept.push(ms);
        return new Promise((resolve) => {
          wake = resolve;
        });
      },
      onSignal: ({ detector, at: time }) => signals.push(`${detector} at ${time}`),
    });
    lifecycle.observe(at(0, kill(HUP)));
    expect(lifecycle.observe(at(1_000, die(1)))).toEqual([]);
    expect(slept).toEqual([500]);
    wake();
    await Promise.resolve();
    await Promise.resolve();
    expect(signals).toEqual(['crash at 1000']);
    lifecycle.observe(at(1_600, stop));
    expect(signals).toHaveLength(1);
  });

  it('is no longer waited for once the container starts again', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    expect(lifecycle.observe(at(1_100, start))).toMatchObject([{ detector: 'crash', at: 1_000 }]);
  });
});

describe('a stop request', () => {
  it('by the stop signal of the container is known before the end', () => {
    const lifecycle = aLifecycle(stopSignal(USR1));
    lifecycle.observe(at(7, kill(USR1)));
    expect(lifecycle.of(id).stoppedByPersonAt).toBe(7);
  });

  it('is not a signal for something else', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(7, kill(QUIT)));
    expect(lifecycle.of(id).stoppedByPersonAt).toBeUndefined();
  });
});

describe('how long a signal explains an end', () => {
  const MINUTE = 60_000;
  const SENT = 100_000;
  const endOf = (signal: number, after: number, exitCode: number, options: LifecycleTestOptions = {}) =>
    detectorsOf(
      [
        [0, start],
        [SENT, kill(signal)],
        [SENT + after, die(exitCode)],
      ],
      options,
    ).then(({ detectors }) => (detectors.length === 0 ? 'stop' : detectors.join()));

  it.each<[string, number, number, number, string]>([
    ['its stop signal: ten minutes', TERM, 10 * MINUTE, 1, 'stop'],
    ['its stop signal, but no longer', TERM, 10 * MINUTE + 1, 1, 'crash'],
    ['SIGKILL: ten minutes', KILL, 10 * MINUTE, 1, 'stop'],
    ['SIGKILL, but no longer', KILL, 10 * MINUTE + 1, 1, 'crash'],
    ['the signal that its exit code names: ten minutes', USR1, 10 * MINUTE, 138, 'stop'],
    ['the signal that its exit code names, but no longer', USR1, 10 * MINUTE + 1, 138, 'crash'],
    ['a signal that asks to end: five seconds', INT, 5_000, 1, 'stop'],
    ['a signal that asks to end, but no longer', INT, 5_001, 1, 'crash'],
  ])('%s', async (_, signal, after, exitCode, expected) => {
    expect(await endOf(signal, after, exitCode)).toBe(expected);
  });

  it('a signal too long ago is not waited for either: the crash is known at once', async () => {
    const { late } = await detectorsOf([
      [SENT, kill(HUP)],
      [SENT + 10 * MINUTE + 1, die(1)],
    ]);
    expect(late).toBe(false);
  });

  it('its stop signal counts although it became known only after it was sent', async () => {
    let facts: { stopSignal: number } | undefined;
    const lifecycle = aLifecycle({ facts: () => facts });
    lifecycle.observe(at(SENT, kill(USR1)));
    facts = { stopSignal: USR1 };
    expect(lifecycle.observe(at(SENT + MINUTE, die(1)))).toEqual([]);
    expect(lifecycle.of(id).lastEnd).toMatchObject({ by: 'person' });
  });

  it('an end is dated to the last stop request, not to an earlier signal', () => {
    const lifecycle = aLifecycle();
    for (const [time, action] of [
      [0, kill(HUP)],
      [1_000, die(1)],
      [1_100, stop],
    ] as const)
      lifecycle.observe(at(time, action));
    expect(lifecycle.of(id).stoppedByPersonAt).toBe(1_100);
  });
});

describe('an end that is not judged yet', () => {
  function waiting(options: LifecycleTestOptions = {}) {
    const wake: (() => void)[] = [];
    const signals: string[] = [];
    const lifecycle = aLifecycle({
      ...options,
      sleep: () => new Promise((resolve) => wake.push(resolve)),
      onSignal: ({ detector, at: time }) => signals.push(`${detector} at ${time}`),
    });
    const awake = async (i: number) => {
      wake[i]?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { lifecycle, signals, awake };
  }

  it('is not judged by the wait for an earlier end', async () => {
    const { lifecycle, signals, awake } = waiting();
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    expect(lifecycle.observe(at(1_050, start))).toHaveLength(1);
    lifecycle.observe(at(1_060, kill(HUP)));
    lifecycle.observe(at(1_100, die(1)));
    await awake(0);
    expect(signals).toEqual([]);
    lifecycle.observe(at(1_200, stop));
    await awake(1);
    expect(signals).toEqual([]);
    expect(lifecycle.of(id).lastEnd).toMatchObject({ at: 1_100, by: 'person' });
  });

  it.each<[string, Action, EngineEvent['engine']]>([
    ['another end', die(1), undefined],
    ['a restart that Podman reports', { kind: 'restart' }, 'podman'],
  ])('is a crash once %s follows', (_, action, engine) => {
    const { lifecycle } = waiting();
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    expect(lifecycle.observe({ ...at(1_100, action), engine })).toMatchObject([{ detector: 'crash', at: 1_000 }]);
  });

  it('is dropped with a container that is no longer watched', () => {
    const { lifecycle, signals } = waiting();
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    lifecycle.forget(id);
    lifecycle.settle();
    expect(signals).toEqual([]);
  });

  it('is not a start if a listing still shows the container as running', () => {
    const { lifecycle } = waiting();
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    lifecycle.observeListed([listed()], 1_050);
    expect(lifecycle.of(id).alive).toBe(false);
  });

  it('is a crash on Docker whatever its restart policy: Docker reports every stop', async () => {
    const { lifecycle, signals, awake } = waiting({ facts: { restartPolicy: 'always', status: 'exited' } });
    lifecycle.observe(at(0, kill(HUP)));
    lifecycle.observe(at(1_000, die(1)));
    await awake(0);
    expect(signals).toEqual(['crash at 1000']);
  });
});

describe('a stop request that an earlier run of the agent saw', () => {
  it('explains the end, but was not made by a person as far as is known', () => {
    for (const action of [kill(TERM), stop]) {
      const lifecycle = aLifecycle();
      lifecycle.recall(at(0, action));
      expect(lifecycle.observe(at(1_000, die(1)))).toEqual([]);
      expect(lifecycle.of(id).stoppedByPersonAt).toBeUndefined();
    }
  });

  it('does not suppress errors: it may be long over', () => {
    const lifecycle = aLifecycle();
    lifecycle.recall(at(0, kill(TERM)));
    expect(lifecycle.suppresses(aSignal({ at: 1_000 }))).toBeUndefined();
  });

  it('is over if that run also saw a start', () => {
    const lifecycle = aLifecycle();
    lifecycle.recall(at(0, stop));
    lifecycle.recall(at(10, start));
    expect(lifecycle.observe(at(1_000, die(1)))).toMatchObject([{ detector: 'crash' }]);
  });

  it('is not any signal', () => {
    const lifecycle = aLifecycle();
    lifecycle.recall(at(0, kill(HUP)));
    lifecycle.observe(at(60_000, die(1)));
    lifecycle.settle();
    expect(lifecycle.of(id).lastEnd).toMatchObject({ by: 'itself' });
  });
});
