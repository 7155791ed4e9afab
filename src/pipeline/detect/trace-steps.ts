/** Decides, language by language, whether the next line belongs to an open stack trace. */
import {
  AT_FRAME,
  AT_LINK,
  CARETS,
  ELIXIR_FRAME,
  ELIXIR_MORE,
  EXCEPTION,
  FATAL_START,
  GO_FUNCTION,
  GO_MORE,
  GO_NAME,
  GOROUTINE,
  HASH_FRAME,
  HASH_LINK,
  LUA_TRACE,
  NUMBERED_FRAME,
  PY_FINAL,
  PY_FRAME,
  PY_GROUP,
  PY_LINK,
  PY_MORE,
  PY_START,
  RUBY_FRAME,
  RUBY_START,
  RUST_BACKTRACE,
  RUST_FRAME,
} from './trace-patterns.ts';
import {
  ACCEPT,
  END,
  EXAMINED_LENGTH,
  HOLD,
  indentOf,
  isBlank,
  type Step,
  type Trace,
  type TraceMode,
} from './trace-state.ts';

/**
 * The most lines held at once: a longer message between an exception's first line and its first frame ends the trace.
 */
const MAX_HELD = 16;

/** Returns how the next unheaded line relates to the trace, and updates the trace. */
export function stepTrace(trace: Trace, whole: string): Step {
  const line = whole.length > EXAMINED_LENGTH ? whole.slice(0, EXAMINED_LENGTH) : whole;
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

/** Before the first frame: its form determines the language. */
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
    // The thrown value, whatever it looks like.
    return line.endsWith(' {') ? enterBraces(trace) : ACCEPT;
  }
  if (PY_START.test(line) && trace.previous === trace.first && trace.first.startsWith('Exception i')) {
    return enter(trace, 'python', line);
  }
  if (PY_START.test(line) || FATAL_START.test(line) || EXCEPTION.test(line)) {
    // A second exception line belongs only if the line before it announces one.
    if (/nested exception is:?\s*$/.test(trace.previous)) return HOLD;
    return trace.fatal && trace.previous === trace.first && /:\s*$/.test(trace.first) ? ACCEPT : END;
  }
  return HOLD;
}

/** Properties of the thrown value, down to the closing brace (Node). */
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
    if (indent > base || PY_FRAME.test(line)) return ACCEPT;
    // Loguru puts blank lines around the frames.
    if (trace.held > 0 && isBlank(trace.previous) && EXCEPTION.test(line)) {
      trace.phase = 'final';
      return ACCEPT;
    }
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
    // The runtime may print another message before it names the error.
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
  // Since Rust 1.73 the message is on the line below the source location.
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
