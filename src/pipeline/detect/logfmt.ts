/** logfmt: `level=error msg="connection refused" err="dial tcp …" caller=main.go:12`, in any order. */

/** Characters of a line that are read. */
const MAX_LENGTH = 8_192;
const MAX_PAIRS = 64;
/** A key and its value, quoted or not. */
const PAIR = /(?:^|\s)([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g;

const MESSAGE_KEYS = ['msg', 'message', 'event', 'text'];
const ERROR_KEYS = ['err', 'error', 'reason', 'exception', 'cause', 'status'];
const SITE_KEYS = ['caller', 'source', 'logger', 'component', 'module', 'name', 'subsystem'];

export interface LogfmtParts {
  readonly message: string;
  /** Source location or logger; '' if the line has neither. */
  readonly site: string;
  /** The stack trace, if it has its own field; otherwise ''. */
  readonly stack: string;
}

/** Returns undefined if the text has neither a message nor an error in logfmt. */
export function parseLogfmt(text: string): LogfmtParts | undefined {
  const line = text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) : text;
  const fields = new Map<string, string>();
  let lastKey = '';
  let lastEnd = 0;
  for (const match of line.matchAll(PAIR)) {
    if (fields.size >= MAX_PAIRS) break;
    lastKey = match[1] as string;
    if (!fields.has(lastKey)) fields.set(lastKey, match[2]?.replace(/\\(.)/g, '$1') ?? (match[3] as string));
    lastEnd = match.index + match[0].length;
  }
  // `message=Internal Server Error: /`: an unquoted message at the end of the line includes the words after it.
  if (lastEnd < line.length && MESSAGE_KEYS.includes(lastKey)) {
    fields.set(lastKey, (fields.get(lastKey) as string) + line.slice(lastEnd));
  }
  let message = first(fields, MESSAGE_KEYS);
  for (const key of ERROR_KEYS) {
    const error = fields.get(key);
    if (error === undefined || error === '' || /^[\d<]/.test(error) || message.includes(error)) continue;
    message = message === '' ? error : `${message}: ${error}`;
  }
  if (message === '') return undefined;
  return { message, site: first(fields, SITE_KEYS), stack: first(fields, ['stack', 'stacktrace', 'trace']) };
}

function first(fields: ReadonlyMap<string, string>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = fields.get(key);
    if (value !== undefined && value !== '') return value;
  }
  return '';
}
