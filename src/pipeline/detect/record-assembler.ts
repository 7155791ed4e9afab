/**
 * Puts lines together into records, stream by stream.
 *
 * A line with a head of its own closes the open record and opens the next one; frames and indented lines continue
 * it. A stack trace joins the record just before it where that one is WARN or above. A line that belongs to the
 * record only if a later one proves it is held back until then.
 */
import { evidenceIn } from './evidence.ts';
import { isPackageManagerError } from './head-formats.ts';
import type { HeadReader } from './head-reader.ts';
import type { JsonReader } from './json.ts';
import { ERROR, NO_LEVEL, WARN } from './levels.ts';
import { indentedBodyAt, repeatedPrefixEnd, traceStartAt } from './line-prefix.ts';
import { beginRecord, type Held, joinLine, type OpenRecord } from './open-record.ts';
import type { QuietLines } from './quiet-lines.ts';
import { isSupervisedExit } from './supervisors.ts';
import { ACCEPT, beginTrace, HOLD, isContinuation, stepTrace, type Trace, traceOfFrame } from './traces.ts';

/** Lines further apart than this by their own time do not join, whatever they look like. */
const JOIN_MS = 1_000;
/** .NET's console logger puts this before every line but the first. */
const HANGING_INDENT = '      ';
/** Lines held behind a record that has no trace yet: a blank line and a message before the first frame. */
const MAX_HELD_PLAIN = 3;
/** So many headed records in a row: a line without a head then belongs to the message above it. */
const HEADED_STREAK = 3;
/** Plain lines that join a message. */
const MAX_PLAIN = 60;
/** The first of the two lines that java.util.logging prints: time, class, method. */
const JAVA_UTIL_LOGGING_HEAD = /\d{1,2}:\d\d:\d\d.{0,14}? [\w.$]+ <?[\w$]+>?$/;

export interface Line {
  readonly text: string;
  readonly time: number;
  /** Position among the detector's lines, from 1. */
  readonly ordinal: number;
  /** By the caller's clock. */
  readonly arrived: number;
}

export interface AssemblerOptions {
  readonly head: HeadReader;
  readonly json: JsonReader;
  readonly quiet: QuietLines;
  /** Whether lines that join the record are kept or only counted. */
  keeps(stream: OpenRecord): boolean;
  /** The record is complete; it is reused afterwards. */
  complete(stream: OpenRecord): void;
}

export interface Assembler {
  accept(stream: OpenRecord, line: Line): void;
  /** Closes what is open; lines held behind it become records of their own. */
  release(stream: OpenRecord): void;
}

