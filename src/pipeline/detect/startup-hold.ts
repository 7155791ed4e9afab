/**
 * Weak evidence in the first seconds of a container's life: programs complain while they start and run on. It is
 * reported only where it repeats or the container dies of it; else it is recorded.
 */
import type { LogError } from './log-error.ts';

/** Programs probe and fall back within this time of their start. */
const STARTUP_MS = 10_000;
/** A death later than this after the complaint has another cause. */
const KEPT_MS = 60_000;
const MAX_HELD = 20;

export interface StartupHold {
  started(at: number): void;
  /** Whether the error is held back. What repeats is not, and is released by its repetition. */
  holds(error: LogError, now: number): boolean;
  /** The container has ended: what was held back shortly before, the oldest first. */
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
