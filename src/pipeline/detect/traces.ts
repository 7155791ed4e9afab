/**
 * Decides which lines begin, continue and end stack traces.
 *
 * The first line determines the mode of a trace. A further line is then accepted (it belongs), held (it belongs if a
 * later line proves it: a blank line before `Caused by:`, the second line of a message before the first frame), or ends
 * the trace before the held lines.
 */

import {
  CONTINUATION,
  ELIXIR_FRAME,
  EXCEPTION,
  FATAL_START,
  GO_FILE,
  GO_NAME,
  GOROUTINE,
  LUA_TRACE,
  NUMBERED_FRAME,
  PERL_FRAME,
  PY_FRAME,
  PY_START,
  RUBY_START,
  RUST_BACKTRACE,
  SOURCE_LINE,
  SURE_AT_FRAME,
  SURE_HASH_FRAME,
  SURE_RUBY_FRAME,
} from './trace-patterns.ts';
import { EXAMINED_LENGTH, indentOf, type Trace, type TraceMode } from './trace-state.ts';

/** Returns the trace that this unheaded line begins; undefined if it begins none. */
export function beginTrace(line: string): Trace | undefined {
  const code = line.charCodeAt(0);
  if (line.length > EXAMINED_LENGTH) line = line.slice(0, EXAMINED_LENGTH);
  const mode = startMode(line, code);
  if (mode === undefined) return undefined;
  const fatal = FATAL_START.test(line);
  return {
    mode,
    proven: fatal || mode !== 'header',
    fatal,
    phase: SOURCE_LINE.test(line)
      ? 'source'
      : mode === 'ruby' || (mode === 'python' && PY_FRAME.test(line)) || (mode === 'go' && GOROUTINE.test(line))
        ? 'frames'
        : 'open',
    held: 0,
    indent: 0,
    first: line,
    previous: line,
  };
}

function startMode(line: string, code: number): TraceMode | undefined {
  if (PY_START.test(line) || PY_FRAME.test(line)) return 'python';
  if (code === 0x70 && line.startsWith('panic: ')) return 'go';
  if (code === 0x66 && line.startsWith('fatal error: ')) return 'go';
  if (code === 0x67 && GOROUTINE.test(line)) return 'go';
  if (
    (code === 0x53 && /^SIG[A-Z]+: /.test(line)) ||
    line.startsWith('unexpected fault address') ||
    line.startsWith('runtime: out of memory')
  ) {
    return 'go';
  }
  if (code === 0x2a && line.startsWith('** (')) return 'elixir';
  if (code === 0x74 && /^thread '[^']*' (?:\(\d+\) )?panicked at /.test(line)) return 'rust';
  if (RUBY_START.test(line)) return 'ruby';
  if (line.startsWith('PHP ') || /^(?:exception '|Fatal error: |Parse error: )/.test(line)) {
    return FATAL_START.test(line) || line.startsWith("exception '") ? 'hash' : undefined;
  }
  if (
    FATAL_START.test(line) ||
    EXCEPTION.test(line) ||
    SOURCE_LINE.test(line) ||
    line.startsWith('Exception ignored in')
  )
    return 'header';
  return undefined;
}

/**
 * Returns the trace that this line opens if it is a frame that belongs to the line before it; otherwise undefined.
 * `before`: the text of that line. `logged`: it has a head.
 */
export function traceOfFrame(line: string, before: string, logged: boolean): Trace | undefined {
  const code = line.charCodeAt(0);
  const mayBe =
    code === 0x20 ||
    code === 0x09 ||
    code === 0x23 ||
    code === 0x67 ||
    code === 0x53 ||
    code === 0x73 ||
    code === 0x2f ||
    (code >= 0x30 && code <= 0x39) ||
    line.includes(':in ');
  if (!mayBe || RUBY_START.test(line)) return undefined;
  if (line.length > EXAMINED_LENGTH) line = line.slice(0, EXAMINED_LENGTH);
  let mode: TraceMode | undefined;
  if (SURE_AT_FRAME.test(line)) mode = 'at';
  else if (SURE_HASH_FRAME.test(line)) mode = 'hash';
  else if (/^(?:Stack trace:|\[stacktrace\])$/.test(line)) mode = 'hash';
  else if (SURE_RUBY_FRAME.test(line) && (logged || code === 0x20 || code === 0x09)) mode = 'ruby';
  else if (GOROUTINE.test(line)) mode = /panic|fatal|signal/i.test(before) ? 'go' : undefined;
  else if (ELIXIR_FRAME.test(line)) mode = 'elixir';
  else if (RUST_BACKTRACE.test(line) || NUMBERED_FRAME.test(line)) mode = 'rust';
  else if (GO_FILE.test(line) && GO_NAME.test(before)) mode = 'go';
  else if (LUA_TRACE.test(line) || PERL_FRAME.test(line)) mode = 'lua';
  else if (/^\s*Caused by: \S/.test(line)) mode = 'at';
  if (mode === undefined) return undefined;
  return {
    mode,
    proven: true,
    fatal: false,
    phase: 'frames',
    held: 0,
    indent: indentOf(line),
    first: line,
    previous: line,
  };
}

/** Beginnings of lines of traces that no word of trouble shows: see stems.ts. */
const TRACE_WORDS = /^(?:goroutine |created by |Caused by: |During handling |SIG[A-Z]|[Ss]tack )/;

/**
 * A fast check of a line without a word of trouble (see stems.ts): whether it is neither the beginning of a trace nor a
 * line of one. It spares such a line some twenty patterns, three quarters of its time.
 */
export function isOrdinary(line: string): boolean {
  const code = line.charCodeAt(0);
  const begins = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x22;
  const digit = code >= 0x30 && code <= 0x39;
  if (!begins && !digit) return false;
  const space = line.indexOf(' ');
  // A source location has no blanks. The name of an exception ends in a colon or is followed by punctuation.
  if (space === -1 || space + 1 === line.length) return false;
  for (let at = 0; at < space; at++) {
    const next = line.charCodeAt(at);
    if (next === 0x3a || next === 0x28) return false;
  }
  const after = line.charCodeAt(space + 1);
  if (after === 0x28 || after === 0x5b || (after === 0x2d && line.charCodeAt(space + 2) === 0x2d)) return false;
  return !line.includes(':in ') && !(digit ? line.includes('@ 0x') : TRACE_WORDS.test(line));
}

/** Whether the trace may be complete. More may follow, such as a cause or another goroutine. */
export function isEnded(trace: Trace): boolean {
  return trace.phase === 'done' || (trace.mode === 'python' && trace.phase === 'final');
}

export function isContinuation(line: string): boolean {
  return CONTINUATION.test(line.length > EXAMINED_LENGTH ? line.slice(0, EXAMINED_LENGTH) : line);
}
