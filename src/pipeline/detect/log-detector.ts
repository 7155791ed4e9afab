/**
 * From lines to records, from records to trouble: one detector per container.
 *
 * Each stream has at most one record open. A line with a head of its own closes it and opens the next;
 * frames and indented lines go on with it; a trace joins it where it is WARN or above and just before. A
 * record whose level is INFO or below is settled by its first line: it costs one look at the head.
 */
import type { LogLine, LogRecord, StreamName } from '../../domain.ts';
import { anatomyOf, telling } from './anatomy.ts';
import { capText, cleanLine } from './clean.ts';
import { createHeadReader } from './head.ts';
import { createJsonReader, parseJsonLine } from './json.ts';
import { ERROR, levelName, NO_LEVEL, WARN } from './levels.ts';
import type { CompiledRules } from './rules.ts';
import { ACCEPT, beginTrace, HOLD, stepTrace, type Trace, traceOfFrame } from './traces.ts';
import type { Trouble } from './trouble.ts';
import { evidenceIn, shownWords } from './words.ts';

export { type CompiledRules, compileRules, type DetectRules } from './rules.ts';

/** A record with its place: which lines of this detector it is made of, counted from 1, both included. */
export interface PlacedRecord extends LogRecord {
  readonly first: number;
  readonly last: number;
}

/** Undefined: no trouble. */
export type Verdict = Trouble | undefined;

