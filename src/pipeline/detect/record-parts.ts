/**
 * Parses a record for grouping and for its summary. Done for errors only, because it costs a second pass over the text.
 */
import { readHead } from './head.ts';
import { emptyHead, type Head } from './head-formats.ts';
import { type JsonParts, parseJsonLine } from './json-parts.ts';
import { localisedWordAt } from './localised-levels.ts';
import { type LogfmtParts, parseLogfmt } from './logfmt.ts';

export interface RecordParts {
  /** The message after the head, of one or more lines, without the stack trace. */
  readonly message: string;
  /** Lines of the stack trace, the exception's own line first; [] if there is none. */
  readonly trace: readonly string[];
  /** The text before the message, or the logger and source location of JSON and logfmt. May be ''. */
  readonly head: string;
  /** The exception type if the record has a field for it; otherwise ''. */
  readonly exceptionType: string;
}

const TRACE_LINE =
  /^\s+(?:eval )?at \S|^\s*#\d+\s|^\s+File ".*", line \d|^\s*Traceback \(most|^goroutine \d+ |:\d+:in [`']|^ {4}\([\w]+ \d|^\s*Caused by|^\s*[Ss]tack (?:trace|backtrace|traceback):|^\s+\d+: \S/;

/** `bodyAt`: index of the message if the head has been read. */
export function partsOf(text: string, bodyAt?: number): RecordParts {
  const breakAt = text.indexOf('\n');
  if (breakAt === -1 && bodyAt !== undefined) return ofText(text.slice(bodyAt), text.slice(0, bodyAt), []);
  const first = breakAt === -1 ? text : text.slice(0, breakAt);
  const rest = breakAt === -1 ? [] : text.slice(breakAt + 1).split('\n', 400);
  const head: Head = emptyHead();
  const brace = first.charCodeAt(0) === 0x7b;
  const headed = !brace && readHead(first, 0, head);
  if (brace || head.json) {
    const parts = parseJsonLine(first, head.json ? head.bodyAt : 0);
    if (parts !== undefined) return ofJson(parts, rest);
  }
  return headed ? ofText(first.slice(head.bodyAt), first.slice(0, head.bodyAt), rest) : ofText(first, '', rest);
}

function ofText(message: string, head: string, rest: readonly string[]): RecordParts {
  if (message.includes('=') && LOGFMT.test(message)) {
    const parts = parseLogfmt(message);
    if (parts !== undefined) return ofLogfmt(parts, rest);
  }
  // The message comes first: it may be the line that names the exception.
  if (rest.some((line) => TRACE_LINE.test(line)))
    return { message, trace: [message, ...rest], head, exceptionType: '' };
  const whole =
    rest.length === 0 ? message : [message, ...rest.slice(0, 3).filter((line) => !isCompanion(line))].join('\n');
  return { message: whole, trace: [], head, exceptionType: '' };
}

/** Whether the line is a detail that PostgreSQL prints below a message, such as the statement. */
function isCompanion(line: string): boolean {
  return localisedWordAt(line, 0, true)?.companion === true;
}

/** At least two pairs. */
const LOGFMT = /(?:^|\s)[A-Za-z_@][\w.@/-]*=(?:"|\S).*\s[A-Za-z_@][\w.@/-]*=/;

function ofLogfmt(parts: LogfmtParts, rest: readonly string[]): RecordParts {
  const stack = parts.stack.includes('\n') ? parts.stack.split('\n', 400) : [];
  const trace = stack.length > 0 ? stack : rest.some((line) => TRACE_LINE.test(line)) ? [parts.message, ...rest] : [];
  return { message: parts.message, trace, head: parts.site, exceptionType: '' };
}

function ofJson(parts: JsonParts, rest: readonly string[]): RecordParts {
  let message = parts.message;
  // Some loggers wrap a text line in JSON: its head is not part of the message.
  const head = emptyHead();
  if (readHead(message, 0, head) && head.bodyAt > 0) message = message.slice(head.bodyAt);
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

/** Returns one line for display: the exception's own line or the message, at most 300 characters. */
export function summaryOf(parts: RecordParts): string {
  let line = parts.message.trim();
  if (parts.trace.length > 0 && (line === '' || PY_TRACEBACK.test(line) || /^Unhandled exception[:.]?$/i.test(line))) {
    line = exceptionLine(parts.trace) ?? line;
  }
  const breakAt = line.indexOf('\n');
  if (breakAt !== -1) line = line.slice(0, breakAt);
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** Python prints the exception's line last, others as the first line that is neither a heading nor a frame. */
function exceptionLine(trace: readonly string[]): string | undefined {
  if (trace.some((line) => PY_TRACEBACK.test(line))) {
    for (let i = trace.length - 1; i >= 0; i--) {
      const line = trace[i] as string;
      if (/^[A-Za-z_][\w.]*(?::|$)/.test(line)) return line;
    }
  }
  return trace.find((line, at) => at > 0 && line.trim() !== '' && !TRACE_LINE.test(line))?.trim();
}
