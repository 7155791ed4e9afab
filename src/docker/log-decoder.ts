/**
 * Decodes the engine's log stream, which arrives in chunks of any size, into lines.
 *
 * Without a terminal, the stream is a sequence of frames: one byte for the stream (1 stdout, 2 stderr, 3 an error of the
 * engine), three zeros, four bytes for the length, then a timestamp and a line. A line longer than 16 KB is split into
 * fragments without `\n`, each in its own frame with the same timestamp. With a terminal, there are no frames, lines
 * end with `\r\n`, and the timestamps of later fragments are in the middle of the line. Timestamps are always requested,
 * so the first byte shows the format: a digit, or a number below four. Anything else is not a log: Podman may send an
 * error as JSON after it has answered with status 200.
 */
import type { LogLine, StreamName } from '../domain/containers.ts';
import { EngineError } from '../errors.ts';
import type { LogCursor } from '../pipeline/ports/engine.ts';
import { bodyMessage } from './failure.ts';
import { createPositionTracker } from './position-tracker.ts';
import { compareInstants, createTimestampReader, FIXED_LENGTH, type Instant } from './timestamp.ts';

/** Longer lines are truncated to bound memory. People and models use far less. */
const MAX_LINE_BYTES = 1024 * 1024;
/** The engine splits lines into fragments of this size. */
const FRAGMENT_BYTES = 16 * 1024;
/** Engines send smaller ones. A larger length means that the bytes are not frames. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** How far the engine's clock may be ahead of the agent's. */
const CLOCK_SKEW_MS = 60_000;
const INNER_TIMESTAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /g;
const HEADER_BYTES = 8;
/** Longer errors are truncated. */
const MAX_ERROR_BYTES = 600;
const ZERO = 0x30;
const NINE = 0x39;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export interface LogDecoder {
  /** The API parameter `since` to request the stream with. */
  readonly since: string;
  /** Decodes the bytes in `[start, end)`, and keeps none of them. Throws an EngineError on invalid bytes. */
  read(buffer: Buffer, start: number, end: number): void;
  /** Returns the lines that have ended since the previous call and were not read before. */
  take(): LogLine[];
  /** `read` and `take` at once. */
  write(chunk: Buffer): LogLine[];
  /**
   * Call when the engine has ended the stream: returns the last lines, which have no line terminator. Do not call it
   * after a lost connection: the next stream delivers these lines again.
   */
  end(): LogLine[];
  /** How many log messages were decoded so far; a line longer than 16 KB has several. Those read before count as well. */
  messages(): number;
  /** Whether the first line was not read before. */
  startsUnread(): boolean;
  /** The position after the last line that was returned. */
  cursor(): LogCursor;
}

interface StreamState {
  readonly name: StreamName;
  /** Fragments of an incomplete line. */
  fragments: Buffer[];
  bytes: number;
  lastFragmentBytes: number;
  seconds: number;
  nanos: number;
}

interface LogDecoderOptions {
  readonly from: LogCursor | number;
  /** How far the clock has stepped back since `from` was reached; default 0. */
  readonly clockStepBackMs?: number;
  /** Default 1 MB. */
  readonly maxLineBytes?: number;
  /** Epoch ms. */
  now(): number;
}