export interface LogDetector {
  push(line: LogLine): void;
  /** Counts a line that is not pushed as one of its own (a fragment that went into the next line). */
  skip(): void;
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
/** Lines of one record kept; what is more than the text's cap would be cut anyway. */
const MAX_LINES = 4_000;

interface Open {
  stream: StreamName;
  open: boolean;
  level: number;
  /** A timestamp or a level opened it. */
  headed: boolean;
  hanging: boolean;
  json: boolean;
  /** The message begins here in the first line. */
  bodyAt: number;
  time: number;
  lastTime: number;
  arrived: number;
  firstLine: number;
  lastLine: number;
  lines: number;
  text: string;
  more: string[];
  size: number;
  trace: Trace | undefined;
  /** A trace was proven in it, though it may have ended. */
  traced: boolean;
  /** It ended with its trace: nothing joins any more. */
  sealed: boolean;
  held: Held[];
}

/** A line that belongs to the record if a later one proves it. */
interface Held {
  readonly text: string;
  readonly time: number;
  readonly ordinal: number;
}

export function createLogDetector(options: {
  readonly rules?: CompiledRules;
  /** `first` and `last`: its lines, counted from 1. */
  emit(trouble: Trouble, first: number, last: number): void;
  /** Every record, quiet ones too; costs what keeping them costs. */
  onRecord?(record: PlacedRecord, verdict: Verdict): void;
  now?(): number;
}): LogDetector {
  const rules = options.rules?.empty === false ? options.rules : undefined;
  const { emit, onRecord } = options;
  const now = options.now ?? Date.now;
  const keepsAll = onRecord !== undefined || rules !== undefined;
  const head = createHeadReader();
  const json = createJsonReader();
  const streams: Record<StreamName, Open> = { stdout: closed('stdout'), stderr: closed('stderr') };
  let ordinal = 0;

  function push(line: LogLine): void {
    ordinal++;
    const stream = streams[line.stream];
    const text = line.text;
    const code = text.charCodeAt(0);
    // The quiet path: INFO and below are settled by their head.
    let level = code === 0x7b ? json.level(text, 0) : head.quick(text);
    if (level === NO_LEVEL && code === 0x7b && json.messageAt > 0) level = head.quick(text, json.messageAt);
    if (level !== NO_LEVEL && level < WARN) {
      if (stream.open) {
        if (stream.held.length > 0) release(stream);
        close(stream);
      }
      begin(stream, text, line.time, ordinal, level, 0, true);
      return;
    }
    accept(stream, cleanLine(text), line.time, ordinal, now());
  }

  /** Closes the open record before its held lines and lets those stand for themselves. */
  function release(stream: Open): void {
    const held = stream.held;
    stream.held = [];
    const arrived = stream.arrived;
    close(stream);
    for (const line of held) accept(stream, line.text, line.time, line.ordinal, arrived);
    if (stream.held.length > 0) release(stream);
  }

  function accept(stream: Open, text: string, time: number, at: number, arrived: number): void {
    if (stream.open && stream.trace === undefined && stream.held.length > 0) {
      // A plain line behind a WARN or above: an exception's own line if a frame follows.
      const [line] = stream.held as [Held];
      if (traceOfFrame(text, line.text, false) === undefined) release(stream);
      else {
        stream.held = [];
        join(stream, line.text, line.time, line.ordinal, arrived);
      }
    }
    if (stream.open && stream.trace !== undefined) {
      const timed = text.charCodeAt(0) === 0x7b ? json.level(text, 0) !== NO_LEVEL : head.read(text) && head.timed;
      if (!timed) {
        const trace = stream.trace;
        const step = stepTrace(trace, text);
        if (step === ACCEPT) {
          for (const line of stream.held) join(stream, line.text, line.time, line.ordinal, arrived);
          stream.held.length = 0;
          stream.traced ||= trace.proven;
          join(stream, text, time, at, arrived);
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
      begin(stream, text, time, at, jsonLevel(text, 0), 0, true);
      stream.json = true;
      stream.arrived = arrived;
      return;
    }
    if (head.read(text)) {
      close(stream);
      const { json: wrapped, bodyAt, hanging } = head;
      const level = wrapped ? jsonLevel(text, bodyAt) : head.level;
      begin(stream, text, time, at, level, bodyAt, true);
      stream.json = wrapped;
      stream.hanging = hanging;
      stream.arrived = arrived;
      return;
    }
    unheaded(stream, text, time, at, arrived);
  }

  /** Its own, or that of a text line wrapped in it. */
  function jsonLevel(text: string, from: number): number {
    const level = json.level(text, from);
    if (level !== NO_LEVEL || json.messageAt <= 0) return level;
    return head.read(text, json.messageAt) ? head.level : NO_LEVEL;
  }

  function unheaded(stream: Open, text: string, time: number, at: number, arrived: number): void {
    const adjacent =
      stream.open && !stream.sealed && time - stream.lastTime <= JOIN_MS && time >= stream.lastTime - JOIN_MS;
    const first = text.charCodeAt(0);
    const indented = first === 0x20 || first === 0x09;
    if (adjacent && stream.hanging && indented) {
      join(stream, text, time, at, arrived);
      return;
    }
    if (adjacent && (stream.level === NO_LEVEL || stream.level >= WARN)) {
      const before = stream.more.length > 0 ? (stream.more[stream.more.length - 1] as string) : stream.text;
      const continued = traceOfFrame(text, before, stream.headed && stream.level >= WARN);
      if (continued !== undefined) {
        join(stream, text, time, at, arrived);
        stream.trace = continued;
        stream.traced = true;
        return;
      }
    }
    const trace = beginTrace(text);
    if (trace !== undefined) {
      const joins = adjacent && stream.headed && stream.level >= WARN && !(trace.fatal && stream.level === WARN);
      if (joins) join(stream, text, time, at, arrived);
      else {
        close(stream);
        begin(stream, text, time, at, NO_LEVEL, 0, false);
        stream.arrived = arrived;
      }
      stream.trace = trace;
      stream.traced = trace.proven;
      return;
    }
    if (adjacent && indented && text.trim() !== '') {
      join(stream, text, time, at, arrived);
      return;
    }
    if (adjacent && stream.headed && stream.level >= WARN && !stream.traced && !indented && text !== '') {
      stream.held.push({ text, time, ordinal: at });
      stream.arrived = arrived;
      return;
    }
    close(stream);
    begin(stream, text, time, at, NO_LEVEL, 0, false);
    stream.arrived = arrived;
  }

  function begin(
    stream: Open,
    text: string,
    time: number,
    at: number,
    level: number,
    bodyAt: number,
    headed: boolean,
  ): void {
    stream.open = true;
    stream.level = level;
    stream.headed = headed;
    stream.hanging = false;
    stream.json = false;
    stream.bodyAt = bodyAt;
    stream.time = time;
    stream.lastTime = time;
    stream.firstLine = at;
    stream.lastLine = at;
    stream.lines = 1;
    stream.text = text;
    stream.size = text.length;
    if (stream.more.length > 0) stream.more = [];
    stream.trace = undefined;
    stream.traced = false;
    stream.sealed = false;
  }

  function join(stream: Open, text: string, time: number, at: number, arrived: number): void {
    stream.lines++;
    stream.lastLine = at;
    stream.lastTime = time;
    stream.arrived = arrived;
    if (!keepsAll && stream.level !== NO_LEVEL && stream.level < WARN) return;
    stream.more.push(text);
    stream.size += text.length + 1;
    if (stream.more.length >= MAX_LINES || stream.size > 4 * 65_536) compact(stream);
  }

  /** Keeps the beginning and the end of what grew too large. */
  function compact(stream: Open): void {
    const whole = capText(`${stream.text}\n${stream.more.join('\n')}`);
    const breakAt = whole.indexOf('\n');
    stream.text = breakAt === -1 ? whole : whole.slice(0, breakAt);
    stream.more = breakAt === -1 ? [] : [whole.slice(breakAt + 1)];
    stream.size = whole.length;
  }

  function close(stream: Open): void {
    if (!stream.open) return;
    stream.open = false;
    const quiet = stream.level !== NO_LEVEL && stream.level < ERROR;
    if (quiet && !keepsAll) return;
    const verdict = judge(stream, quiet);
    if (onRecord !== undefined) onRecord(placed(stream, verdict?.record), verdict);
    if (verdict !== undefined) emit(verdict, stream.firstLine, stream.lastLine);
  }

  function judge(stream: Open, quiet: boolean): Verdict {
    if (rules !== undefined) {
      const text = recordText(stream);
      if (rules.ignores(text)) return undefined;
      if (rules.matches(text)) return troubleOf(stream, 'rule', ['rule']);
    }
    if (quiet) return undefined;
    if (stream.level >= ERROR) return troubleOf(stream, 'level', [`level=${levelName(stream.level)}`]);
    if (stream.traced) return troubleOf(stream, 'trace', []);
    if (stream.json) return judgeJson(stream);
    const evidence =
      evidenceIn(stream.bodyAt === 0 ? stream.text : stream.text.slice(stream.bodyAt)) ?? evidenceBelow(stream);
    return evidence === undefined ? undefined : troubleOf(stream, evidence.tier, [evidence.word]);
  }

  /** Indented lines below a line without a level: only what is a signature there too. */
  function evidenceBelow(stream: Open): ReturnType<typeof evidenceIn> {
    if (stream.headed) return undefined;
    for (const line of stream.more) {
      const evidence = evidenceIn(line.trimStart());
      if (evidence?.tier === 'signature') return evidence;
    }
    return undefined;
  }

  function judgeJson(stream: Open): Verdict {
    const parts = parseJsonLine(stream.text, stream.bodyAt);
    if (parts === undefined) {
      const evidence = evidenceIn(stream.text.slice(stream.bodyAt));
      return evidence === undefined ? undefined : troubleOf(stream, evidence.tier, [evidence.word]);
    }
    if (parts.status >= 100 && parts.status < 500) return undefined;
    if (parts.hasError) return troubleOf(stream, 'signature', ['error field']);
    const evidence = parts.message === '' ? undefined : evidenceIn(parts.message);
    if (evidence !== undefined) return troubleOf(stream, evidence.tier, [evidence.word]);
    return parts.status >= 500 && parts.status < 600 ? troubleOf(stream, 'http', ['http 5xx']) : undefined;
  }

  function troubleOf(stream: Open, tier: string, first: string[]): Trouble {
    const record = recordOf(stream);
    const patterns = new Set(first);
    const anatomy = anatomyOf(record.text);
    const summary = telling(anatomy);
    if (stream.traced) patterns.add('stack trace');
    for (const word of shownWords(record.text)) patterns.add(word);
    return { record, tier, patterns: [...patterns], summary };
  }

  const pendingStream = (stream: Open): boolean =>
    stream.open &&
    (keepsAll ||
      stream.held.length > 0 ||
      stream.trace !== undefined ||
      stream.level === NO_LEVEL ||
      stream.level >= ERROR);

  return {
    push,
    skip() {
      ordinal++;
    },
    flush(until) {
      for (const stream of [streams.stdout, streams.stderr]) {
        if (!stream.open || !(until === Number.POSITIVE_INFINITY || stream.arrived < until - SETTLE_MS)) continue;
        if (stream.held.length > 0) release(stream);
        close(stream);
      }
    },
    get pending() {
      return pendingStream(streams.stdout) || pendingStream(streams.stderr);
    },
  };
}

function closed(stream: StreamName): Open {
  return {
    stream,
    open: false,
    level: NO_LEVEL,
    headed: false,
    hanging: false,
    json: false,
    bodyAt: 0,
    time: 0,
    lastTime: 0,
    arrived: 0,
    firstLine: 0,
    lastLine: 0,
    lines: 0,
    text: '',
    more: [],
    size: 0,
    trace: undefined,
    traced: false,
    sealed: false,
    held: [],
  };
}

function recordText(stream: Open): string {
  const first = cleanLine(stream.text);
  return capText(stream.more.length === 0 ? first : `${first}\n${stream.more.join('\n')}`);
}

function recordOf(stream: Open): LogRecord {
  const level = levelName(stream.level);
  return {
    time: stream.time,
    stream: stream.stream,
    text: recordText(stream),
    lines: stream.lines,
    ...(level === undefined ? {} : { level }),
  };
}

function placed(stream: Open, record: LogRecord | undefined): PlacedRecord {
  return { ...(record ?? recordOf(stream)), first: stream.firstLine, last: stream.lastLine };
}
