import type { Clock } from '../../src/lib/time.ts';
import { systemClock } from '../../src/lib/time.ts';

/** A clock whose wall-clock time steps forward and back, like after an NTP correction or a resume from suspend. */
export interface JumpingClock extends Clock {
  /** Steps the wall clock; a negative value steps back. */
  jump(ms: number): void;
  /** Advances both clocks at once. Sleeps in progress are not shortened. */
  pass(ms: number): void;
}

export function createJumpingClock(): JumpingClock {
  let ahead = 0;
  let passed = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead + passed,
    monotonic: () => systemClock.monotonic() + passed,
    jump(ms) {
      ahead += ms;
    },
    pass(ms) {
      passed += ms;
    },
  };
}
