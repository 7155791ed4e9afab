/**
 * Tracks the position in a container's log, so that after a lost connection no line is delivered twice and none is missed.
 *
 * The engine timestamps a line before it queues for the log file, stdout and stderr independently. Only the lines of one
 * stream are in order in the file, and an incomplete line (longer than 16 KB) has an older timestamp than its neighbours.
 * So each stream has its own position.
 *
 * After the clock stepped back, timestamps repeat. The log is then requested from an earlier time, and lines are skipped
 * by their order in the log, up to the last line that was read, not by their timestamps.
 */
import type { StreamName } from '../domain/containers.ts';
import type { LogCursor } from '../pipeline/ports/engine.ts';
import {
  addMs,
  compareInstants,
  formatInstant,
  fromEpochMs,
  type Instant,
  parseInstant,
  toSince,
} from './timestamp.ts';

/** How much older a line may be than an earlier line of the other stream. In practice it is microseconds. */
const REORDER_MS = 1_000;
/** An engine sends an hour of lines in this time. A last-read line not found by then was rotated away. */
const SEARCH_LIMIT_MS = 60_000;

/** The last line read from a stream. */
interface StreamPosition {
  seconds: number;
  nanos: number;
  /** How many lines with exactly this timestamp were read. */
  seen: number;
}

/** Marks what to skip at the start: all lines before the instant, and `left` lines with exactly its timestamp. */
interface SkipMark extends Instant {
  left: number;
}

interface PositionTracker {
  /** The API parameter `since` to request the log with. */
  readonly since: string;
  /** Moves past the next line. Returns false if the line was read before. */
  advance(stream: StreamName, seconds: number, nanos: number): boolean;
  /** `incomplete`: the start times of lines of which only the first fragments have arrived. */
  cursor(incomplete: Readonly<Partial<Record<StreamName, Instant>>>): LogCursor;
  /** Like `cursor`, when the whole log was read and its last line has the time `last`. */
  cursorAtEnd(last: Instant): LogCursor;
}

/**
 * `from`: a saved position, or epoch ms. `clockStepBackMs`: how far the clock has stepped back since `from` was reached.
 * `now`: returns ms. Throws a RangeError on an invalid saved position.
 */
