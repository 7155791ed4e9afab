/** Decides whether two errors that occurred close together report one failure. */
import { isDigit } from './chars.ts';
import { readHead } from './head.ts';
import { emptyHead } from './head-formats.ts';
import { parseJsonLine } from './json-parts.ts';
import { levelOfWord } from './levels.ts';
import type { LogError } from './log-error.ts';
import { timestampEnd } from './timestamp.ts';
import { EXCEPTION } from './trace-patterns.ts';

/** Characters of a record's first line that are examined. */
const EXAMINED_LENGTH = 1_500;
/** Errors that one thread logs within this many ms belong together. */
const SAME_MOMENT_MS = 50;

/** Loggers and threads at the beginning of a message. */
const LOGGER =
  /^(?:[\s-]*(?:\[[^\]]{1,120}\]|\([^)]{1,80}\)|\{[^}]{1,80}\}|<[\w.]{1,40}>|(?![\w.]*(?:[Ee]rror|Exception|Warning|Caused by|Failed|FAILED|Failure|FAILURE|Reason|Cause)\b)[\w.$/-]{2,80}(?:\[\d+\])?(?= - | : |:\s)|(?:[\w$]+\.){3,}[\w$<>]+(?= )|\d+#\d+)[\s:-]*){1,4}/;
/** The program says only that it ends or cannot start. */
const GIVES_UP =
  /^\W*(?:\w+ )?(?:abort(?:ing|ed)?|exiting|shutting down|giving up|terminat(?:ing|ed)|stopping)\b|\b(?:did not (?:start|exit)|failed to (?:start|initiali[sz]e)|(?:initiali[sz]ation|start-?up|bootstrap) (?:has )?failed|could not be started|cannot start)\b/i;

/** The message is completed by the next one. */
const ANNOUNCES = /:\s*$|\bthe following (?:\w+ ){0,3}(?:logs?|errors?|output|lines?|messages?|details?|reasons?)\b/i;
/** A message that is only an error of the operating system: `connect ECONNREFUSED 172.18.0.3:5432`. */
const SYSTEM_ERROR = /^(?:[a-z]{2,12} )?E[A-Z]{3,14}\b|^\[Errno \d+\]|^[A-Z][a-z]+(?: [a-z/]+){1,5} \(os error \d+\)/;

/** What is compared to relate two errors. */
export interface Traits {
  /** Process, thread and logger as named in the head; '' if it names none. */
  readonly emitter: string;
  readonly message: string;
  readonly identifiers: ReadonlySet<string>;
  readonly time: number;
  readonly tier: string;
  /** A supervisor reports that the process ended. */
  readonly exit: boolean;
  /** Process and thread numbers in the head, such as `pid 8:tid 140`; '' if it has none. */
  readonly thread: string;
  /** The process in the head as `identifiers` name it (`pid:8`); '' if it has none. */
  readonly process: string;
  /** The first exception with a message, of a record that has a stack trace; otherwise ''. */
  readonly exception: string;
}

/** Addresses, host names, paths, ids and quoted values: they identify what failed. */
const IDENTIFIER =
  /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b0x[0-9a-f]{6,}\b|(?:\/[\w.@-]+){2,}|\b(?:[a-z0-9][\w-]*\.)+[a-z]{2,}\b(?!\()|"([^"\s]{4,80})"|'([^'\s]{4,80})'|\b[a-z][\w.-]*:\d{2,5}\b/gi;
/** Names that any line of a program may have. */
const COMMON =
  /^(?:[\w.]+\.(?:go|js|ts|py|rb|php|java|c|cc|cpp|rs|so|conf|ya?ml|json|log)|(?:io|org|com|net|github\.com)\b.*|localhost|error|message|level)$/i;
