import type { Clock } from '../../src/lib/time.ts';

/** A clock on which every sleep takes one second, at once. `ended` aborts after `seconds`. */
export function createSteppedClock(seconds: number): {
  readonly clock: Clock;
  readonly ended: AbortSignal;
  elapsedSeconds(): number;
} {
  const end = new AbortController();
  let elapsed = 0;
  return {
    clock: {
      now: () => 0,
      monotonic: () => elapsed * 1_000,
      async sleep() {
        elapsed += 1;
        if (elapsed >= seconds) end.abort();
      },
    },
    ended: end.signal,
    elapsedSeconds: () => elapsed,
  };
}