export function createLogDecoder(options: LogDecoderOptions): LogDecoder {
  const { now } = options;
  const maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  const position = createPositionTracker(options.from, options.clockStepBackMs ?? 0, now);
  const timestamps = createTimestampReader();
  const stdout = newState('stdout');
  const stderr = newState('stderr');

  let mode: 'unknown' | 'frames' | 'raw' = 'unknown';
  let lines: LogLine[] = [];
  /** Bytes of an incomplete frame. */
  let pieces: Buffer[] = [];
  let piecesBytes = 0;
  let neededBytes = HEADER_BYTES;
  /** With a terminal: the time of the last line. */
  let lastRaw: Instant = { seconds: 0, nanos: 0 };
  let endCursor: LogCursor | undefined;
  let messages = 0;
  let startsUnread: boolean | undefined;

  function addLine(
    stream: StreamName,
    seconds: number,
    nanos: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    const unread = position.advance(stream, seconds, nanos);
    startsUnread ??= unread;
    if (!unread) return;
    const last = end > start && buffer[end - 1] === RETURN ? end - 1 : end;
    const cut = Math.min(last, start + maxLineBytes);
    lines.push({
      time: seconds * 1000 + Math.floor(nanos / 1_000_000),
      stream,
      text: buffer.toString('utf8', start, cut),
    });
  }

  function completeFragments(state: StreamState): void {
    const line = state.fragments.length === 1 ? (state.fragments[0] as Buffer) : Buffer.concat(state.fragments);
    state.fragments = [];
    state.bytes = 0;
    addLine(state.name, state.seconds, state.nanos, line, 0, line.length);
  }

  /** Bytes beyond the limit are counted, not kept. */
  function addFragment(state: StreamState, buffer: Buffer, start: number, end: number): void {
    const room = maxLineBytes - state.bytes;
    if (room > 0) state.fragments.push(Buffer.from(buffer.subarray(start, Math.min(end, start + room))));
    state.bytes += end - start;
  }

  function readMessage(state: StreamState, buffer: Buffer, start: number, end: number): void {
    messages += 1;
    const length = timestamps.read(buffer, start, end);
    let from = start + length;
    if (length > 0) {
      const { seconds, nanos } = timestamps;
      if (state.fragments.length > 0) {
        const continued =
          (seconds === state.seconds && nanos === state.nanos) || state.lastFragmentBytes >= FRAGMENT_BYTES;
        // The last process ended without a line terminator. This message belongs to the next process.
        if (!continued) completeFragments(state);
      }
      if (state.fragments.length === 0) {
        state.seconds = seconds;
        state.nanos = nanos;
      }
    }
    while (from < end) {
      const newline = buffer.indexOf(NEWLINE, from);
      const terminated = newline !== -1 && newline < end;
      const to = terminated ? newline : end;
      if (!terminated || state.fragments.length > 0) addFragment(state, buffer, from, to);
      else addLine(state.name, state.seconds, state.nanos, buffer, from, to);
      if (terminated && state.fragments.length > 0) completeFragments(state);
      state.lastFragmentBytes = to - from;
      from = to + 1;
    }
  }

  /** Reads all complete frames in `[from, to)`. Returns the offset of the first incomplete one. */
  function readFrames(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (to - at >= HEADER_BYTES) {
      const kind = buffer[at] as number;
      const size = buffer.readUInt32BE(at + 4);
      const zeros = buffer[at + 1] === 0 && buffer[at + 2] === 0 && buffer[at + 3] === 0;
      if (kind > 3 || !zeros || size > MAX_FRAME_BYTES) {
        throw new EngineError(`invalid log frame: ${buffer.toString('hex', at, at + HEADER_BYTES)}`, 'protocol');
      }
      const start = at + HEADER_BYTES;
      const end = start + size;
      if (end > to) {
        neededBytes = HEADER_BYTES + size;
        return at;
      }
      if (kind === 3)
        throw new EngineError(`log stream: ${buffer.toString('utf8', start, end).trim()}`, 'server_error');
      readMessage(kind === 2 ? stderr : stdout, buffer, start, end);
      at = end;
    }
    neededBytes = HEADER_BYTES;
    return at;
  }

  function writeFrames(buffer: Buffer, start: number, end: number): void {
    if (piecesBytes > 0) {
      // Joined only once the frame is complete, so that small chunks do not cost quadratic time.
      pieces.push(Buffer.from(buffer.subarray(start, end)));
      piecesBytes += end - start;
      if (piecesBytes < neededBytes) return;
      const joined = Buffer.concat(pieces, piecesBytes);
      keepRest(joined, readFrames(joined, 0, joined.length), joined.length);
    } else {
      keepRest(buffer, readFrames(buffer, start, end), end);
    }
  }

  function keepRest(buffer: Buffer, start: number, end: number): void {
    pieces = start < end ? [Buffer.from(buffer.subarray(start, end))] : [];
    piecesBytes = end - start;
  }

  /** `[start, end)` is the text between two line terminators. */
  function readRawLine(buffer: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end || from === start) {
      const length = timestamps.read(buffer, from, end);
      const at = length > 0 ? { seconds: timestamps.seconds, nanos: timestamps.nanos } : { ...lastRaw };
      lastRaw = at;
      messages += Math.max(1, Math.ceil((end - from) / FRAGMENT_BYTES));
      const next = end - from > length + FIXED_LENGTH ? findNextProcess(buffer, from + length, end, at) : end;
      if (next - from - length <= FRAGMENT_BYTES) {
        addLine('stdout', at.seconds, at.nanos, buffer, from + length, next);
      } else {
        const line = withoutInnerTimestamps(buffer.subarray(from + length, next));
        addLine('stdout', at.seconds, at.nanos, line, 0, line.length);
      }
      if (next >= end) return;
      from = next;
    }
  }

  /**
   * After a process that ended without a line terminator, the next process's first line follows in the same line, after
   * its own timestamp. That timestamp is later than `at` and not in the future; anything else is the program's own text.
   */
  function findNextProcess(buffer: Buffer, start: number, end: number, at: Instant): number {
    const body = buffer.toString('latin1', start, end);
    for (const match of body.matchAll(INNER_TIMESTAMP)) {
      const found = start + match.index;
      timestamps.read(buffer, found, end);
      const later = compareInstants(timestamps, at) > 0 && timestamps.seconds * 1000 <= now() + CLOCK_SKEW_MS;
      // A timestamp after a full fragment belongs to the same line.
      if (later && (match.index + FIXED_LENGTH) % (FRAGMENT_BYTES + FIXED_LENGTH) !== 0) return found;
    }
    return end;
  }

  /** `body`: a line longer than a fragment, after its first timestamp. */
  function withoutInnerTimestamps(body: Buffer): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    while (at < body.length) {
      if (at > 0) at += timestamps.read(body, at, body.length);
      parts.push(body.subarray(at, at + FRAGMENT_BYTES));
      at += FRAGMENT_BYTES;
    }
    return Buffer.concat(parts);
  }

  function writeRaw(chunk: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline === -1 || newline >= end) {
        addFragment(stdout, chunk, from, end);
        return;
      }
      if (stdout.bytes === 0) {
        readRawLine(chunk, from, newline);
      } else {
        addFragment(stdout, chunk, from, newline);
        readOpenRawLine();
      }
      from = newline + 1;
    }
  }

  function readOpenRawLine(): void {
    const line = Buffer.concat(stdout.fragments);
    stdout.fragments = [];
    stdout.bytes = 0;
    readRawLine(line, 0, line.length);
  }

  function read(buffer: Buffer, start: number, end: number): void {
    if (start === end) return;
    if (mode === 'unknown') mode = modeOf(buffer, start, end);
    if (mode === 'frames') writeFrames(buffer, start, end);
    else writeRaw(buffer, start, end);
  }

  function take(): LogLine[] {
    const done = lines;
    lines = [];
    return done;
  }

  return {
    since: position.since,
    read,
    take,
    write(chunk) {
      read(chunk, 0, chunk.length);
      return take();
    },

    end() {
      if (mode === 'raw' && stdout.bytes > 0) {
        readOpenRawLine();
        // The next process's first line will follow on this line, which has no terminator. The line must not be
        // requested again.
        endCursor = position.cursorAtEnd(lastRaw);
      }
      if (mode === 'frames') {
        for (const state of [stdout, stderr]) if (state.fragments.length > 0) completeFragments(state);
      }
      return take();
    },

    messages: () => messages,
    startsUnread: () => startsUnread ?? false,

    cursor() {
      if (endCursor !== undefined) return endCursor;
      if (mode === 'raw') return withoutStreams(position.cursor({}));
      const incomplete: Partial<Record<StreamName, Instant>> = {};
      for (const state of [stdout, stderr]) {
        if (state.fragments.length > 0) incomplete[state.name] = { seconds: state.seconds, nanos: state.nanos };
      }
      return position.cursor(incomplete);
    },
  };
}

function modeOf(buffer: Buffer, start: number, end: number): 'frames' | 'raw' {
  const first = buffer[start] as number;
  if (first <= 3) return 'frames';
  if (first >= ZERO && first <= NINE) return 'raw';
  const text = buffer.toString('utf8', start, Math.min(end, start + MAX_ERROR_BYTES));
  throw new EngineError(`log stream: ${messageIn(text) ?? text}`, 'server_error');
}

/** The message of an error in JSON. */
function messageIn(text: string): string | undefined {
  try {
    return bodyMessage(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function newState(name: StreamName): StreamState {
  return { name, fragments: [], bytes: 0, lastFragmentBytes: 0, seconds: 0, nanos: 0 };
}

/** With a terminal there is only one stream. */
function withoutStreams({ streams: _, ...cursor }: LogCursor): LogCursor {
  return cursor;
}
