/**
 * Stack traces line by line: what begins one, what goes on with it, what ends it.
 *
 * A trace opens in the mode of its first line. A line is then ACCEPTed (it belongs), HELD (it belongs if a
 * later line proves it: a blank line before `Caused by:`, the second line of a message before the first
 * frame) or it ENDs the trace before the held ones.
 */

export const END = 0;
export const ACCEPT = 1;
export const HOLD = 2;
export type Step = typeof END | typeof ACCEPT | typeof HOLD;

/**
 * HEADER: an exception's first line, language open until the first frame. AT: Java, Kotlin, Node, C#.
 * HASH: PHP, Dart, sanitizers.
 */
export type TraceMode = 'header' | 'at' | 'hash' | 'python' | 'go' | 'ruby' | 'rust' | 'elixir' | 'lua';

export interface Trace {
  mode: TraceMode;
  /** Frames or other proof seen: it is a trace and not just a line that looks like the head of one. */
  proven: boolean;
  /** The runtime's own last words (a panic, an uncaught exception): trouble without any frame. */
  readonly fatal: boolean;
  /** Python: before (`frames`), at or behind the exception line; others: before or in the frames. */
  phase: 'open' | 'frames' | 'final' | 'linked' | 'braces' | 'source' | 'done';
  held: number;
  /** Of the last frame, in characters. */
  indent: number;
  readonly first: string;
  /** The line before, held or not; `carets` where that was Node's marker below a source line. */
  previous: string;
}

/** More lines of message than this between a header and its first frame are not waited for. */
const MAX_HELD = 16;
/** Only this much of a line is looked at. */
const LOOK = 1000;

