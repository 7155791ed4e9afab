/**
 * Where reading a container's log stands, so that after a lost connection no line comes twice and none
 * is missed.
 *
 * The engine stamps a line before it queues for the log file, stdout and stderr each by themselves: in
 * the file only the lines of one stream are sure to be in order, and a line that is still incomplete
 * (longer than 16 KB) has an older timestamp than its neighbours. So each stream has its own standing.
 *
 * Where the clock is set back, times come again. Then the engine is asked from an earlier time on, and what it
 * sends is skipped up to the very lines that were read last, wherever they stand.
 */
import type { StreamName } from '../domain.ts';
import type { LogCursor } from '../pipeline/ports.ts';
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
/** In so long an engine sends what an hour printed: what is not found by then was rotated away. */
const PLACE_PATIENCE_MS = 60_000;

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

/**
 * `from`: a cursor, or epoch ms. `setBackMs`: by how much the clock was set back since that was reached. `now`: in ms.
 * Throws a RangeError on a cursor that is none.
 */
export function createLogPosition(from: LogCursor | number, setBackMs: number, now: () => number): LogPosition {
  const start = startOf(from);
  const begun = now();
  const standing: Record<StreamName, Standing> = { stdout: { ...start.stdout.at }, stderr: { ...start.stderr.at } };
  const resuming: Record<StreamName, Resumption | undefined> = {
    stdout: start.stdout.resumption,
    stderr: start.stderr.resumption,
  };
  /** Whether lines bear times that others before them bore already, up to `readUpTo`. */
  let timesComeAgain = typeof from !== 'number' && (setBackMs > 0 || from.readUpTo !== undefined);
  let readUpTo = start.readUpTo;
  const wasRead = timesComeAgain ? wasReadByPlace : wasReadByTime;
  let metEnd = false;

  function wasReadByTime(stream: StreamName, mark: Resumption, at: Instant): boolean {
    const order = compareInstants(at, mark);
    if (order === 0 && mark.left > 0) return countOff(stream, mark);
    if (order > 0) resuming[stream] = undefined;
    return order < 0;
  }

  function wasReadByPlace(stream: StreamName, mark: Resumption, at: Instant): boolean {
    if (compareInstants(at, mark) === 0) {
      const read = mark.left > 0 && countOff(stream, mark);
      if (mark.left === 0 && start.shared) passMarks();
      else if (mark.left === 0) resuming[stream] = undefined;
      return read;
    }
    const isEnd = start.shared && mark.left === 0 && compareInstants(addNano(at), mark) === 0;
    if (isEnd) metEnd = true;
    // Behind the end; or the lines looked for are no longer in the log.
    if ((metEnd && !isEnd) || isLongAfterRead(at) || now() - begun > PLACE_PATIENCE_MS) {
      passMarks();
      return false;
    }
    // A mark at which no line stands is passed with the other stream's.
    if (mark.left > 0 || resuming[otherThan(stream)] !== undefined) return true;
    resuming[stream] = undefined;
    return false;
  }

  function isLongAfterRead(at: Instant): boolean {
    return compareInstants(at, addMs(readUpTo, REORDER_MS)) > 0;
  }

  function countOff(stream: StreamName, mark: Resumption): true {
    mark.left -= 1;
    if (start.shared) standing[stream].seen += 1;
    return true;
  }

  function passMarks(): void {
    resuming.stdout = resuming.stderr = undefined;
  }

  /** Whether a line that comes after those read is so much older that the clock must have been set back. */
  function isSetBack(own: Instant, other: Instant, seconds: number, nanos: number): boolean {
    if (seconds < own.seconds || (seconds === own.seconds && nanos < own.nanos)) return true;
    const later = seconds + REORDER_MS / 1000;
    return later < other.seconds || (later === other.seconds && nanos < other.nanos);
  }

  /** What the other stream has printed up to now bears times that are to come again. */
  function noteSetBack(stream: StreamName, at: Instant): void {
    const other = otherThan(stream);
    timesComeAgain = true;
    for (const read of [standing.stdout, standing.stderr]) {
      if (compareInstants(read, readUpTo) > 0) readUpTo = { seconds: read.seconds, nanos: read.nanos };
    }
    if (compareInstants(at, standing[other]) < 0) standing[other] = { ...addMs(at, -REORDER_MS), seen: 0 };
  }

  return {
    since: toSince(addMs(earlier(start.stdout.at, start.stderr.at), -setBackMs)),

    take(stream, seconds, nanos) {
      const mark = resuming[stream];
      if (mark !== undefined && wasRead(stream, mark, { seconds, nanos })) return false;
      const current = standing[stream];
      if (isSetBack(current, standing[otherThan(stream)], seconds, nanos)) noteSetBack(stream, { seconds, nanos });
      if (current.seconds === seconds && current.nanos === nanos) {
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
      const at = formatInstant(newest);
      const horizon = addMs(newest, -REORDER_MS);
      const streamCursor = (stream: StreamName) => {
        const own = standing[stream];
        if (own === newest) return { at, seen: own.seen };
        if (compareInstants(own, horizon) >= 0) return toCursor(own, own.seen);
        return toCursor(incomplete[stream] ?? horizon, 0);
      };
      return {
        at,
        seen,
        streams: { stdout: streamCursor('stdout'), stderr: streamCursor('stderr') },
        ...(timesComeAgain && !isLongAfterRead(newest) ? { readUpTo: formatInstant(readUpTo) } : {}),
      };
    },

    cursorAtEnd: (last) => toCursor(addNano(last), 0),
  };
}

function addNano({ seconds, nanos }: Instant): Instant {
  return nanos === 999_999_999 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos: nanos + 1 };
}

function otherThan(stream: StreamName): StreamName {
  return stream === 'stdout' ? 'stderr' : 'stdout';
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
    return { shared: false, stdout: side, stderr: side, readUpTo: at };
  }
  const readUpTo = parseInstant(from.readUpTo ?? from.at);
  if (from.streams !== undefined) {
    const side = ({ at, seen }: { at: string; seen: number }) => {
      const instant = parseInstant(at);
      return { at: { ...instant, seen }, resumption: { ...instant, left: seen } };
    };
    return { shared: false, stdout: side(from.streams.stdout), stderr: side(from.streams.stderr), readUpTo };
  }
  // Which stream the lines at that instant belong to is not known: whichever comes is counted off.
  const instant = parseInstant(from.at);
  const side = { at: { ...instant, seen: 0 }, resumption: { ...instant, left: from.seen } };
  return { shared: true, stdout: side, stderr: side, readUpTo };
}
