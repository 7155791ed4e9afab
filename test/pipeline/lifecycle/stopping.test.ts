/** What a container prints while it is being stopped opens no incident. */
import { describe, expect, it } from 'vitest';
import { aContainer, aSignal } from '../../support/domain.ts';
import { aLifecycle, at, die, kill, listed, start, stop } from './support.ts';

const { id } = aContainer();
const errorAt = (time: number) => aSignal({ detector: 'log', at: time });

describe('an error that is logged', () => {
  it('during a restart by the agent belongs to the incident of the restart', () => {
    const lifecycle = aLifecycle({ now: () => 1_000 });
    lifecycle.observe(at(0, start));
    const restarted = lifecycle.expectRestart(id);
    lifecycle.observe(at(1_010, kill(15)));
    expect(lifecycle.suppresses(errorAt(1_500))).toBe('repeat');
    lifecycle.observe(at(2_000, die(1)));
    lifecycle.observe(at(2_010, stop));
    lifecycle.observe(at(2_100, start));
    restarted();
    // The log stream may be later than the events.
    expect(lifecycle.suppresses(errorAt(1_990))).toBe('repeat');
    expect(lifecycle.suppresses(errorAt(2_100))).toBeUndefined();
    expect(lifecycle.suppresses(errorAt(400))).toBeUndefined();
  });

  it('after a restart by the agent that the engine refused is an incident', () => {
    let now = 1_000;
    const lifecycle = aLifecycle({ now: () => now });
    lifecycle.observe(at(0, start));
    const over = lifecycle.expectRestart(id);
    now = 1_200;
    over();
    expect(lifecycle.suppresses(errorAt(1_100))).toBe('repeat');
    expect(lifecycle.suppresses(errorAt(5_000))).toBeUndefined();
  });

  it('while a person stops the container is ignored, until it starts again', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(0, start));
    lifecycle.observe(at(1_000, kill(15)));
    expect(lifecycle.suppresses(errorAt(1_500))).toBe('ignored');
    lifecycle.observe(at(400_000, die(1)));
    expect(lifecycle.suppresses(errorAt(399_000))).toBe('ignored');
    lifecycle.observe(at(400_500, start));
    expect(lifecycle.suppresses(errorAt(399_000))).toBe('ignored');
    expect(lifecycle.suppresses(errorAt(400_600))).toBeUndefined();
    expect(lifecycle.suppresses(errorAt(400))).toBeUndefined();
  });

  it('in reaction to a stop request, just before the engine reports the request, is ignored', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(15)));
    expect(lifecycle.suppresses(errorAt(990))).toBe('ignored');
  });

  it('belongs to a stop from half a second before its first request until a minute later, if the process survives', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(15)));
    lifecycle.observe(at(11_000, kill(9)));
    expect(lifecycle.suppresses(errorAt(499))).toBeUndefined();
    expect(lifecycle.suppresses(errorAt(500))).toBe('ignored');
    expect(lifecycle.suppresses(errorAt(61_000))).toBe('ignored');
    expect(lifecycle.suppresses(errorAt(61_001))).toBeUndefined();
  });

  it('belongs to the latest stop only', () => {
    const lifecycle = aLifecycle();
    for (const [time, action] of [
      [1_000, kill(15)],
      [1_100, die(0)],
      [2_000, start],
      [50_000, kill(15)],
    ] as const)
      lifecycle.observe(at(time, action));
    expect(lifecycle.suppresses(errorAt(3_000))).toBeUndefined();
    expect(lifecycle.suppresses(errorAt(50_100))).toBe('ignored');
  });

  it('during a restart by the agent belongs to its incident although a person requested a stop before', () => {
    const lifecycle = aLifecycle({ now: () => 2_000 });
    lifecycle.observe(at(1_000, kill(15)));
    lifecycle.expectRestart(id);
    expect(lifecycle.suppresses(errorAt(2_100))).toBe('repeat');
  });

  it('belongs to a restart by the agent from the earlier of its two times, by the agent and by the engine', () => {
    const lifecycle = aLifecycle({ now: () => 1_000 });
    lifecycle.expectRestart(id);
    lifecycle.observe(at(900, kill(15)));
    expect(lifecycle.suppresses(errorAt(450))).toBe('repeat');
    lifecycle.observe(at(950, kill(9)));
    expect(lifecycle.suppresses(errorAt(450))).toBe('repeat');
  });

  it('belongs to a restart by the agent that could not start the container, until somebody starts it', () => {
    let now = 1_000;
    const lifecycle = aLifecycle({ now: () => now });
    const over = lifecycle.expectRestart(id);
    lifecycle.observe(at(1_100, die(1)));
    now = 1_200;
    over();
    expect(lifecycle.suppresses(errorAt(1_300))).toBe('repeat');
    lifecycle.observe(at(2_000, start));
    expect(lifecycle.suppresses(errorAt(2_100))).toBeUndefined();
  });

  it('after a restart whose start was missed is an incident', () => {
    const lifecycle = aLifecycle();
    for (const [n, action] of [kill(15), die(0), stop].entries()) lifecycle.observe(at(1_000 + n, action));
    lifecycle.observeListed([listed()], 60_000);
    expect(lifecycle.suppresses(errorAt(61_000))).toBeUndefined();
  });

  it('long after a stop request that the process survived is an incident', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(15)));
    expect(lifecycle.suppresses(errorAt(62_000))).toBeUndefined();
  });

  it('after a signal that is no stop request is an incident', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(1)));
    expect(lifecycle.suppresses(errorAt(1_100))).toBeUndefined();
  });
});

describe('a crash', () => {
  it('is never suppressed by a stop', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(at(1_000, kill(15)));
    expect(lifecycle.suppresses(aSignal({ detector: 'crash', at: 1_100 }))).toBeUndefined();
  });
});

describe('a restart by the agent', () => {
  it('that cannot start the container again counts as an end by the agent, not as a crash', () => {
    let monotonic = 0;
    const lifecycle = aLifecycle({ monotonic: () => monotonic });
    lifecycle.observe(at(0, start));
    const over = lifecycle.expectRestart(id);
    const signals = [kill(15), die(137), stop].flatMap((action, n) => lifecycle.observe(at(1_000 + n, action)));
    over();
    monotonic = 10_000;
    expect(signals).toEqual([]);
    expect(lifecycle.of(id)).toMatchObject({ alive: false, lastEnd: { by: 'agent', exitCode: 137 } });
    expect(lifecycle.of(id).stoppedByPersonAt).toBeUndefined();
  });
});
