import type { Clock } from '../../src/lib/time.ts';
import { systemClock } from '../../src/lib/time.ts';

/** The longest delay of a timer in Node, which is a 32-bit number. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A fast clock whose speed can be changed at any time. */
export interface AdjustableClock extends Clock {
  speed: number;
}

export function createAdjustableClock(speed: number): AdjustableClock {
  const startedAt = Date.now();
  let since = performance.now();
  let before = 0;
  let current = speed;
  /** Aborts when the speed changes, so that every sleep recomputes its remaining time. */
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

/**
 * A clock that runs `speed` times as fast as the real one: an hour takes 3600/speed real seconds. The agent's sleeps
 * are shorter by this factor, but real requests appear longer: at a speed of 200, a response after 5 real ms seems to
 * take a second. So assert on order, counts and minimum times only.
 */
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
