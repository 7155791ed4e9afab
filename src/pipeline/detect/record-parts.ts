/** A record parsed for grouping and for its summary. Costs a parse: done for records that are trouble only. */
import { readHead } from './head.ts';
import { emptyHead, type Head } from './head-formats.ts';
import { createHeadReader } from './head-reader.ts';
import { type JsonParts, parseJsonLine } from './json-parts.ts';
import { localisedWordAt } from './localised-levels.ts';
import { type LogfmtParts, parseLogfmt } from './logfmt.ts';

export interface RecordParts {
  /** The message behind the head, one line or more; without the stack trace. */
  readonly message: string;
  /** Lines of the stack trace, the exception's own line first; [] where there is none. */
  readonly trace: readonly string[];
  /** What stands between time and message: logger, file and line, thread. May be ''. */
  readonly head: string;
  /** The exception type where the record names it in a field of its own. */
  readonly exceptionType: string;
}

const TRACE_LINE =
  /^\s+(?:eval )?at \S|^\s*#\d+\s|^\s+File ".*", line \d|^\s*Traceback \(most|^goroutine \d+ |:\d+:in [`']|^ {4}\([\w]+ \d|^\s*Caused by|^\s*[Ss]tack (?:trace|backtrace|traceback):|^\s+\d+: \S/;

export function partsOf(text: string): RecordParts {
  const breakAt = text.indexOf('\n');
  const first = breakAt === -1 ? text : text.slice(0, breakAt);
  const rest = breakAt === -1 ? [] : text.slice(breakAt + 1).split('\n', 400);
  const head: Head = emptyHead();
  const brace = first.charCodeAt(0) === 0x7b;
  const headed = !brace && readHead(first, 0, head);
  if (brace || head.json) {
    const parts = parseJsonLine(first, head.json ? head.bodyAt : 0);
    if (parts !== undefined) return ofJson(parts, rest);
  }
  const message = headed ? first.slice(head.bodyAt) : first;
  if (LOGFMT.test(message)) {
    const parts = parseLogfmt(message);
    if (parts !== undefined) return ofLogfmt(parts, rest);
  }
  const traceAt = rest.findIndex((line) => TRACE_LINE.test(line));
  if (traceAt === -1) {
    return {
      message:
        rest.length === 0 ? message : [message, ...rest.slice(0, 3).filter((line) => !isCompanion(line))].join('\n'),
      trace: [],
      head: headed ? first.slice(0, head.bodyAt) : '',
      exceptionType: '',
    };
  }
  // The line before the first frame is the exception's own, unless the head's message is.
  return {
    message,
    trace: [message, ...rest],
    head: headed ? first.slice(0, head.bodyAt) : '',
    exceptionType: '',
  };
}

/** The statement and the details that PostgreSQL prints below a message. */
function isCompanion(line: string): boolean {
  return localisedWordAt(line, 0, true)?.companion === true;
}

/** Two pairs at least. */
const LOGFMT = /(?:^|\s)[A-Za-z_@][\w.@/-]*=(?:"|\S).*\s[A-Za-z_@][\w.@/-]*=/;

function ofLogfmt(parts: LogfmtParts, rest: readonly string[]): RecordParts {
  const stack = parts.stack.includes('\n') ? parts.stack.split('\n', 400) : [];
  const trace = stack.length > 0 ? stack : rest.some((line) => TRACE_LINE.test(line)) ? [parts.message, ...rest] : [];
  return { message: parts.message, trace, head: parts.site, exceptionType: '' };
}

function ofJson(parts: JsonParts, rest: readonly string[]): RecordParts {
  let message = parts.message;
  // A logger that wraps a text line into JSON: the line's own head is not the message.
  const head = createHeadReader();
  if (head.read(message) && head.bodyAt > 0) message = message.slice(head.bodyAt);
  const stack = parts.stack === '' ? [] : parts.stack.split('\n', 400);
  const breakAt = message.indexOf('\n');
  if (stack.length === 0 && breakAt !== -1) {
    const lines = message.split('\n', 400);
    if (lines.some((line) => TRACE_LINE.test(line)))
      return { message: lines[0] as string, trace: lines, head: parts.site, exceptionType: parts.exceptionType };
  }
  return {
    message: message === '' ? (stack[0] ?? '') : message,
    trace: [...stack, ...rest],
    head: parts.site,
    exceptionType: parts.exceptionType,
  };
}

const PY_TRACEBACK = /^\s*(?:\+ Exception Group )?Traceback \(most recent call last\)/;

/** One line for a person: the exception's own line or the message, at most 300 characters. */
export function summaryOf(parts: RecordParts): string {
  let line = parts.message.trim();
  if (parts.trace.length > 0 && (line === '' || PY_TRACEBACK.test(line) || /^Unhandled exception[:.]?$/i.test(line))) {
    line = exceptionLine(parts.trace) ?? line;
  }
  const breakAt = line.indexOf('\n');
  if (breakAt !== -1) line = line.slice(0, breakAt);
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** Python says it last, others in the first line that is no heading. */
function exceptionLine(trace: readonly string[]): string | undefined {
  if (trace.some((line) => PY_TRACEBACK.test(line))) {
    for (let i = trace.length - 1; i >= 0; i--) {
      const line = trace[i] as string;
      if (/^[A-Za-z_][\w.]*(?::|$)/.test(line)) return line;
    }
  }
  return trace.find((line, at) => at > 0 && line.trim() !== '' && !TRACE_LINE.test(line))?.trim();
}
