/**
 * Errors that a failure brings with it: logged by the layers above, or on giving up, shortly after the first. For
 * that time they count as repeats of it; alone they are problems of their own.
 */
import type { LogError } from '../detect/log-error.ts';
import { areRelated, type Traits, traitsOf } from '../detect/relation.ts';

/** Between one error and the next. */
const GAP_MS = 2_000;
/** From the first to the last. */
const SPAN_MS = 10_000;
/** More than this are a storm, not one failure. */
const MAX_FOLLOW_UPS = 8;

/** A shorter message may head any exception: `Unhandled exception`. */
const MIN_STATEMENT = 40;

export interface FollowUps {
  /** A problem was seen: a cause of what follows. `now`: epoch ms, for records that have no time. */
  saw(containerId: string, error: LogError, fingerprint: string, now: number): void;
  /** The fingerprint of the problem that this new one belongs to; undefined where it stands for itself. */
  causeOf(containerId: string, error: LogError, now: number): string | undefined;
}

export function createFollowUps(): FollowUps {
  let cause: LogError | undefined;
  let traits: Traits | undefined;
  let container = '';
  let fingerprint = '';
  let began = 0;
  let latest = 0;
  let count = 0;

  const timeOf = (error: LogError, now: number): number => (error.record.time > 0 ? error.record.time : now);

  return {
    saw(containerId, error, print, now) {
      cause = error;
      traits = undefined;
      container = containerId;
      fingerprint = print;
      began = timeOf(error, now);
      latest = began;
      count = 0;
    },
    causeOf(containerId, error, now) {
      if (cause === undefined || container !== containerId || count >= MAX_FOLLOW_UPS) return undefined;
      const time = timeOf(error, now);
      if (Math.abs(time - latest) > GAP_MS || Math.abs(time - began) > SPAN_MS) return undefined;
      traits ??= traitsOf(cause);
      const own = traitsOf(error);
      if (!areRelated(traits, own) && !isSameStatement(traits.message, own.message)) return undefined;
      traits = { ...own, identifiers: new Set([...traits.identifiers, ...own.identifiers]) };
      latest = time;
      count++;
      return fingerprint;
    },
  };
}

/** The same words with another stack below them. */
function isSameStatement(a: string, b: string): boolean {
  return a.length >= MIN_STATEMENT && a.replace(/\d+/g, '0') === b.replace(/\d+/g, '0');
}
