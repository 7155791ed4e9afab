import { setTimeout as wait } from 'node:timers/promises';

export interface Clock {
  /** Wall-clock time in epoch ms, for when something happened. NTP or a person may set it forward or back. */
  now(): number;
  /** Milliseconds since an arbitrary start, for durations. Never goes back. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Waits for `work`, but at most `ms`. Rejects if `work` rejects within that time. */
export async function waitAtMost(ms: number, work: Promise<unknown>, clock: Pick<Clock, 'sleep'>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, clock.sleep(ms, over.signal)]).finally(() => over.abort());
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
};
