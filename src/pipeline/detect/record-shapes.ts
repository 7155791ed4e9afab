/** Recognises lines that belong to the record above them. */
import { evidenceIn } from './evidence.ts';
import { NO_LEVEL, WARN } from './levels.ts';
import type { Line, OpenRecord } from './open-record.ts';
import type { Trace } from './trace-state.ts';
import { beginTrace } from './traces.ts';

/**
 * The most ms, by the lines' own timestamps, between a record and a line that joins it. Does not apply within a trace.
 */
const JOIN_MS = 1_000;

/** Whether the line may join the record: it is not complete, and was written shortly before. */
export function isAdjacent(stream: OpenRecord, line: Line): boolean {
  return (
    stream.open && !stream.sealed && line.time - stream.lastTime <= JOIN_MS && line.time >= stream.lastTime - JOIN_MS
  );
}

/**
 * A fast check: a frame begins with a blank, a digit or punctuation, and a restated exception is shorter than the line
 * that first named it.
 */
export function mayContinueTrace(stream: OpenRecord, text: string, at: number): boolean {
  return text.charCodeAt(at) < 0x41 || text.length < stream.text.length || text.includes(':in ', at);
}

/**
 * Returns the trace of an exception that the line before already named: `failed: Error: x`, then `Error: x` and its
 * stack.
 */
export function restatement(body: string, before: string): Trace | undefined {
  return body.length > 8 && before.length > body.length && before.includes(body) ? beginTrace(body) : undefined;
}

/**
 * Whether the line repeats the record's head exactly, including fractions of a second and a thread: then a thread
 * printed one message line by line.
 */
export function isSameInstant(stream: OpenRecord, text: string, at: number): boolean {
  if (at !== stream.prefixEnd) return false;
  if (!endsInBracket(text, at)) return false;
  const prefix = text.slice(0, at);
  return stream.text.startsWith(prefix) && /[.,]\d{3}/.test(prefix.slice(0, 40));
}

/** Returns the line from its label on: `DETAIL:  Key (id)=(1) already exists.` */
export function companionOf(text: string, bodyAt: number): string {
  let end = bodyAt;
  while (end > 0 && /[\s:：]/.test(text.charAt(end - 1))) end--;
  const start = Math.max(text.lastIndexOf(' ', end - 1), text.lastIndexOf(':', end - 1)) + 1;
  return text.slice(start);
}

/**
 * Whether the line opens or closes an object that is printed over several lines below its message. Updates the record.
 */
export function continuesObject(stream: OpenRecord, text: string): boolean {
  if (text === '{' || text === '[') {
    stream.object = true;
    return true;
  }
  if (!stream.object || !/^[}\]][,;)]*$/.test(text)) return false;
  stream.object = false;
  return true;
}

/** Whether nothing but tags follows the head: the message is on the lines below. */
export function hasNoMessage(stream: OpenRecord): boolean {
  if (stream.json) return false;
  const message = stream.text.slice(stream.bodyAt, stream.bodyAt + MAX_TAGS).trim();
  return message.length <= 1 || (message.charCodeAt(0) === 0x5b && ONLY_TAGS.test(message));
}

/** What Rails puts before each line of a message: the id of the request. */
const ONLY_TAGS = /^(?:\[[\w.:-]{1,64}\] ?){1,4}$/;
/** Characters of a message that are examined for tags. */
const MAX_TAGS = 200;

export function isSignature(text: string): boolean {
  return evidenceIn(text)?.tier === 'signature';
}

/** The first of the two lines that java.util.logging prints: time, class, method. */
const JAVA_UTIL_LOGGING_HEAD = /\d{1,2}:\d\d:\d\d.{0,14}? [\w.$]+ <?[\w$]+>?$/;

export function isJavaHead(stream: OpenRecord): boolean {
  return (
    stream.lines === 1 &&
    stream.level === NO_LEVEL &&
    stream.text.length < 200 &&
    JAVA_UTIL_LOGGING_HEAD.test(stream.text)
  );
}

/** SQL Server states the number of an error on one line and its message on the next, after the same head. */
const ERROR_NUMBER = /\sError: \d+, Severity: \d+, State: \d+\.$/;
/** Characters of such a line. */
const MAX_ERROR_NUMBER = 120;

/** Returns the index of an error number without a message in the record's only line; 0 if there is none. */
export function errorNumberAt(stream: OpenRecord): number {
  const { text } = stream;
  if (stream.lines > 1 || text.charCodeAt(text.length - 1) !== 0x2e || text.length > MAX_ERROR_NUMBER) return 0;
  return text.search(ERROR_NUMBER) + 1;
}

/** Whether a line with a head is indented below a record of the same level. Fluentd prints its traces like this. */
export function isBelow(stream: OpenRecord, text: string, level: number): boolean {
  const code = text.charCodeAt(0);
  return (
    (code === 0x20 || code === 0x09) && level >= WARN && level === stream.level && stream.text.charCodeAt(0) > 0x20
  );
}

/** Characters; a shorter message may be part of another one by chance. */
const MIN_RESTATED = 12;

/** Whether the message, which has only a level before it, is part of the message above it. */
export function restates(stream: OpenRecord, message: string): boolean {
  return stream.level >= WARN && message.length >= MIN_RESTATED && stream.text.includes(message);
}

/** Whether the message ends with a colon, so that an object on the next line belongs to it. */
export function announcesObject(stream: OpenRecord): boolean {
  return stream.headed && !stream.json && stream.level >= WARN && stream.lines === 1 && /:\s*$/.test(stream.text);
}

/** A fast check before the heads of two lines are compared. */
export function mayRepeatHead(stream: OpenRecord, text: string, bodyAt: number): boolean {
  if (text.length < stream.text.length) return true;
  const code = text.charCodeAt(bodyAt);
  const indented = text.charCodeAt(bodyAt - 2) <= 0x20;
  return code < 0x41 || indented || endsInBracket(text, bodyAt) || text.includes(':in ', bodyAt);
}

/** Whether the text before `at` ends in `>`, `]` or `)`, which close the name of a process or thread. */
function endsInBracket(text: string, at: number): boolean {
  let end = at;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end--;
  const last = text.charCodeAt(end - 1);
  return last === 0x3e || last === 0x5d || last === 0x29;
}
