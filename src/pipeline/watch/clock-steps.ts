import type { Clock } from '../../lib/time.ts';

/** The two clocks are read one after the other, and one of them in whole milliseconds. */
const READ_ERROR_MS = 10;

/** Wall-clock time minus monotonic time. It falls when the wall clock steps back. */
export function clockOffset(clock: Clock): number {
  return clock.now() - clock.monotonic();
}

/** How far the wall clock stepped back between two offsets, in ms; 0 if it did not, or stepped forward. */
export function stepBackBetween(before: number, after: number): number {
  const ms = Math.ceil(before - after);
  return ms > READ_ERROR_MS ? ms : 0;
}