export function createAssembler(options: AssemblerOptions): Assembler {
  const { head, json, quiet, keeps } = options;

  function close(stream: OpenRecord): void {
    if (!stream.open) return;
    stream.open = false;
    stream.streak = stream.headed ? stream.streak + 1 : 0;
    options.complete(stream);
  }

  function join(stream: OpenRecord, line: Line, text = line.text): void {
    stream.used = true;
    joinLine(stream, text, line.time, line.ordinal, line.arrived, keeps(stream));
  }

  function joinHeld(stream: OpenRecord): void {
    const held = stream.held;
    stream.held = [];
    for (const line of held) join(stream, line);
  }

  function hold(stream: OpenRecord, line: Held): void {
    stream.held.push(line);
    stream.gap = Math.max(stream.gap, line.arrived - stream.arrived);
    stream.arrived = line.arrived;
  }

  /** Closes the open record and reads the held lines anew; the last of them may still be open then. */
  function closeBeforeHeld(stream: OpenRecord): void {
    const held = stream.held;
    stream.held = [];
    close(stream);
    for (const line of held) accept(stream, line);
  }

  /** The same until nothing is held. */
  function settle(stream: OpenRecord): void {
    do closeBeforeHeld(stream);
    while (stream.held.length > 0);
  }

  function release(stream: OpenRecord): void {
    if (stream.held.length > 0) settle(stream);
    close(stream);
  }

  function begin(stream: OpenRecord, line: Line, level: number, bodyAt: number, headed: boolean): void {
    close(stream);
    beginRecord(stream, line.text, line.time, line.ordinal, level, bodyAt, headed);
    stream.used = true;
    stream.arrived = line.arrived;
    stream.began = line.arrived;
    stream.gap = 0;
  }

  function accept(stream: OpenRecord, line: Line): void {
    const { text } = line;
    const brace = text.charCodeAt(0) === 0x7b;
    const object = brace && text.charCodeAt(text.length - 1) === 0x7d && text.length > 2;
    if (stream.open && stream.held.length > 0 && stream.trace === undefined && settleHeld(stream, line)) return;
    const known = !object && head.read(text);

    if (stream.open && stream.trace !== undefined) {
      if (object ? json.level(text, 0) === NO_LEVEL : !known || !head.timed) {
        if (stepOpenTrace(stream, stream.trace, line, text)) return;
      }
      const at = repeatedAt(stream, text);
      if (at > 0 && stepOpenTrace(stream, stream.trace, line, text.slice(at))) return;
      stream.trace = undefined;
      stream.sealed = true;
      if (stream.held.length > 0) {
        closeBeforeHeld(stream);
        accept(stream, line);
        return;
      }
    }
    if (object) {
      begin(stream, line, jsonLevel(text, 0), 0, true);
      stream.json = true;
      note(stream, text, 0, line.ordinal);
    } else if (known) {
      headed(stream, line);
    } else unheaded(stream, line);
  }

  /** The line goes to the open trace where it belongs to it or may do so. */
  function stepOpenTrace(stream: OpenRecord, trace: Trace, line: Line, text: string): boolean {
    const step = stepTrace(trace, text);
    if (step === ACCEPT) {
      joinHeld(stream);
      stream.traced ||= trace.proven;
      join(stream, line, text);
      return true;
    }
    if (step !== HOLD) return false;
    hold(stream, { ...line, text });
    return true;
  }

  /**
   * Whether the lines held behind a record without a trace belong to it; else they become records. True where the
   * line is held as well.
   */
  function settleHeld(stream: OpenRecord, line: Line): boolean {
    const { held } = stream;
    const { text } = line;
    const last = held[held.length - 1] as Held;
    if (traceOfFrame(text, last.text, false) !== undefined) joinHeld(stream);
    else if (held.every((other) => other.text.trim() === '')) {
      const trace = beginTrace(text);
      if (trace !== undefined && !(trace.fatal && stream.level === WARN)) joinHeld(stream);
      else if (mayHold(stream, text)) {
        hold(stream, line);
        return true;
      } else settle(stream);
    } else settle(stream);
    return false;
  }

  function mayHold(stream: OpenRecord, text: string): boolean {
    const code = text.charCodeAt(0);
    return stream.held.length < MAX_HELD_PLAIN && code !== 0x7b && code !== 0x20 && code !== 0x09 && !head.read(text);
  }

  function isAdjacent(stream: OpenRecord, line: Line): boolean {
    return (
      stream.open && !stream.sealed && line.time - stream.lastTime <= JOIN_MS && line.time >= stream.lastTime - JOIN_MS
    );
  }

  /** Where the text behind the open record's own prefix begins; 0 where the line does not repeat it. */
  function repeatedAt(stream: OpenRecord, text: string): number {
    return stream.prefixEnd === 0 ? 0 : repeatedPrefixEnd(stream.text, stream.prefixEnd, text);
  }

  function lastText(stream: OpenRecord): string {
    return stream.more.length > 0
      ? (stream.more[stream.more.length - 1] as string)
      : stream.text.slice(stream.prefixEnd);
  }

  function headed(stream: OpenRecord, line: Line): void {
    const { text } = line;
    const { json: wrapped, bodyAt, hanging, companion, bare } = head;
    const level = wrapped ? jsonLevel(text, bodyAt) : head.level;
    if (isAdjacent(stream, line)) {
      if (companion && stream.level >= WARN && stream.headed && repeatedPrefixEnd(stream.text, 8, text) > 0) {
        join(stream, line, companionOf(text, bodyAt));
        return;
      }
      if (bare && isJavaHead(stream)) {
        joinJavaHead(stream, line, level, bodyAt);
        return;
      }
      if (level === stream.level && (level === NO_LEVEL || level >= WARN) && continuesMessage(stream, line)) return;
    }
    begin(stream, line, level, bodyAt, true);
    stream.json = wrapped;
    stream.hanging = hanging;
    stream.prefixEnd = indentedBodyAt(text, bodyAt);
    note(stream, text, bodyAt, line.ordinal);
    if (level !== NO_LEVEL && level < WARN) return;
    const traceAt = traceStartAt(text);
    if (traceAt >= bodyAt && traceAt > 0) openTraceAt(stream, text, traceAt);
  }

  function openTraceAt(stream: OpenRecord, text: string, at: number): void {
    stream.prefixEnd = at;
    stream.trace = beginTrace(text.slice(at));
    stream.traced = stream.trace?.proven === true;
  }

  /** A line whose head repeats that of the open record: a frame, or a further line of the same message. */
  function continuesMessage(stream: OpenRecord, line: Line): boolean {
    const { text } = line;
    if (stream.level >= ERROR && isPackageManagerError(text) && isPackageManagerError(stream.text)) {
      join(stream, line);
      return true;
    }
    const at = repeatedAt(stream, text);
    if (stream.json || at === 0) return false;
    const body = text.slice(at);
    const before = lastText(stream);
    const trace = traceOfFrame(body, before, true) ?? restatement(body, before);
    if (trace !== undefined) {
      join(stream, line, body);
      stream.trace = trace;
      stream.traced ||= trace.proven;
      return true;
    }
    if (stream.level >= WARN && isSameInstant(stream, text, at)) {
      join(stream, line, body);
      return true;
    }
    return false;
  }

  function unheaded(stream: OpenRecord, line: Line): void {
    const { text } = line;
    const adjacent = isAdjacent(stream, line);
    const loud = stream.level === NO_LEVEL || stream.level >= WARN;
    if (adjacent && stream.hanging && text.startsWith(HANGING_INDENT)) {
      join(stream, line);
      return;
    }
    if (adjacent && loud) {
      const body = text.slice(repeatedAt(stream, text));
      const continued = traceOfFrame(body, lastText(stream), stream.headed && stream.level >= WARN);
      if (continued !== undefined) {
        join(stream, line, body);
        stream.trace = continued;
        stream.traced = true;
        return;
      }
    }
    const from = traceStartAt(text);
    const trace = beginTrace(text) ?? (from > 0 ? beginTrace(text.slice(from)) : undefined);
    if (trace !== undefined) {
      if (adjacent && stream.headed && stream.level >= WARN && !(trace.fatal && stream.level === WARN)) {
        join(stream, line);
      } else {
        begin(stream, line, NO_LEVEL, 0, false);
        stream.prefixEnd = from;
      }
      stream.trace = trace;
      stream.traced = trace.proven;
      return;
    }
    const code = text.charCodeAt(0);
    const indented = code === 0x20 || code === 0x09;
    const blank = text.trim() === '';
    if (adjacent && indented && !blank && (stream.headed || leadingBlanks(text) > leadingBlanks(stream.text))) {
      join(stream, line);
      return;
    }
    if (adjacent && stream.headed && stream.level >= WARN && !stream.traced) {
      if (continuesObject(stream, text)) {
        join(stream, line);
        return;
      }
      const below = stream.streak >= HEADED_STREAK || hasNoMessage(stream);
      if (below && (!blank || hasNoMessage(stream)) && stream.plain.length < MAX_PLAIN && !isSignature(text)) {
        stream.plain.push(text);
        join(stream, line);
        return;
      }
      if (!indented || blank) {
        hold(stream, line);
        return;
      }
    }
    begin(stream, line, NO_LEVEL, 0, false);
    stream.orphan = isContinuation(text);
  }

  /** Marks a record of INFO or below whose message may be trouble all the same. */
  function note(stream: OpenRecord, text: string, bodyAt: number, ordinal: number): void {
    if (stream.level === NO_LEVEL || stream.level >= WARN) return;
    stream.notable = quiet.isNotable(text, bodyAt, ordinal) || (!stream.json && !head.timed && isSupervisedExit(text));
    if (quiet.innerLevel > stream.level) stream.level = quiet.innerLevel;
  }

  /** Its own, or that of a text line wrapped in it. */
  function jsonLevel(text: string, from: number): number {
    const rank = json.level(text, from);
    if (rank !== NO_LEVEL || json.messageAt <= 0) return rank;
    return head.read(text, json.messageAt) ? head.level : NO_LEVEL;
  }

  function isJavaHead(stream: OpenRecord): boolean {
    return (
      stream.lines === 1 &&
      stream.level === NO_LEVEL &&
      stream.text.length < 200 &&
      JAVA_UTIL_LOGGING_HEAD.test(stream.text)
    );
  }

  /** The two lines of java.util.logging become one: time, class and method before the level. */
  function joinJavaHead(stream: OpenRecord, line: Line, rank: number, bodyAt: number): void {
    joinLine(stream, line.text, line.time, line.ordinal, line.arrived, false);
    stream.bodyAt = stream.text.length + 1 + bodyAt;
    stream.text = `${stream.text} ${line.text}`;
    stream.level = rank;
    stream.headed = true;
  }

  return { accept, release };
}

