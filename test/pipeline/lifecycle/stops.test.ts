/** Whether a container ended by itself or was stopped by a person. */
import { describe, expect, it } from 'vitest';
import { aContainer } from '../../support/domain.ts';
import { type Action, aLifecycle, at, die, kill, type LifecycleTestOptions, start, stop } from './support.ts';

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
