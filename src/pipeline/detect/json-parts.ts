/** Parses JSON log lines by the keys that common loggers use. Called only for lines that may be errors. */

/** The contents of a JSON log line other than its level. */
export interface JsonParts {
  readonly message: string;
  /** A stack trace or exception text; '' if there is none. */
  readonly stack: string;
  readonly exceptionType: string;
  /** Logger, file and line as the record names them; '' if it does not. */
  readonly site: string;
  /** It has a stack, or an `error`, `err` or `exception` that is neither empty nor false. */
  readonly hasError: boolean;
  /** 0 if there is none. */
  readonly status: number;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstString(object: Json, keys: readonly string[]): string {
  for (const key of keys) {
    const value = object[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

/** Keys that loggers use for the message, the most common first. */
export const MESSAGE_KEYS = [
  'msg',
  'message',
  'Message',
  'MESSAGE',
  '@m',
  '@mt',
  'MessageTemplate',
  'RenderedMessage',
  'short_message',
  'body',
  'Body',
  'log',
  'text',
  'event',
];
const STACK_KEYS = [
  'stack',
  'stack_trace',
  'stacktrace',
  'stackTrace',
  'exception',
  'Exception',
  'exc_info',
  'exc_text',
  '@x',
  'error.stack_trace',
  'error.stack',
  'traceback',
  'full_message',
  'exception.stacktrace',
];
const SITE_KEYS = [
  'caller',
  'logger',
  'logger_name',
  'loggerName',
  'name',
  'SourceContext',
  'source',
  'target',
  'module',
  'component',
  'c',
];
const ERROR_KEYS = ['err', 'error', 'exception', 'Exception', 'thrown', 'exc', 'cause'];

/** Returns undefined if the text is not a JSON object. */
export function parseJsonLine(text: string, from = 0): JsonParts | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(from === 0 ? text : text.slice(from));
  } catch {
    return undefined;
  }
  if (!isObject(parsed)) return undefined;
  let message = firstString(parsed, MESSAGE_KEYS);
  let stack = firstString(parsed, STACK_KEYS);
  let exceptionType = firstString(parsed, [
    'error.type',
    'exc_type',
    'exception_class',
    'exception.type',
    'error.class',
  ]);
  let hasError = stack !== '';
  for (const key of ERROR_KEYS) {
    const value = parsed[key];
    if (isObject(value)) {
      hasError = true;
      stack ||= firstString(value, [
        'stack',
        'stackTrace',
        'stack_trace',
        'StackTrace',
        'stacktrace',
        'extendedStackTrace',
        'backtrace',
      ]);
      exceptionType ||= firstString(value, ['type', 'name', 'class', 'exception_class', 'Type', 'ClassName', 'kind']);
      const own = firstString(value, ['message', 'msg', 'Message', 'exception_message']);
      if (own !== '' && !message.includes(own)) message = message === '' ? own : `${message}: ${own}`;
    } else if (typeof value === 'string' && value !== '') {
      hasError = true;
      if (!stack.includes(value) && !message.includes(value)) message = message === '' ? value : `${message}: ${value}`;
    } else if (value === true) hasError = true;
  }
  const nested = parsed.record ?? parsed.fields ?? parsed.attr;
  if (message === '' && isObject(nested)) message = firstString(nested, MESSAGE_KEYS);
  if (isObject(parsed.attr)) {
    const own = firstString(parsed.attr, ['error', 'reason']);
    if (own !== '') message = `${message}: ${own}`;
  }
  let site = firstString(parsed, SITE_KEYS);
  const log = parsed.log;
  if (site === '' && isObject(log)) site = firstString(log, ['logger']);
  const file = firstString(parsed, ['file', 'filename', 'pathname']);
  const line = parsed.line ?? parsed.lineno ?? parsed.line_number;
  if (file !== '' && (typeof line === 'number' || typeof line === 'string')) site = `${site} ${file}:${line}`.trim();
  const status = Number(parsed.status ?? parsed.status_code ?? parsed.statusCode ?? parsed.code ?? 0);
  return {
    message,
    stack,
    exceptionType,
    site,
    hasError,
    status: Number.isInteger(status) ? status : 0,
  };
}