/** The exception that an ERROR line named already, with its stack: `failed: Error: x`, then `Error: x`. */
function restatement(body: string, before: string): Trace | undefined {
  const trace = beginTrace(body);
  return trace !== undefined && body.length > 8 && before.includes(body) ? trace : undefined;
}

/** Printed at the same fraction of a second by the same thread: one message, line by line. */
function isSameInstant(stream: OpenRecord, text: string, at: number): boolean {
  return (
    at === stream.prefixEnd &&
    /[.,]\d{3}/.test(text.slice(0, 40)) &&
    /[<[(\w][\w.-]*[>\])]\s*$/.test(text.slice(0, at)) &&
    stream.text.startsWith(text.slice(0, at))
  );
}

/** From the word on: `DETAIL:  Key (id)=(1) already exists.` */
function companionOf(text: string, bodyAt: number): string {
  let end = bodyAt;
  while (end > 0 && /[\s:：]/.test(text.charAt(end - 1))) end--;
  const start = Math.max(text.lastIndexOf(' ', end - 1), text.lastIndexOf(':', end - 1)) + 1;
  return text.slice(start);
}

/** An object printed over several lines below its message. */
function continuesObject(stream: OpenRecord, text: string): boolean {
  if (text === '{' || text === '[') {
    stream.object = true;
    return true;
  }
  if (!stream.object || !/^[}\]][,;)]*$/.test(text)) return false;
  stream.object = false;
  return true;
}

/** A head and nothing behind it: the message stands on the lines below. */
function hasNoMessage(stream: OpenRecord): boolean {
  return !stream.json && stream.text.slice(stream.bodyAt).trim().length <= 1;
}

function isSignature(text: string): boolean {
  return evidenceIn(text)?.tier === 'signature';
}

function leadingBlanks(text: string): number {
  let at = 0;
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at++;
  return at;
}
