/**
 * A fast clock for a busy machine: it advances in small steps, once for each turn of the event loop at most. While the
 * process does not get the processor, or is busy, no time passes, so that time-outs of the agent mean what they mean on
 * an idle machine.
 */
import type { AdjustableClock } from '../support/fast-clock.ts';

/** Real time between two steps. */
const STEP_MS = 5;

interface Sleeper {
  readonly until: number;
  wake(): void;
}

export interface SteppedClock extends AdjustableClock {
  /** Ends its timer; nothing may sleep on it any more. */
  stop(): void;
}

export function createSteppedClock(speed: number): SteppedClock {
  const startedAt = Date.now();
  const sleepers = new Set<Sleeper>();
  let passed = 0;
  let current = speed;
  const timer = setInterval(() => {
    passed += STEP_MS * current;
    for (const sleeper of sleepers) if (sleeper.until <= passed) sleeper.wake();
  }, STEP_MS);

  return {
    get speed() {
      return current;
    },
    set speed(next) {
      current = next;
    },
    now: () => Math.floor(startedAt + passed),
    monotonic: () => passed,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const sleeper: Sleeper = {
          until: passed + ms,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
    stop: () => clearInterval(timer),
  };
}
