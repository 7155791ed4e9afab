/**
 * Recognises the errors that follow from a failure: the layers above log it, too, or the program gives up shortly
 * afterwards. Such errors count as repeats of the first one; at any other time they are problems in their own right.
 */
import type { LogError } from '../detect/log-error.ts';
import { areRelated, type Traits, traitsOf } from '../detect/relation.ts';

/** The longest time between one error and the next, in ms. */
const GAP_MS = 2_000;
/** The longest time between the first error and the last, in ms. */
const SPAN_MS = 10_000;
/** More than this are a storm, not one failure. */
const MAX_FOLLOW_UPS = 8;

/** Characters. A shorter message, such as `Unhandled exception`, may precede any exception. */
const MIN_STATEMENT = 40;

export interface FollowUps {
  /** Records a problem as the possible cause of later errors. `now`: epoch ms, used for records without a time. */
  saw(containerId: string, error: LogError, fingerprint: string, now: number): void;
  /**
   * Returns the fingerprint of the problem that this error follows from; undefined if it is a problem in its own right.
   */
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

/** Whether the messages are equal except for numbers, even if other stacks follow them. */
function isSameStatement(a: string, b: string): boolean {
  return a.length >= MIN_STATEMENT && a.replace(/\d+/g, '0') === b.replace(/\d+/g, '0');
}