const MAX_IDENTIFIERS = 24;
/** A process that the text names: `pid:8`, `child 24`, `Child (24)`. */
const PROCESS = /\b(?:pid|child|worker|process)(?: with pid)?[ :=#(]{1,3}(\d+)\b/gi;
const PROCESS_IN_HEAD = /\[(\d+)\]/;
const THREAD = /\b(?:pid|tid|thread|process)[ =:#]{0,2}\d+/gi;
/** Lines of a record among which its exception is looked for. */
const EXCEPTION_LINES = 3;

/** Returns the line of the exception that a stack trace was printed for, below its headline; '' if there is none. */
function exceptionOf(text: string): string {
  const lines = text.slice(0, EXAMINED_LENGTH).split('\n', EXCEPTION_LINES + 1);
  if (lines.length < 2) return '';
  return lines.findLast((line) => line.length >= MIN_EXCEPTION && line.includes(': ') && EXCEPTION.test(line)) ?? '';
}

export function traitsOf({ record: { text, time }, tier, patterns }: LogError): Traits {
  const end = text.indexOf('\n');
  const line = text.slice(0, Math.min(end === -1 ? text.length : end, EXAMINED_LENGTH));
  const head = emptyHead();
  const known = readHead(line, 0, head);
  const at = known ? head.bodyAt : 0;
  let emitter = '';
  for (let i = 0; i < at; i++) {
    const timeEnd = isDigit(line.charCodeAt(i)) && !isDigit(line.charCodeAt(i - 1)) ? timestampEnd(line, i) : -1;
    if (timeEnd === -1) emitter += line.charAt(i);
    else i = timeEnd - 1;
  }
  const identifiers = new Set<string>();
  const logger = LOGGER.exec(line.slice(at))?.[0] ?? '';
  const body = line.slice(at + logger.length);
  const message = body.startsWith('{')
    ? (parseJsonLine(text.slice(0, end === -1 ? text.length : end))?.message ?? body)
    : body;
  emitter = (emitter + logger)
    .replace(/[A-Za-z]+/g, (word) => (levelOfWord(word) === 0 ? word : ''))
    .replace(/[\s:|-]+/g, ' ')
    .trim();
  for (const match of body.matchAll(IDENTIFIER)) {
    const found = match[1] ?? match[2] ?? match[0];
    if (!COMMON.test(found)) identifiers.add(found);
    if (identifiers.size === MAX_IDENTIFIERS) break;
  }
  for (const match of body.matchAll(PROCESS)) identifiers.add(`pid:${match[1]}`);
  const pid = PROCESS_IN_HEAD.exec(emitter)?.[1];
  return {
    emitter: /[A-Za-z]{2}|\d/.test(emitter) ? emitter : '',
    message,
    identifiers,
    time,
    tier,
    exit: patterns[0] === 'process exited',
    thread: (line.slice(0, at + logger.length).match(THREAD) ?? []).join(' '),
    process: pid === undefined ? '' : `pid:${pid}`,
    exception: end === -1 ? '' : exceptionOf(text),
  };
}

/** Returns the last clause of a message: it says what went wrong, the clauses before it what was tried. */
function causeOf(message: string): string {
  const at = message.lastIndexOf(': ');
  return at === -1 ? message : message.slice(at + 2);
}

/** Characters; a shorter text may occur in another message by chance. */
const MIN_CAUSE = 12;
/** Characters of the line of an exception. */
const MIN_EXCEPTION = 24;
/** Smallest share of characters that two messages of one statement have in common at their beginnings and ends. */
const VARIANT = 0.5;

function isRestated(a: string, b: string): boolean {
  const cause = causeOf(a);
  return cause.length >= MIN_CAUSE && b.includes(cause);
}

function isContained(a: string, b: string): boolean {
  return a.length >= MIN_CAUSE && a.length < b.length && b.includes(a);
}

/**
 * Whether both messages are of the same statement, with other values or another cause: then they are two problems, or
 * one that repeats.
 */
function isVariant(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let front = 0;
  while (front < shorter && a.charCodeAt(front) === b.charCodeAt(front)) front++;
  if (front >= VARIANT * shorter) return true;
  let back = 0;
  while (back < shorter - front && a.charCodeAt(a.length - 1 - back) === b.charCodeAt(b.length - 1 - back)) back++;
  return front + back >= VARIANT * Math.max(a.length, b.length) && wordCount(a) === wordCount(b);
}

function wordCount(text: string): number {
  return text.split(/\s+/).length;
}

/** Whether the timestamp has no fraction of a second, as when a program prints none. */
function isWholeSecond({ time }: Traits): boolean {
  return time > 0 && time % 1_000 === 0;
}

/** Whether `b`, which came after `a`, reports the same failure. `adjacent`: there is no line between them. */
export function areRelated(a: Traits, b: Traits, adjacent = false): boolean {
  const oneEmitter = a.emitter !== '' && a.emitter === b.emitter;
  // Two bare stack traces are two exceptions.
  if (a.tier === 'trace' && b.tier === 'trace' && !oneEmitter) return false;
  if (b.tier === 'http') return a.tier !== 'http';
  if (isContained(a.message, b.message) || isContained(b.message, a.message)) return true;
  // Two layers print the stack trace of one exception.
  if (a.exception !== '' && a.exception === b.exception && a.message !== b.message) return true;
  if (isVariant(a.message.replace(PROCESS, ''), b.message.replace(PROCESS, ''))) return false;
  if (b.exit || GIVES_UP.test(b.message)) return true;
  // Without times, only lines that follow each other are of one moment.
  const moment = a.time > 0 && b.time > 0 ? Math.abs(b.time - a.time) : adjacent ? 0 : Number.POSITIVE_INFINITY;
  const oneThread = oneEmitter || (a.thread !== '' && a.thread === b.thread);
  if (oneThread && moment <= (isWholeSecond(a) && isWholeSecond(b) ? 1_000 : SAME_MOMENT_MS)) return true;
  // A message and the stack trace below it.
  if (adjacent && b.tier === 'trace' && b.emitter === '' && moment <= SAME_MOMENT_MS) return true;
  // `Uncaught exception:` and then the exception.
  if (ANNOUNCES.test(a.message) && moment <= (isWholeSecond(a) && isWholeSecond(b) ? 1_000 : SAME_MOMENT_MS))
    return true;
  // `There was an error initializing the database`, and below it what the system said.
  if (adjacent && moment <= SAME_MOMENT_MS && SYSTEM_ERROR.test(b.message)) return true;
  if (isRestated(a.message, b.message) || isRestated(b.message, a.message)) return true;
  // What one process says of another, and what that one says.
  if (a.identifiers.has(b.process) || b.identifiers.has(a.process)) return true;
  for (const identifier of b.identifiers) {
    if (a.identifiers.has(identifier) || a.emitter.includes(identifier)) return true;
    if (identifier.charCodeAt(0) === 0x2f && isBelow(identifier, a.identifiers)) return true;
  }
  return false;
}

/** Whether the path is inside one of the folders. */
function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = path.lastIndexOf('/'); at > 4; at = path.lastIndexOf('/', at - 1)) {
    if (folders.has(path.slice(0, at))) return true;
  }
  return false;
}
