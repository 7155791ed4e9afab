/** What is decided while the clock is set back: nothing waits for the hour to come again. */
import { describe, expect, it } from 'vitest';
import { createEventDetector } from '../../../src/pipeline/lifecycle/engine-events.ts';
import { createGracePeriods } from '../../../src/pipeline/lifecycle/grace.ts';
import { createRestartWindows } from '../../../src/pipeline/lifecycle/restart-windows.ts';
import { aContainer, aSignal } from '../../support/domain.ts';

const HOUR = 3_600_000;
const NOON = 1_790_000_000_000;

describe('when the clock is set back an hour', () => {
  it('a container is ours to stop for no longer than its restart by us takes', () => {
    const clock = { now: () => NOON, monotonic: () => 0, sleep: async () => {} };
    const windows = createRestartWindows(clock);
    windows.expect('web')();
    clock.now = () => NOON - HOUR;
    clock.monotonic = () => 2_000;
    expect(windows.ours('web')).toBe(true);
    clock.monotonic = () => 4_000;
    expect(windows.ours('web')).toBe(false);
  });

  it('a crash that its grace held back is told as soon as its container is seen to stay down', () => {
    const container = aContainer();
    const grace = createGracePeriods(() => 60_000);
    grace.started(container.id, NOON);
    expect(grace.covers(aSignal({ container, detector: 'crash', at: NOON + 1_000 }))).toBe(true);
    const listed = [{ ref: container, status: 'exited' as const, health: 'none' as const, networkMode: 'bridge' }];
    expect(grace.due(listed, NOON + 2_000)).toEqual([]);
    expect(grace.due(listed, NOON - HOUR)).toHaveLength(1);
  });

  it('crashes before it and after it are told apart from a loop, and a loop after it is told', () => {
    const container = aContainer();
    const detector = createEventDetector();
    const crash = (time: number) =>
      detector
        .observe({ time, containerId: container.id, container, action: { kind: 'die', exitCode: 1 } }, false)
        .map((signal) => signal.detector);
    crash(NOON);
    crash(NOON + 1_000);
    expect(crash(NOON - HOUR)).toEqual(['crash']);
    expect(crash(NOON - HOUR + 1_000)).toEqual(['crash']);
    expect(crash(NOON - HOUR + 2_000)).toEqual(['crash', 'crash_loop']);
  });
});
