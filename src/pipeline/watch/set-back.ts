import type { Clock } from '../../lib/time.ts';

/** The two clocks are read one after the other, and one of them in whole milliseconds. */
const READING_MS = 10;

/** Where the time of day stands against the time that passes: it falls when the clock is set back. */
export function clockOffset(clock: Clock): number {
  return clock.now() - clock.monotonic();
}

/** By how much the clock was set back between two offsets; 0 where it was not, or was set forward. */
export function setBackBetween(before: number, after: number): number {
  const ms = Math.ceil(before - after);
  return ms > READING_MS ? ms : 0;
}
