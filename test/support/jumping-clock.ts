import type { Clock } from '../../src/lib/time.ts';
import { systemClock } from '../../src/lib/time.ts';

/** A clock whose time of day is set forward and back, as NTP, a person or a resumed machine does it. */
export interface JumpingClock extends Clock {
  /** Sets the time of day; negative: back. */
  jump(ms: number): void;
  /** So much time passes at once; who sleeps sleeps on. */
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
