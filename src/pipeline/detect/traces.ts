/**
 * Stack traces line by line: what begins one, what goes on with it, what ends it.
 *
 * A trace opens in the mode of its first line. A line is then ACCEPTed (it belongs), HELD (it belongs if a
 * later line proves it: a blank line before `Caused by:`, the second line of a message before the first
 * frame) or it ENDs the trace before the held ones.
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
import { indentOf, LOOK, type Trace, type TraceMode } from './trace-state.ts';

/** The trace that this unheaded line begins, if it begins one. */
export function beginTrace(line: string): Trace | undefined {
  const code = line.charCodeAt(0);
  // Most first characters of prose are letters too; a cheap look for what every start has.
  if (line.length > LOOK) line = line.slice(0, LOOK);
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
 * The trace that this line, a frame, makes of the line before it. `before` is what stood there, `logged`
 * that it had a head with a level.
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
  if (line.length > LOOK) line = line.slice(0, LOOK);
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

/** Whether nothing that belongs to the trace has to follow; more may (a cause, another goroutine). */
export function isEnded(trace: Trace): boolean {
  return trace.phase === 'done' || (trace.mode === 'python' && trace.phase === 'final');
}

export function isContinuation(line: string): boolean {
  return CONTINUATION.test(line.length > LOOK ? line.slice(0, LOOK) : line);
}