export function createPositionTracker(
  from: LogCursor | number,
  clockStepBackMs: number,
  now: () => number,
): PositionTracker {
  const start = startOf(from);
  const startedAt = now();
  const positions: Record<StreamName, StreamPosition> = {
    stdout: { ...start.stdout.at },
    stderr: { ...start.stderr.at },
  };
  const marks: Record<StreamName, SkipMark | undefined> = { stdout: start.stdout.mark, stderr: start.stderr.mark };
  /** Whether lines may repeat timestamps of earlier lines, up to `readUpTo`. */
  let timesRepeat = typeof from !== 'number' && (clockStepBackMs > 0 || from.readUpTo !== undefined);
  let readUpTo = start.readUpTo;
  const wasRead = timesRepeat ? wasReadByOrder : wasReadByTime;
  let endReached = false;

  function wasReadByTime(stream: StreamName, mark: SkipMark, at: Instant): boolean {
    const order = compareInstants(at, mark);
    if (order === 0 && mark.left > 0) return countSkipped(stream, mark);
    if (order > 0) marks[stream] = undefined;
    return order < 0;
  }

  function wasReadByOrder(stream: StreamName, mark: SkipMark, at: Instant): boolean {
    if (compareInstants(at, mark) === 0) {
      const read = mark.left > 0 && countSkipped(stream, mark);
      if (mark.left === 0 && start.shared) clearMarks();
      else if (mark.left === 0) marks[stream] = undefined;
      return read;
    }
    const isEnd = start.shared && mark.left === 0 && compareInstants(addNano(at), mark) === 0;
    if (isEnd) endReached = true;
    // Past the last-read line, or that line is no longer in the log.
    if ((endReached && !isEnd) || isLongAfterRead(at) || now() - startedAt > SEARCH_LIMIT_MS) {
      clearMarks();
      return false;
    }
    // A mark without lines is cleared together with the other stream's mark.
    if (mark.left > 0 || marks[otherStream(stream)] !== undefined) return true;
    marks[stream] = undefined;
    return false;
  }

  function isLongAfterRead(at: Instant): boolean {
    return compareInstants(at, addMs(readUpTo, REORDER_MS)) > 0;
  }

  function countSkipped(stream: StreamName, mark: SkipMark): true {
    mark.left -= 1;
    if (start.shared) positions[stream].seen += 1;
    return true;
  }

  function clearMarks(): void {
    marks.stdout = marks.stderr = undefined;
  }

  /** Whether a new line is so much older than the lines read that the clock must have stepped back. */
  function steppedBack(own: Instant, other: Instant, seconds: number, nanos: number): boolean {
    if (seconds < own.seconds || (seconds === own.seconds && nanos < own.nanos)) return true;
    const later = seconds + REORDER_MS / 1000;
    return later < other.seconds || (later === other.seconds && nanos < other.nanos);
  }

  /** From now on, lines may repeat the timestamps of all lines read so far, in both streams. */
  function noteStepBack(stream: StreamName, at: Instant): void {
    const other = otherStream(stream);
    timesRepeat = true;
    for (const read of [positions.stdout, positions.stderr]) {
      if (compareInstants(read, readUpTo) > 0) readUpTo = { seconds: read.seconds, nanos: read.nanos };
    }
    if (compareInstants(at, positions[other]) < 0) positions[other] = { ...addMs(at, -REORDER_MS), seen: 0 };
  }

  return {
    since: toSince(addMs(earlier(start.stdout.at, start.stderr.at), -clockStepBackMs)),

    advance(stream, seconds, nanos) {
      const mark = marks[stream];
      if (mark !== undefined && wasRead(stream, mark, { seconds, nanos })) return false;
      const current = positions[stream];
      if (steppedBack(current, positions[otherStream(stream)], seconds, nanos))
        noteStepBack(stream, { seconds, nanos });
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
      const { stdout, stderr } = positions;
      const order = compareInstants(stdout, stderr);
      const newest = order >= 0 ? stdout : stderr;
      const seen = order === 0 ? stdout.seen + stderr.seen : newest.seen;
      const at = formatInstant(newest);
      const horizon = addMs(newest, -REORDER_MS);
      const streamCursor = (stream: StreamName) => {
        const own = positions[stream];
        if (own === newest) return { at, seen: own.seen };
        if (compareInstants(own, horizon) >= 0) return toCursor(own, own.seen);
        return toCursor(incomplete[stream] ?? horizon, 0);
      };
      return {
        at,
        seen,
        streams: { stdout: streamCursor('stdout'), stderr: streamCursor('stderr') },
        ...(timesRepeat && !isLongAfterRead(newest) ? { readUpTo: formatInstant(readUpTo) } : {}),
      };
    },

    cursorAtEnd: (last) => toCursor(addNano(last), 0),
  };
}

function addNano({ seconds, nanos }: Instant): Instant {
  return nanos === 999_999_999 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos: nanos + 1 };
}

function otherStream(stream: StreamName): StreamName {
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
    const side = { at, mark: undefined };
    return { shared: false, stdout: side, stderr: side, readUpTo: at };
  }
  const readUpTo = parseInstant(from.readUpTo ?? from.at);
  if (from.streams !== undefined) {
    const side = ({ at, seen }: { at: string; seen: number }) => {
      const instant = parseInstant(at);
      return { at: { ...instant, seen }, mark: { ...instant, left: seen } };
    };
    return { shared: false, stdout: side(from.streams.stdout), stderr: side(from.streams.stderr), readUpTo };
  }
  // The stream of the lines at that instant is unknown: lines of either stream count as read.
  const instant = parseInstant(from.at);
  const side = { at: { ...instant, seen: 0 }, mark: { ...instant, left: from.seen } };
  return { shared: true, stdout: side, stderr: side, readUpTo };
}
