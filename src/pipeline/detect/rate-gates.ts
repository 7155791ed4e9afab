/** What is trouble only when it comes often, counted per container over a sliding minute. */

export type GateName = 'client' | 'http' | 'transient';

export interface RateGates {
  /** Counts one occurrence at `time` (epoch ms); true where it is trouble by now. `lines`: all lines so far. */
  admit(gate: GateName, time: number, lines: number): boolean;
  /** Says now and then how many lines there were. */
  tick(time: number, lines: number): void;
}

const MINUTE = 60_000;
/** A person who mistypes a password needs fewer, a program that guesses them more. */
const CLIENT_ERRORS = 30;
/** Two answers of 5xx a minute are an accident of busy servers. */
const HTTP_ERRORS = 3;
/** … unless they are this share of what the container printed: then few requests come and they fail. */
const HTTP_SHARE = 0.2;

export function createRateGates(): RateGates {
  const client: number[] = [];
  const http: number[] = [];
  let transientSince = Number.NaN;
  let transientLast = Number.NaN;
  /** Lines that there were when the minute under way began, and the one before. */
  let minuteBegan = Number.NaN;
  let linesBefore = 0;
  let linesBeforeThat = 0;

  /** How often within the last minute, up to `limit`. */
  function count(times: number[], limit: number, time: number): number {
    times.push(time);
    if (times.length > limit) times.shift();
    // Either way: the clock may have been set back in between.
    while (Math.abs(time - (times[0] as number)) > MINUTE) times.shift();
    return times.length;
  }

  function tick(time: number, lines: number): void {
    if (Math.abs(time - minuteBegan) <= MINUTE) return;
    if (!Number.isNaN(minuteBegan)) {
      linesBeforeThat = linesBefore;
      linesBefore = lines;
    }
    minuteBegan = time;
  }

  return {
    tick,
    admit(gate, time, lines) {
      tick(time, lines);
      switch (gate) {
        case 'client':
          return count(client, CLIENT_ERRORS, time) >= CLIENT_ERRORS;
        case 'http': {
          const failed = count(http, HTTP_ERRORS, time);
          return failed >= HTTP_ERRORS || failed >= (lines - linesBeforeThat) * HTTP_SHARE;
        }
        case 'transient':
          // Still refusing after a minute: it does not pass by itself.
          if (!(Math.abs(time - transientLast) <= MINUTE)) transientSince = time;
          transientLast = time;
          return time - transientSince >= MINUTE;
        default:
          return gate satisfies never;
      }
    },
  };
}
