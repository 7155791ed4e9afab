/**
 * From lines to records, from records to trouble: one detector per container.
 *
 * Each stream has at most one record open. A line with a head of its own closes it and opens the next;
 * frames and indented lines go on with it; a trace joins it where it is WARN or above and just before. A
 * record whose level is INFO or below is settled by its first line: it costs one look at the head.
 */
import type { LogLine, StreamName } from '../../domain.ts';
import { classify, logErrorOf } from './classify.ts';
import { cleanLine } from './clean.ts';
import { createHeadReader } from './head-reader.ts';
import { createJsonReader } from './json.ts';
import { ERROR, NO_LEVEL, WARN } from './levels.ts';
import type { LogError } from './log-error.ts';
import {
  beginRecord,
  type Held,
  joinLine,
  noRecord,
  type OpenRecord,
  type PlacedRecord,
  placed,
} from './open-record.ts';
import { createQuietLines } from './quiet-lines.ts';
import { createRateGates } from './rate-gates.ts';
import type { CompiledRules } from './rules.ts';
import { isSupervisedExit } from './supervisors.ts';
import { ACCEPT, beginTrace, HOLD, stepTrace, traceOfFrame } from './traces.ts';

export type { PlacedRecord } from './open-record.ts';
export { type CompiledRules, compileRules, type DetectRules } from './rules.ts';

export interface LogDetector {
  push(line: LogLine): void;
  /**
   * Completes records that have waited; call it from a timer while `pending`. `now`: epoch ms of the
   * caller's clock; records whose last line arrived before `now - 200 ms` are completed; Infinity completes all.
   */
  flush(now: number): void;
  /** A record is open that more lines could still change. */
  readonly pending: boolean;
}

/** What belongs together is written together: after this silence a record is complete. */
export const SETTLE_MS = 200;
/** Lines further apart than this by their own time do not join, whatever they look like. */
const JOIN_MS = 1_000;
/** .NET's console logger puts this before every line but the first. */
const HANGING_INDENT = '      ';

