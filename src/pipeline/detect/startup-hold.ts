/**
 * Holds back weak evidence in the first seconds after a container starts: many programs log complaints while they start
 * and then run normally. It is reported only if it repeats or the container ends soon afterwards; otherwise it is only
 * recorded.
 */
import type { LogError } from './log-error.ts';

/** Programs probe and fall back for this many ms after their start. */
const STARTUP_MS = 10_000;
/** An error held for longer than this, in ms, is not why the container ended. */
const KEPT_MS = 60_000;
/** The most errors held; further ones are reported at once. */
const MAX_HELD = 20;

export interface StartupHold {
  /** `at`: epoch ms. */
  started(at: number): void;
  /** Returns whether the error is held back. A repetition of a held error is not, and the held one is dropped. */
  holds(error: LogError, now: number): boolean;
  /** The container has ended. Returns the errors held back shortly before, oldest first. */
  ended(now: number): readonly LogError[];
}

export function createStartupHold(): StartupHold {
  let startedAt = Number.NaN;
  let held: { readonly error: LogError; readonly key: string; readonly at: number }[] = [];

  return {
    started(at) {
      startedAt = at;
      held = [];
    },
    holds(error, now) {
      if (error.tier !== 'keyword') return false;
      const age = error.record.time - startedAt;
      const key = error.summary.replace(/\d+/g, '0');
      const repeats = held.some((other) => other.key === key);
      if (repeats) held = held.filter((other) => other.key !== key);
      if (repeats || !(age >= 0 && age < STARTUP_MS) || held.length >= MAX_HELD) return false;
      held.push({ error, key, at: now });
      return true;
    },
    ended(now) {
      const released = held.filter(({ at }) => now - at <= KEPT_MS).map(({ error }) => error);
      held = [];
      return released;
    },
  };
}
