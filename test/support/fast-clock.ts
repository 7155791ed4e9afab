import type { Clock } from '../../src/lib/time.ts';
import { systemClock } from '../../src/lib/time.ts';

/** What 32 bits of milliseconds hold: the longest that a timer of Node waits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A clock that runs `speed` times as fast as the real one, and never back: an hour of the agent's time in
 * 3600/speed real seconds. Pauses of the agent shrink with it; what requests take in the real world grows: at a
 * speed of 200 an answer after 5 real ms is one that took a second. So assert on order, counts and shortest times.
 */
/** Its speed can be changed at any time. */
export interface AdjustableClock extends Clock {
  speed: number;
}

export function createAdjustableClock(speed: number): AdjustableClock {
  const startedAt = Date.now();
  let since = performance.now();
  let before = 0;
  let current = speed;
  /** Aborts when the speed changes: those who sleep then work out anew how long. */
  let changed = new AbortController();
  const passed = () => before + (performance.now() - since) * current;
  return {
    get speed() {
      return current;
    },
    set speed(next) {
      before = passed();
      since = performance.now();
      current = next;
      changed.abort();
      changed = new AbortController();
    },
    now: () => Math.floor(startedAt + passed()),
    monotonic: passed,
    async sleep(ms, signal) {
      const end = passed() + ms;
      for (;;) {
        const left = Math.min((end - passed()) / current, LONGEST_TIMER_MS);
        const woken = signal === undefined ? changed.signal : AbortSignal.any([signal, changed.signal]);
        if (left > 0) await systemClock.sleep(left, woken);
        if (passed() >= end || signal?.aborted) return;
      }
    },
  };
}

export function createFastClock(speed: number): Clock {
  const startedAt = Date.now();
  const origin = performance.now();
  const passed = () => (performance.now() - origin) * speed;
  return {
    now: () => Math.floor(startedAt + passed()),
    monotonic: passed,
    sleep: (ms, signal) => systemClock.sleep(Math.max(0, Math.min(ms / speed, LONGEST_TIMER_MS)), signal),
  };
}
