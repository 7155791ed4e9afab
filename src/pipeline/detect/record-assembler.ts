/**
 * Joins lines into records, separately for each stream.
 *
 * A line with a head closes the open record and opens the next one; stack frames and indented lines continue it. A
 * stack trace joins the record directly before it if that is WARN or above. A line that belongs to a record only if a
 * later line proves it is held.
 */
import { mayShowTrouble } from './evidence.ts';
import { isPackageManagerError } from './head-formats.ts';
import type { HeadReader } from './head-reader.ts';
import type { JsonReader } from './json.ts';
import { ERROR, NO_LEVEL, WARN } from './levels.ts';
import { indentedBodyAt, repeatedPrefixEnd, traceStartAt } from './line-prefix.ts';
import { beginRecord, joinHead, joinLine, type Line, lastTextOf, type OpenRecord } from './open-record.ts';
import type { QuietLines } from './quiet-lines.ts';
import {
  announcesObject,
  companionOf,
  continuesObject,
  errorNumberAt,
  hasNoMessage,
  isAdjacent,
  isBelow,
  isJavaHead,
  isSameInstant,
  isSignature,
  mayContinueTrace,
  mayRepeatHead,
  restatement,
  restates,
} from './record-shapes.ts';
import { isSupervisedExit } from './supervisors.ts';
import { ACCEPT, HOLD, indentOf, type Trace } from './trace-state.ts';
import { stepTrace } from './trace-steps.ts';
import { beginTrace, isContinuation, isOrdinary, traceOfFrame } from './traces.ts';

/** .NET's console logger begins every line but the first with this. */
const HANGING_INDENT = '      ';
/** The most lines held after a record without a trace: a blank line and a message may precede the first frame. */
const MAX_HELD_PLAIN = 3;
/** After this many consecutive headed records, a line without a head belongs to the message above it. */
const HEADED_STREAK = 3;
/** The most unindented lines that join one message. */
const MAX_PLAIN = 60;

export interface AssemblerOptions {
  readonly head: HeadReader;
  readonly json: JsonReader;
  readonly quiet: QuietLines;
  /** Whether the text of lines that join the record is kept; otherwise they are only counted. */
  keeps(stream: OpenRecord): boolean;
  /** Called with each complete record; the object is reused afterwards. */
  complete(stream: OpenRecord): void;
}