const EXCEPTION =
  /^ ?(?:\[[\w.+-]{1,40}\] |[⨯✖❌×] ?)?(?:(?:Uncaught|Unhandled|Fatal)[: ] ?)?(?:exception: ?)?(?:[\w$]+(?:\.|::|\\))*[A-Z_]?[\w$]*(?:Error|Exception|Failure|Throwable|Panic|Interrupt|Timeout|Warning|Fault|Exit|Invalid|NotFound|Errors)(?:Exception|Error)?(?: \[[A-Z_0-9]+\])?(?:: ?|$| ?\(| ---> )/;
const FATAL_START =
  /^(?:Exception in thread |Unhandled [Ee]xception\b|panic: |fatal error: |thread '[^']*' (?:\(\d+\) )?panicked at |PHP (?:Fatal|Parse|Recoverable|Catchable) error: |(?:Fatal|Parse|Recoverable fatal|Catchable fatal) error: |Uncaught |terminate called |Unhandled rejection |error: Uncaught |\(node:\d+\) (?:UnhandledPromiseRejection|Uncaught)|\*\* \(|SIG[A-Z]+: |unexpected fault address|runtime: out of memory|=+\d+=+ ?ERROR: )/;
const PY_START = /^\s*(?:\+ Exception Group )?Traceback \(most recent call last\):\s*$/;
const GOROUTINE = /^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]+\]:$/;
const SOURCE_LINE = /^(?:\/|file:\/\/|node:|[A-Za-z]:\\|webpack)[^\s:]*(?::[^\s:]+)*:\d+$/;
const CARETS = /^\s*[~^]+\s*$/;
const AT_FRAME = /^\s+(?:eval )?at \S/;
/** Sure enough to make a trace of a plain line before it. */
const SURE_AT_FRAME =
  /^\s+(?:eval )?at (?:(?:async |new )?[\w$.<>[\]/#`+,&~*^|=-]+(?: \[as [^\]]+\])? ?\(.*\)|(?:async )?(?:file:|node:|https?:|webpack:|\/|<anonymous>)\S*:\d+|\S+[.]\S+\(|\S+ \(.*\) \[0x)/;
/** PHP, Dart, sanitizers, and ClickHouse's `0. function @ 0x…`. */
const HASH_FRAME = /^\s*#\d+\s|^\d+\. .{0,600}@ 0x[0-9a-f]+/;
const SURE_HASH_FRAME = /^\s*#\d+\s+(?:\S.*\(.*\)|\{main\}|0x[0-9a-f]+ in )|^\d+\. .{0,600}@ 0x[0-9a-f]+/;
const PY_FRAME = /^\s+File ".*", line \d+/;
const RUBY_FRAME = /^\s*(?:\d+: )?(?:from )?\S.*:\d+:in(?: [`'"]|$)/;
const SURE_RUBY_FRAME =
  /^\s+(?:\d+: )?from \S+:\d+|^\s*\S+\.(?:rb|erb|rake|ru|slim|haml):\d+:in [`']|^\s+\S+ \(\d[\w.]*\) \S+:\d+:in/;
const RUBY_START = /^\S+:\d+:in [`'][^`']*': .*\([A-Z][\w:]*\)\s*$/;
const ELIXIR_FRAME =
  /^ {4}(?:\([\w.]+ [^)]+\) )?\S+(?:\.ex|\.exs|\.erl|\.eex|\.heex|\.leex):\d+(?:: |$)|^ {4}\([\w]+ \d[^)]*\) /;
const RUST_BACKTRACE = /^\s*[Ss]tack backtrace:$/;
const RUST_FRAME = /^\s+\d+: \S/;
/** MinIO, and others that number their frames down. */
const NUMBERED_FRAME = /^\s{2,}\d+: \S+\.\w+:\d+:\S+\(/;
/** zap: a function on one line, its file on the next. */
const GO_FILE = /^\s+\S+\.(?:go|s):\d+/;
const GO_NAME = /^[\w.~-]+(?:\/[\w.~-]+)*\.[\w.*()[\]{}-]+$/;
const PERL_FRAME = /^\s+\S.* called at \S+ line \d+/;
const LUA_TRACE = /^stack traceback:$/;
const AT_LINK =
  /^\s*(?:Caused by|Suppressed|Wrapped by)(?::|$)|^\s+\.\.\. |^\s*-+ ?End of |^\s*---> |^\s*\((?:Inner Exception|Coroutine boundary|Nested)|^\s*<---|^\s*\[CIRCULAR REFERENCE/;
const HASH_LINK =
  /^\s*(?:Stack trace:|\[stacktrace\]|<asynchronous suspension>|thrown\b|Next [\w\\]+|\[previous exception\]|\(elided |"\}|#\d+ |SUMMARY: |\{main\}|0x[0-9a-f]+ is located|(?:READ|WRITE) of size|freed by thread|previously allocated by|allocated by thread)/;
const PY_LINK = /^\s*(?:During handling of the above exception|The above exception was the direct cause)/;
const PY_FINAL = /^(?:[A-Za-z_][\w.]*(?:: |:$|$)|\S+:\d+:in )/;
const PY_MORE = /^(?:\s+\S|\[SQL: |\[parameters: |\(Background on this error)/;
const PY_GROUP = /^\s*(?:\||\+-|\+ Exception Group)/;
const GO_FUNCTION = /^[^\s(]\S*\(.*\)$|^[^\s(]\S*\(.*\)\.?.*\)$/;
const GO_MORE =
  /^(?:\t| +\S+\.(?:go|s):\d+|\[signal |created by |goroutine \d+ |runtime stack:|\.\.\.(?:additional|\(?\d+ frames)|\.\.\.$|PC=|\[originating from |exit status \d+$|r\w{1,2} +0x|(?:rip|rflags|cs|fs|gs|eflags|trap|pc|lr|sp|fault) +0x|\[recovered\])/;
const ELIXIR_MORE = /^(?:\s+\S|Last message|State:|Function:|Initial Call:|Ancestors:|Message Queue|Client #|Args:)/;

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

/** A frame or a link of a trace: never the beginning of one. */
const CONTINUATION =
  /^\s+(?:eval )?at \S+[.(]|^\s+at (?:async )?(?:file:|node:|\/)|^#\d+\s+\S|^\s*Caused by: |^\s+\.\.\. \d+ (?:more|common)|^\s*---> |^\s+--- End of |^\tat |^\t\S+\.go:\d+|^goroutine \d+ \[|^created by |^\s+from \S+:\d+:in |^\s+File ".*", line \d+|^During handling of the above|^The above exception was/;

export function isContinuation(line: string): boolean {
  return CONTINUATION.test(line.length > LOOK ? line.slice(0, LOOK) : line);
}

function indentOf(line: string): number {
  let at = 0;
  while (at < line.length && (line.charCodeAt(at) === 0x20 || line.charCodeAt(at) === 0x09)) at++;
  return at;
}

function isBlank(line: string): boolean {
  return indentOf(line) === line.length;
}

/** What the next unheaded line is to the trace; changes the trace accordingly. */
export function stepTrace(trace: Trace, whole: string): Step {
  const line = whole.length > LOOK ? whole.slice(0, LOOK) : whole;
  let step = isBlank(line) ? blankStep(trace, line) : lineStep(trace, line);
  if (step === HOLD && ++trace.held > MAX_HELD) step = END;
  if (step === ACCEPT) trace.held = 0;
  if (trace.previous !== 'carets' || step !== HOLD) trace.previous = line;
  if (step === ACCEPT && trace.phase === 'open' && CARETS.test(line)) trace.previous = 'carets';
  return step;
}

function blankStep(trace: Trace, line: string): Step {
  if (trace.phase === 'done') return END;
  if (trace.phase === 'linked') return ACCEPT;
  if (trace.mode === 'ruby' && trace.phase === 'open' && line.length > 0) return ACCEPT;
  return HOLD;
}

function lineStep(trace: Trace, line: string): Step {
  switch (trace.mode) {
    case 'header':
      return headerStep(trace, line);
    case 'at':
      return atStep(trace, line);
    case 'hash':
      return hashStep(trace, line);
    case 'python':
      return pythonStep(trace, line);
    case 'go':
      return goStep(trace, line);
    case 'ruby':
      return rubyStep(trace, line);
    case 'rust':
      return rustStep(trace, line);
    case 'elixir':
      return elixirStep(trace, line);
    case 'lua':
      return indentOf(line) > 0 ? ACCEPT : END;
  }
}

function enter(trace: Trace, mode: TraceMode, line: string): Step {
  trace.mode = mode;
  trace.proven = true;
  trace.phase = 'frames';
  trace.indent = indentOf(line);
  return ACCEPT;
}

/** Before the first frame: its form tells the language. */
function headerStep(trace: Trace, line: string): Step {
  if (AT_FRAME.test(line)) return braceOr(trace, line, enter(trace, 'at', line));
  if (HASH_FRAME.test(line) || /^(?:Stack trace:|\[stacktrace\])/.test(line)) return enter(trace, 'hash', line);
  if (PY_FRAME.test(line)) return enter(trace, 'python', line);
  if (GOROUTINE.test(line)) return enter(trace, 'go', line);
  if (RUST_BACKTRACE.test(line) || NUMBERED_FRAME.test(line)) return enter(trace, 'rust', line);
  if (LUA_TRACE.test(line)) return enter(trace, 'lua', line);
  if (ELIXIR_FRAME.test(line)) return enter(trace, 'elixir', line);
  if (RUBY_FRAME.test(line)) return enter(trace, 'ruby', line);
  if (AT_LINK.test(line)) return enter(trace, 'at', line);
  if (trace.phase === 'source') {
    // A source line, carets below it, an empty line, then the exception (Node).
    if (CARETS.test(line)) {
      trace.phase = 'open';
      trace.proven = true;
      return ACCEPT;
    }
    return trace.held < 3 ? HOLD : END;
  }
  const indented = indentOf(line) > 0;
  if (indented && /^\s+(?:what\(\): |nested exception|---> )/.test(line)) return ACCEPT;
  if (trace.previous === trace.first && indented && trace.first.endsWith(' {')) return enterBraces(trace);
  if (trace.previous === 'carets') {
    // What was thrown, whatever it looks like.
    return line.endsWith(' {') ? enterBraces(trace) : ACCEPT;
  }
  if (PY_START.test(line) && trace.previous === trace.first && trace.first.startsWith('Exception i')) {
    return enter(trace, 'python', line);
  }
  if (PY_START.test(line) || FATAL_START.test(line) || EXCEPTION.test(line)) {
    // A second exception line belongs only where the line before it announces one.
    if (/nested exception is:?\s*$/.test(trace.previous)) return HOLD;
    return trace.fatal && trace.previous === trace.first && /:\s*$/.test(trace.first) ? ACCEPT : END;
  }
  return HOLD;
}

/** Properties of what was thrown, down to the closing brace (Node). */
function enterBraces(trace: Trace): Step {
  trace.mode = 'at';
  trace.proven = true;
  trace.phase = 'braces';
  return ACCEPT;
}

function braceOr(trace: Trace, line: string, step: Step): Step {
  if (line.endsWith(' {')) trace.phase = 'braces';
  return step;
}

function atStep(trace: Trace, line: string): Step {
  const indent = indentOf(line);
  if (trace.phase === 'braces') {
    if (line.charCodeAt(indent) === 0x7d && indent <= indentOf(trace.first)) {
      trace.phase = 'frames';
      return ACCEPT;
    }
    return indent > 0 ? ACCEPT : END;
  }
  if (trace.phase === 'done') return END;
  if (AT_FRAME.test(line)) {
    trace.phase = 'frames';
    trace.indent = indent;
    return braceOr(trace, line, ACCEPT);
  }
  if (AT_LINK.test(line)) {
    trace.phase = /^\s*(?:\.\.\.|-+ ?End of )/.test(line) ? 'frames' : 'open';
    return ACCEPT;
  }
  if (RUST_BACKTRACE.test(line)) return enter(trace, 'rust', line);
  if (/^Node\.js v\d/.test(line)) {
    trace.phase = 'done';
    return ACCEPT;
  }
  if (trace.phase === 'open') {
    // Lines of a message between `Caused by:` and its frames.
    if (EXCEPTION.test(line) && !/nested exception is:?\s*$/.test(trace.previous)) return END;
    return HOLD;
  }
  return indent > 0 && indent >= trace.indent && trace.held === 0 && !PY_FRAME.test(line) ? ACCEPT : END;
}

function hashStep(trace: Trace, line: string): Step {
  if (HASH_FRAME.test(line) || HASH_LINK.test(line)) {
    trace.proven = true;
    trace.phase = 'frames';
    return ACCEPT;
  }
  if (trace.phase === 'open') {
    if (FATAL_START.test(line) || (EXCEPTION.test(line) && trace.previous === trace.first)) return END;
    return HOLD;
  }
  return END;
}

function pythonStep(trace: Trace, line: string): Step {
  if (PY_GROUP.test(line)) {
    if (trace.phase === 'final' && PY_START.test(line) && indentOf(line) <= indentOf(trace.first)) return END;
    trace.phase = 'final';
    return ACCEPT;
  }
  const base = PY_FRAME.test(trace.first) ? Math.max(0, indentOf(trace.first) - 2) : indentOf(trace.first);
  const indent = indentOf(line);
  if (trace.phase === 'open' || trace.phase === 'frames') {
    if (indent > base) return ACCEPT;
    if (trace.held > 0 || !PY_FINAL.test(line.slice(base))) return END;
    trace.phase = 'final';
    return ACCEPT;
  }
  if (trace.phase === 'linked') {
    if (PY_START.test(line) || PY_FRAME.test(line)) {
      trace.phase = 'frames';
      return ACCEPT;
    }
    return END;
  }
  if (PY_LINK.test(line)) {
    trace.phase = 'linked';
    return ACCEPT;
  }
  if (PY_START.test(line) || PY_FRAME.test(line)) return END;
  if (trace.held === 0 && PY_MORE.test(line)) return ACCEPT;
  return trace.held < 8 ? HOLD : END;
}

function goStep(trace: Trace, line: string): Step {
  if (GO_MORE.test(line)) {
    if (line.startsWith('goroutine ') || line.startsWith('runtime stack:')) trace.phase = 'frames';
    return ACCEPT;
  }
  if (line.startsWith('panic: ') || line.startsWith('fatal error: ')) {
    // What the runtime says before it names the error.
    return trace.phase === 'open' && /^(?:runtime|unexpected fault|SIG)/.test(trace.first) ? ACCEPT : END;
  }
  if (trace.phase === 'frames') return GO_FUNCTION.test(line) || GO_NAME.test(line) ? HOLD : END;
  return EXCEPTION.test(line) && trace.held > 0 ? END : HOLD;
}

function rubyStep(trace: Trace, line: string): Step {
  if (RUBY_START.test(line)) return END;
  if (RUBY_FRAME.test(line) || /^\s*(?:Did you mean\?|Caused by:|Causes:|\.\.\. \d+ levels)/.test(line)) {
    trace.phase = 'frames';
    trace.indent = indentOf(line);
    return ACCEPT;
  }
  if (trace.phase === 'open' || trace.previous === trace.first || trace.held > 0) return HOLD;
  return indentOf(line) > 0 && indentOf(line) >= trace.indent ? ACCEPT : END;
}

function rustStep(trace: Trace, line: string): Step {
  if (RUST_BACKTRACE.test(line) || /^note: /.test(line) || RUST_FRAME.test(line) || /^\s+at \S/.test(line)) {
    trace.phase = 'frames';
    return ACCEPT;
  }
  if (trace.phase === 'frames') return indentOf(line) > 0 ? ACCEPT : END;
  // Since Rust 1.73 the message stands on the line below the place.
  if (trace.previous === trace.first && /:\d+:\d+:$/.test(trace.first)) return ACCEPT;
  return HOLD;
}

function elixirStep(trace: Trace, line: string): Step {
  if (ELIXIR_FRAME.test(line)) {
    trace.phase = 'frames';
    return ACCEPT;
  }
  if (ELIXIR_MORE.test(line)) return ACCEPT;
  return trace.phase === 'open' ? HOLD : END;
}
