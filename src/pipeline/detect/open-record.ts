/** The record that a stream has open: what it is made of so far, and what may still join it. */
import type { LogRecord, StreamName } from '../../domain.ts';
import { capText, cleanLine, MAX_RECORD } from './clean.ts';
import { levelName, NO_LEVEL } from './levels.ts';
import type { Trace } from './traces.ts';

/** A record with its place: which lines of this detector it is made of, counted from 1, both included. */
export interface PlacedRecord extends LogRecord {
  readonly first: number;
  readonly last: number;
}

export interface OpenRecord {
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
  /** When its latest line arrived, and its first; the longest time between two of them. */
  arrived: number;
  began: number;
  gap: number;
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
  /** Its level is INFO or below, and yet its message may be trouble. */
  notable: boolean;
  /** End of the prefix of the first line that further lines may repeat; 0 where it has none. */
  prefixEnd: number;
  /** Only lines that continue something whose beginning was not seen. */
  orphan: boolean;
  /** An object printed over several lines is open. */
  object: boolean;
  /** Headed records of this stream in a row, before this one. */
  streak: number;
  /** Unindented lines of its message that stand below the first. */
  plain: string[];
  held: Held[];
  /** Some of the fields above may differ from those of a new record. */
  used: boolean;
}

/** A line that belongs to the record if a later one proves it. */
export interface Held {
  readonly text: string;
  readonly time: number;
  readonly ordinal: number;
  readonly arrived: number;
}

/** Lines of one record kept; what is more than the text's cap would be cut anyway. */
const MAX_LINES = 4_000;

export function noRecord(stream: StreamName): OpenRecord {
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
    began: 0,
    gap: 0,
    firstLine: 0,
    lastLine: 0,
    lines: 0,
    text: '',
    more: [],
    size: 0,
    trace: undefined,
    traced: false,
    sealed: false,
    notable: false,
    prefixEnd: 0,
    orphan: false,
    object: false,
    streak: 0,
    plain: [],
    held: [],
    used: false,
  };
}

export function beginRecord(
  stream: OpenRecord,
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
  if (stream.used) reset(stream);
}

/** What only records have that are looked at more closely; quiet ones leave it alone. */
function reset(stream: OpenRecord): void {
  stream.used = false;
  stream.trace = undefined;
  stream.traced = false;
  stream.sealed = false;
  stream.notable = false;
  stream.prefixEnd = 0;
  stream.orphan = false;
  stream.object = false;
  stream.plain = [];
}

/** `keep`: the text too; without it the line is only counted. */
export function joinLine(
  stream: OpenRecord,
  text: string,
  time: number,
  at: number,
  arrived: number,
  keep: boolean,
): void {
  stream.lines++;
  stream.lastLine = at;
  stream.lastTime = time;
  stream.gap = Math.max(stream.gap, arrived - stream.arrived);
  stream.arrived = arrived;
  if (!keep) return;
  stream.more.push(text);
  stream.size += text.length + 1;
  if (stream.more.length >= MAX_LINES || stream.size > 4 * MAX_RECORD) compact(stream);
}

/** Keeps the beginning and the end of what grew too large. */
function compact(stream: OpenRecord): void {
  const whole = capText(`${stream.text}\n${stream.more.join('\n')}`);
  const breakAt = whole.indexOf('\n');
  stream.text = breakAt === -1 ? whole : whole.slice(0, breakAt);
  stream.more = breakAt === -1 ? [] : [whole.slice(breakAt + 1)];
  stream.size = whole.length;
}

export function recordText(stream: OpenRecord): string {
  const first = cleanLine(stream.text);
  return capText(stream.more.length === 0 ? first : `${first}\n${stream.more.join('\n')}`);
}

export function recordOf(stream: OpenRecord): LogRecord {
  const level = levelName(stream.level);
  return {
    time: stream.time,
    stream: stream.stream,
    text: recordText(stream),
    lines: stream.lines,
    ...(level === undefined ? {} : { level }),
  };
}

export function placed(stream: OpenRecord, record: LogRecord | undefined): PlacedRecord {
  return { ...(record ?? recordOf(stream)), first: stream.firstLine, last: stream.lastLine };
}