export interface Assembler {
  accept(stream: OpenRecord, line: Line): void;
  /** Closes the open record; lines held after it become separate records. */
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
    for (const line of stream.held.splice(0)) join(stream, line);
  }

  function hold(stream: OpenRecord, line: Line): void {
    stream.held.push(line);
    stream.gap = Math.max(stream.gap, line.arrived - stream.arrived);
    stream.arrived = line.arrived;
  }

  /** Closes the open record and processes the lines held after it anew; lines may be held again. */
  function closeBeforeHeld(stream: OpenRecord): void {
    const held = stream.held.splice(0);
    close(stream);
    for (const line of held) accept(stream, line);
  }

  function settle(stream: OpenRecord): void {
    while (stream.held.length > 0) closeBeforeHeld(stream);
  }

  function release(stream: OpenRecord): void {
    settle(stream);
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
    if (object && isAdjacent(stream, line) && announcesObject(stream) && jsonLevel(text, 0) === NO_LEVEL) {
      join(stream, line);
    } else if (object) {
      begin(stream, line, jsonLevel(text, 0), 0, true);
      stream.json = true;
      markNotable(stream, text, 0, line.ordinal);
    } else if (known) {
      headed(stream, line);
    } else unheaded(stream, line);
  }

  /** Adds the line to the open trace, or holds it if it may belong there. Returns false if it does not. */
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
   * Decides whether the lines held after a record without a trace belong to it; if not, they become records. Returns
   * true if this line is now held, too.
   */
  function settleHeld(stream: OpenRecord, line: Line): boolean {
    const { held } = stream;
    const last = held[held.length - 1] as Line;
    if (traceOfFrame(line.text, last.text, false) !== undefined) joinHeld(stream);
    else if (held.every((other) => other.text.trim() === '')) {
      const trace = beginTrace(line.text);
      if (trace !== undefined && !(trace.fatal && stream.level === WARN)) joinHeld(stream);
      else if (isParagraph(stream, line.text)) joinHeld(stream);
      else if (mayHold(stream, line.text)) {
        hold(stream, line);
        return true;
      } else settle(stream);
    } else settle(stream);
    return false;
  }

  /** Whether the line continues the message above a blank line: all other records of the stream have heads. */
  function isParagraph(stream: OpenRecord, text: string): boolean {
    return stream.streak >= HEADED_STREAK && text.trim() !== '' && text.charCodeAt(0) !== 0x7b && !head.read(text);
  }

  function mayHold(stream: OpenRecord, text: string): boolean {
    const code = text.charCodeAt(0);
    return stream.held.length < MAX_HELD_PLAIN && code !== 0x7b && code !== 0x20 && code !== 0x09 && !head.read(text);
  }

  /** Returns the index after the open record's prefix in the line; 0 if the line does not repeat it. */
  function repeatedAt(stream: OpenRecord, text: string): number {
    return stream.prefixEnd === 0 ? 0 : repeatedPrefixEnd(stream.text, stream.prefixEnd, text);
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
        joinHead(stream, line, text, level, bodyAt);
        return;
      }
      const numberAt = errorNumberAt(stream);
      const messageAt = numberAt > 0 ? repeatedPrefixEnd(stream.text, numberAt, text) : 0;
      if (messageAt > 0) {
        joinHead(stream, line, text.slice(messageAt), stream.level, undefined);
        return;
      }
      if (isBelow(stream, text, level) || (bare && restates(stream, text.slice(bodyAt)))) {
        join(stream, line);
        return;
      }
      if (level === stream.level && (level === NO_LEVEL || level >= WARN) && continuesMessage(stream, line)) return;
    }
    begin(stream, line, level, bodyAt, true);
    stream.json = wrapped;
    stream.hanging = hanging;
    stream.prefixEnd = indentedBodyAt(text, bodyAt);
    markNotable(stream, text, bodyAt, line.ordinal);
    if (level !== NO_LEVEL && level < WARN) return;
    const traceAt = traceStartAt(text, bodyAt);
    if (traceAt > 0) openTraceAt(stream, text, traceAt);
  }

  function openTraceAt(stream: OpenRecord, text: string, at: number): void {
    stream.prefixEnd = at;
    stream.trace = beginTrace(text.slice(at));
    stream.traced = stream.trace?.proven === true;
  }

  /**
   * Joins a line whose head repeats that of the open record and that is a frame or a further line of its message.
   * Returns false if it is neither.
   */
  function continuesMessage(stream: OpenRecord, line: Line): boolean {
    const { text } = line;
    if (stream.level >= ERROR && isPackageManagerError(text) && isPackageManagerError(stream.text)) {
      join(stream, line);
      return true;
    }
    if (stream.json || !mayRepeatHead(stream, text, head.bodyAt)) return false;
    const at = repeatedAt(stream, text);
    if (at === 0) return false;
    const trace = mayContinueTrace(stream, text, at) ? continuedTrace(stream, text.slice(at)) : undefined;
    if (trace !== undefined) {
      join(stream, line, text.slice(at));
      stream.trace = trace;
      stream.traced ||= trace.proven;
      return true;
    }
    if (stream.level >= WARN && isSameInstant(stream, text, at)) {
      join(stream, line, text.slice(at));
      return true;
    }
    return false;
  }

  function continuedTrace(stream: OpenRecord, body: string): Trace | undefined {
    const before = lastTextOf(stream);
    return traceOfFrame(body, before, true) ?? restatement(body, before);
  }

  function unheaded(stream: OpenRecord, line: Line): void {
    const { text } = line;
    const adjacent = isAdjacent(stream, line);
    const harmless = !mayShowTrouble(text);
    if (harmless && isOrdinary(text) && !(adjacent && (stream.prefixEnd > 0 || stream.level >= WARN))) {
      begin(stream, line, NO_LEVEL, 0, false);
      stream.harmless = true;
      return;
    }
    const loud = stream.level === NO_LEVEL || stream.level >= WARN;
    if (adjacent && stream.hanging && text.startsWith(HANGING_INDENT)) {
      join(stream, line);
      return;
    }
    if (adjacent && loud) {
      const body = text.slice(repeatedAt(stream, text));
      const continued = traceOfFrame(body, lastTextOf(stream), stream.headed && stream.level >= WARN);
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
    if (adjacent && indented && !blank && (stream.headed || indentOf(text) > indentOf(stream.text))) {
      join(stream, line);
      return;
    }
    if (adjacent && stream.headed && stream.level >= WARN && !stream.traced) {
      if (continuesObject(stream, text)) {
        join(stream, line);
        return;
      }
      const empty = hasNoMessage(stream);
      const below = empty || (stream.streak >= HEADED_STREAK && !blank && !isSignature(text));
      if (below && stream.plain.length < MAX_PLAIN) {
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

  /** Marks a record at INFO or below whose message may be an error despite its level. */
  function markNotable(stream: OpenRecord, text: string, bodyAt: number, ordinal: number): void {
    if (stream.level === NO_LEVEL || stream.level >= WARN) return;
    stream.notable = quiet.isNotable(text, bodyAt, ordinal) || (!stream.json && !head.timed && isSupervisedExit(text));
    if (quiet.innerLevel > stream.level) stream.level = quiet.innerLevel;
  }

  /** Returns the level of the JSON, or that of a text line wrapped in it. */
  function jsonLevel(text: string, from: number): number {
    const rank = json.level(text, from);
    if (rank !== NO_LEVEL || json.messageAt <= 0) return rank;
    return head.read(text, json.messageAt) ? head.level : NO_LEVEL;
  }

  return { accept, release };
}
