/**
 * Where reading a container's log stands, so that after a lost connection no line comes twice and none
 * is missed.
 *
 * The engine stamps a line before it queues for the log file, stdout and stderr each by themselves: in
 * the file only the lines of one stream are sure to be in order, and a line that is still incomplete
 * (longer than 16 KB) has an older timestamp than its neighbours. So each stream has its own standing.
 */
import type { LogCursor, StreamName } from '../domain.ts';
import {
  addMs,
  compareInstants,
  formatInstant,
  fromEpochMs,
  type Instant,
  parseInstant,
  toSince,
} from './timestamp.ts';

/**
 * How much older than the newest line of the other stream a line may be that comes after it. The real
 * distance is microseconds; a second costs nothing.
 */
const REORDER_MS = 1_000;

interface Standing {
  seconds: number;
  nanos: number;
  /** Lines that were read with exactly this timestamp. */
  seen: number;
}

/** What is skipped at the start: everything before the instant, and `left` lines at it. */
interface Resumption extends Instant {
  left: number;
}

export interface LogPosition {
  /** The engine is asked for lines from here on. */
  readonly since: string;
  /** Counts a line. False where it was read before. */
  take(stream: StreamName, seconds: number, nanos: number): boolean;
  /** `incomplete`: when the line began of which only the first fragments have come. */
  cursor(incomplete: Readonly<Partial<Record<StreamName, Instant>>>): LogCursor;
  /** As `cursor`, where everything that the log holds was read and `last` is the time of its last line. */
  cursorAtEnd(last: Instant): LogCursor;
}

/** `from`: a cursor, or epoch ms. Throws a RangeError on a cursor that is none. */
export function createLogPosition(from: LogCursor | number): LogPosition {
  const start = startOf(from);
  const standing: Record<StreamName, Standing> = { stdout: { ...start.stdout.at }, stderr: { ...start.stderr.at } };
  const resuming: Record<StreamName, Resumption | undefined> = {
    stdout: start.stdout.resumption,
    stderr: start.stderr.resumption,
  };

  return {
    since: toSince(earlier(start.stdout.at, start.stderr.at)),

    take(stream, seconds, nanos) {
      const resumption = resuming[stream];
      const current = standing[stream];
      const repeated = current.seconds === seconds && current.nanos === nanos;
      if (resumption !== undefined) {
        const distance = seconds - resumption.seconds || nanos - resumption.nanos;
        if (distance < 0) return false;
        if (distance === 0 && resumption.left > 0) {
          resumption.left -= 1;
          if (start.shared) current.seen += 1;
          return false;
        }
        if (distance > 0) resuming[stream] = undefined;
      }
      if (repeated) {
        current.seen += 1;
      } else {
        current.seconds = seconds;
        current.nanos = nanos;
        current.seen = 1;
      }
      return true;
    },

    cursor(incomplete) {
      const { stdout, stderr } = standing;
      const order = compareInstants(stdout, stderr);
      const newest = order >= 0 ? stdout : stderr;
      const seen = order === 0 ? stdout.seen + stderr.seen : newest.seen;
      const horizon = addMs(newest, -REORDER_MS);
      const streamCursor = (stream: StreamName) => {
        const own = standing[stream];
        const begun = incomplete[stream];
        if (begun !== undefined) return toCursor(begun, compareInstants(begun, own) === 0 ? own.seen : 0);
        return compareInstants(own, horizon) >= 0 ? toCursor(own, own.seen) : toCursor(horizon, 0);
      };
      return { ...toCursor(newest, seen), streams: { stdout: streamCursor('stdout'), stderr: streamCursor('stderr') } };
    },

    cursorAtEnd(last) {
      const behind =
        last.nanos === 999_999_999 ? { seconds: last.seconds + 1, nanos: 0 } : { ...last, nanos: last.nanos + 1 };
      return toCursor(behind, 0);
    },
  };
}

function toCursor(instant: Instant, seen: number): { at: string; seen: number } {
  return { at: formatInstant(instant), seen };
}

function earlier(a: Instant, b: Instant): Instant {
  return compareInstants(a, b) <= 0 ? a : b;
}

function startOf(from: LogCursor | number) {
  if (typeof from === 'number') {
    const at = { ...fromEpochMs(from), seen: 0 };
    const side = { at, resumption: undefined };
    return { shared: false, stdout: side, stderr: side };
  }
  if (from.streams !== undefined) {
    const side = ({ at, seen }: { at: string; seen: number }) => {
      const instant = parseInstant(at);
      return { at: { ...instant, seen }, resumption: { ...instant, left: seen } };
    };
    return { shared: false, stdout: side(from.streams.stdout), stderr: side(from.streams.stderr) };
  }
  // Which stream the lines at that instant belong to is not known: whichever comes is counted off.
  const instant = parseInstant(from.at);
  const side = { at: { ...instant, seen: 0 }, resumption: { ...instant, left: from.seen } };
  return { shared: true, stdout: side, stderr: side };
}
