/** Counts, per container over a sliding minute, what is an error only at a sufficient rate. */

export type GateName = 'client' | 'http' | 'transient';

export interface RateGates {
  /**
   * Counts one occurrence at `time` (epoch ms) and returns whether it is an error at the current rate. `lines`: number
   * of lines that the container has logged so far.
   */
  admit(gate: GateName, time: number, lines: number): boolean;
  /** Counts one error and returns whether there were more than FLOOD in the current second. */
  isFlood(time: number): boolean;
}

const MINUTE = 60_000;
/**
 * Client mistakes within a minute. Somebody who mistypes a password stays below this; a program that guesses passwords
 * does not.
 */
const CLIENT_ERRORS = 30;
/** 5xx responses within a minute. Two are ordinary on a busy server. */
const HTTP_ERRORS = 3;
/**
 * Fewer 5xx responses are an error if they are this share of the container's lines: there are few requests, and they
 * fail.
 */
const HTTP_SHARE = 0.2;

/** Errors within a second. */
const FLOOD = 200;

export function createRateGates(): RateGates {
  const client: number[] = [];
  const http: number[] = [];
  let transientSince = Number.NaN;
  let transientLast = Number.NaN;
  /** Start of the current minute, and the number of lines at its start and at the start of the minute before. */
  let minuteBegan = Number.NaN;
  let linesBefore = 0;
  let linesBeforeThat = 0;

  /** Returns the number of occurrences within the last minute, at most `limit`. */
  function count(times: number[], limit: number, time: number): number {
    times.push(time);
    if (times.length > limit) times.shift();
    // Either way, because the clock may have been set back.
    while (Math.abs(time - (times[0] as number)) > MINUTE) times.shift();
    return times.length;
  }

  function advanceMinute(time: number, lines: number): void {
    if (Math.abs(time - minuteBegan) <= MINUTE) return;
    if (!Number.isNaN(minuteBegan)) {
      linesBeforeThat = linesBefore;
      linesBefore = lines;
    }
    minuteBegan = time;
  }

  let secondBegan = Number.NaN;
  let errorsInSecond = 0;

  return {
    isFlood(time) {
      if (!(Math.abs(time - secondBegan) < 1_000)) {
        secondBegan = time;
        errorsInSecond = 0;
      }
      return ++errorsInSecond > FLOOD;
    },
    admit(gate, time, lines) {
      advanceMinute(time, lines);
      switch (gate) {
        case 'client':
          return count(client, CLIENT_ERRORS, time) >= CLIENT_ERRORS;
        case 'http': {
          const failed = count(http, HTTP_ERRORS, time);
          return failed >= HTTP_ERRORS || failed >= (lines - linesBeforeThat) * HTTP_SHARE;
        }
        case 'transient':
          // What still happens after a minute does not pass by itself.
          if (!(Math.abs(time - transientLast) <= MINUTE)) transientSince = time;
          transientLast = time;
          return time - transientSince >= MINUTE;
        default:
          return gate satisfies never;
      }
    },
  };
}
