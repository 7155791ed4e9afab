/** When the wall clock is set back, nothing waits for it to catch up. */
import { describe, expect, it } from 'vitest';
import { aContainer, aSignal } from '../../support/domain.ts';
import { aLifecycle, at, die, listed, start } from './support.ts';

const HOUR = 3_600_000;
const NOON = 1_790_000_000_000;

describe('when the clock is set back by an hour', () => {
  it('events belong to a restart by the agent for no longer than it takes', () => {
    let monotonic = 0;
    const lifecycle = aLifecycle({ monotonic: () => monotonic });
    lifecycle.expectRestart('web')();
    monotonic = 2_000;
    expect(lifecycle.of('web').restartingByAgent).toBe(true);
    monotonic = 4_000;
    expect(lifecycle.of('web').restartingByAgent).toBe(false);
  });

  it('a crash that was held back comes due as soon as its container is seen to stay down', () => {
    const container = aContainer();
    const lifecycle = aLifecycle({ graceMs: 60_000 });
    lifecycle.observe(at(NOON, start));
    expect(lifecycle.suppresses(aSignal({ container, detector: 'crash', at: NOON + 1_000 }))).toBe('grace');
    const down = [listed(container, 'exited')];
    expect(lifecycle.due(down, NOON + 2_000)).toEqual([]);
    expect(lifecycle.due(down, NOON - HOUR)).toHaveLength(1);
  });

  it('crashes before and after it do not form a loop together, but crashes after it do', () => {
    const lifecycle = aLifecycle();
    const crash = (time: number) => lifecycle.observe(at(time, die(1))).map((signal) => signal.detector);
    crash(NOON);
    crash(NOON + 1_000);
    expect(crash(NOON - HOUR)).toEqual(['crash']);
    expect(crash(NOON - HOUR + 1_000)).toEqual(['crash']);
    expect(crash(NOON - HOUR + 2_000)).toEqual(['crash', 'crash_loop']);
  });
});