export function createLogDetector(options: {
  readonly rules?: CompiledRules;
  /** `first` and `last`: its lines, counted from 1. */
  emit(error: LogError, first: number, last: number): void;
  /** Every record, quiet ones too; costs what keeping them costs. */
  onRecord?(record: PlacedRecord, error: LogError | undefined): void;
  now?(): number;
}): LogDetector {
  const rules = options.rules?.empty === false ? options.rules : undefined;
  const { emit, onRecord } = options;
  const now = options.now ?? Date.now;
  const keepsAll = onRecord !== undefined || rules !== undefined;
  const head = createHeadReader();
  const json = createJsonReader();
  const streams: Record<StreamName, OpenRecord> = { stdout: noRecord('stdout'), stderr: noRecord('stderr') };
  const quiet = createQuietLines();
  const gates = createRateGates();
  let ordinal = 0;

  const keeps = (stream: OpenRecord): boolean => keepsAll || stream.level === NO_LEVEL || stream.level >= WARN;

  function push(line: LogLine): void {
    ordinal++;
    const stream = streams[line.stream];
    const text = line.text;
    const code = text.charCodeAt(0);
    // The quiet path: INFO and below are settled by their head.
    let level = code === 0x7b ? json.level(text, 0) : head.quick(text);
    if (level === NO_LEVEL && code === 0x7b && json.messageAt > 0) level = head.quick(text, json.messageAt);
    if (level !== NO_LEVEL && level < WARN) {
      if (quiet.isNotable(text, code === 0x7b ? 0 : head.bodyAt, ordinal)) {
        accept(stream, cleanLine(text), line.time, ordinal, now());
        return;
      }
      if (stream.open) {
        if (stream.held.length > 0) release(stream);
        close(stream);
      }
      beginRecord(stream, text, line.time, ordinal, level, 0, true);
      if (keepsAll) stream.arrived = now();
      return;
    }
    accept(stream, cleanLine(text), line.time, ordinal, now());
  }

  /** Closes the open record before its held lines and lets those stand for themselves. */
  function release(stream: OpenRecord): void {
    const held = stream.held;
    stream.held = [];
    const arrived = stream.arrived;
    close(stream);
    for (const line of held) accept(stream, line.text, line.time, line.ordinal, arrived);
    if (stream.held.length > 0) release(stream);
  }

  function accept(stream: OpenRecord, text: string, time: number, at: number, arrived: number): void {
    if (stream.open && stream.trace === undefined && stream.held.length > 0) {
      // A plain line behind a WARN or above: an exception's own line if a frame follows.
      const [line] = stream.held as [Held];
      if (traceOfFrame(text, line.text, false) === undefined) release(stream);
      else {
        stream.held = [];
        joinLine(stream, line.text, line.time, line.ordinal, arrived, keeps(stream));
      }
    }
    if (stream.open && stream.trace !== undefined) {
      const timed = text.charCodeAt(0) === 0x7b ? json.level(text, 0) !== NO_LEVEL : head.read(text) && head.timed;
      if (!timed) {
        const trace = stream.trace;
        const step = stepTrace(trace, text);
        if (step === ACCEPT) {
          for (const line of stream.held) joinLine(stream, line.text, line.time, line.ordinal, arrived, keeps(stream));
          stream.held.length = 0;
          stream.traced ||= trace.proven;
          joinLine(stream, text, time, at, arrived, keeps(stream));
          return;
        }
        if (step === HOLD) {
          stream.held.push({ text, time, ordinal: at });
          stream.arrived = arrived;
          return;
        }
      }
      stream.trace = undefined;
      stream.sealed = true;
      if (stream.held.length > 0) {
        const held = stream.held;
        stream.held = [];
        close(stream);
        for (const line of held) accept(stream, line.text, line.time, line.ordinal, arrived);
        accept(stream, text, time, at, arrived);
        return;
      }
    }

    if (text.charCodeAt(0) === 0x7b && text.charCodeAt(text.length - 1) === 0x7d) {
      close(stream);
      beginRecord(stream, text, time, at, jsonLevel(text, 0), 0, true);
      stream.json = true;
      stream.arrived = arrived;
      note(stream, text, 0, at);
      return;
    }
    if (head.read(text)) {
      close(stream);
      const { json: wrapped, bodyAt, hanging } = head;
      const level = wrapped ? jsonLevel(text, bodyAt) : head.level;
      beginRecord(stream, text, time, at, level, bodyAt, true);
      stream.json = wrapped;
      stream.hanging = hanging;
      stream.arrived = arrived;
      note(stream, text, bodyAt, at);
      if ((level === NO_LEVEL || level >= WARN) && opensTrace(text, bodyAt)) {
        stream.trace = beginTrace(text.slice(bodyAt));
        stream.traced = stream.trace?.proven === true;
      }
      return;
    }
    unheaded(stream, text, time, at, arrived);
  }

  /** Marks a record of INFO or below whose message may be trouble all the same. */
  function note(stream: OpenRecord, text: string, bodyAt: number, at: number): void {
    if (stream.level === NO_LEVEL || stream.level >= WARN) return;
    stream.notable = quiet.isNotable(text, bodyAt, at) || (!head.timed && !stream.json && isSupervisedExit(text));
    if (quiet.innerLevel > stream.level) stream.level = quiet.innerLevel;
  }

  /** Its own, or that of a text line wrapped in it. */
  function jsonLevel(text: string, from: number): number {
    const level = json.level(text, from);
    if (level !== NO_LEVEL || json.messageAt <= 0) return level;
    return head.read(text, json.messageAt) ? head.level : NO_LEVEL;
  }

  function unheaded(stream: OpenRecord, text: string, time: number, at: number, arrived: number): void {
    const adjacent =
      stream.open && !stream.sealed && time - stream.lastTime <= JOIN_MS && time >= stream.lastTime - JOIN_MS;
    const first = text.charCodeAt(0);
    const indented = first === 0x20 || first === 0x09;
    if (adjacent && stream.hanging && text.startsWith(HANGING_INDENT)) {
      joinLine(stream, text, time, at, arrived, keeps(stream));
      return;
    }
    if (adjacent && (stream.level === NO_LEVEL || stream.level >= WARN)) {
      const before = stream.more.length > 0 ? (stream.more[stream.more.length - 1] as string) : stream.text;
      const continued = traceOfFrame(text, before, stream.headed && stream.level >= WARN);
      if (continued !== undefined) {
        joinLine(stream, text, time, at, arrived, keeps(stream));
        stream.trace = continued;
        stream.traced = true;
        return;
      }
    }
    const trace = beginTrace(text);
    if (trace !== undefined) {
      const joins = adjacent && stream.headed && stream.level >= WARN && !(trace.fatal && stream.level === WARN);
      if (joins) joinLine(stream, text, time, at, arrived, keeps(stream));
      else {
        close(stream);
        beginRecord(stream, text, time, at, NO_LEVEL, 0, false);
        stream.arrived = arrived;
      }
      stream.trace = trace;
      stream.traced = trace.proven;
      return;
    }
    if (
      adjacent &&
      indented &&
      text.trim() !== '' &&
      (stream.headed || leadingBlanks(text) > leadingBlanks(stream.text))
    ) {
      joinLine(stream, text, time, at, arrived, keeps(stream));
      return;
    }
    if (adjacent && stream.headed && stream.level >= WARN && !stream.traced && !indented && text !== '') {
      stream.held.push({ text, time, ordinal: at });
      stream.arrived = arrived;
      return;
    }
    close(stream);
    beginRecord(stream, text, time, at, NO_LEVEL, 0, false);
    stream.arrived = arrived;
  }

  function close(stream: OpenRecord): void {
    if (!stream.open) return;
    stream.open = false;
    const finding =
      stream.level === NO_LEVEL || stream.level >= WARN || stream.notable || rules !== undefined
        ? classify(stream, rules)
        : undefined;
    const admitted =
      finding !== undefined && (finding.gate === undefined || gates.admit(finding.gate, stream.time, ordinal));
    const error = admitted ? logErrorOf(stream, finding) : undefined;
    onRecord?.(placed(stream, error?.record), error);
    if (error !== undefined) emit(error, stream.firstLine, stream.lastLine);
  }

  const pendingStream = (stream: OpenRecord): boolean =>
    stream.open &&
    (keepsAll ||
      stream.held.length > 0 ||
      stream.trace !== undefined ||
      stream.level === NO_LEVEL ||
      stream.level >= ERROR ||
      stream.notable);

  return {
    push,
    flush(until) {
      for (const stream of [streams.stdout, streams.stderr]) {
        const due = until === Number.POSITIVE_INFINITY || (pendingStream(stream) && stream.arrived < until - SETTLE_MS);
        if (!stream.open || !due) continue;
        if (stream.held.length > 0) release(stream);
        close(stream);
      }
    },
    get pending() {
      return pendingStream(streams.stdout) || pendingStream(streams.stderr);
    },
  };
}

function leadingBlanks(text: string): number {
  let at = 0;
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at++;
  return at;
}

/** A logger put its head before the first line of a trace. */
function opensTrace(text: string, at: number): boolean {
  return text.startsWith('Traceback (', at) || text.startsWith('panic: ', at) || text.startsWith('fatal error: ', at);
}
