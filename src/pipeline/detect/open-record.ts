/** The open record of a stream: the lines it has so far, and what decides which lines may still join it. */
import type { StreamName } from '../../domain/containers.ts';
import type { LogRecord } from '../../domain/incident.ts';
import { capText, MAX_RECORD } from './clean.ts';
import { levelName, NO_LEVEL } from './levels.ts';
import type { Trace } from './trace-state.ts';

/** A record and its first and last line among the lines of the detector, counted from 1, inclusive. */
export interface PlacedRecord extends LogRecord {
  readonly first: number;
  readonly last: number;
}

export interface OpenRecord {
  stream: StreamName;
  open: boolean;
  level: number;
  /** Its first line has a timestamp or a level. */
  headed: boolean;
  hanging: boolean;
  json: boolean;
  /** Index in the first line at which the message begins. */
  bodyAt: number;
  time: number;
  lastTime: number;
  /** Arrival of its latest line, in ms by the detector's clock. */
  arrived: number;
  /** Arrival of its first line. */
  began: number;
  /** The longest time between the arrivals of two of its lines, in ms. */
  gap: number;
  firstLine: number;
  lastLine: number;
  lines: number;
  /** Its first line, cleaned if the record may be shown. */
  text: string;
  more: string[];
  size: number;
  trace: Trace | undefined;
  /** It has a proven trace, which may have ended. */
  traced: boolean;
  /** Its trace has ended, so no further line may join. */
  sealed: boolean;
  /** Its level is INFO or below, but its message may be an error. */
  notable: boolean;
  /** End of the prefix of the first line that further lines may repeat; 0 if it has none. */
  prefixEnd: number;
  /** It begins with a continuation line of something whose beginning was not seen. */
  orphan: boolean;
  /** An object printed over several lines is open. */
  object: boolean;
  /** Its first line has no level, and no word that may indicate an error: see `mayShowTrouble`. */
  harmless: boolean;
  /** Consecutive headed records of this stream before this one. */
  streak: number;
  /** Unindented lines of its message below the first. */
  plain: string[];
  /** Lines after it that belong to it if a later line proves it. */
  held: Line[];
  /** Some of the fields above may differ from those of a new record. */
  used: boolean;
}

export interface Line {
  readonly text: string;
  readonly time: number;
  /** Number among the detector's lines, from 1. */
  readonly ordinal: number;
  /** In ms, by the detector's clock. */
  readonly arrived: number;
}

/** Lines that a record keeps before it is compacted: text beyond MAX_RECORD would be cut anyway. */
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
    harmless: false,
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
  stream.bodyAt = bodyAt;
  stream.time = time;
  stream.lastTime = time;
  stream.firstLine = at;
  stream.lastLine = at;
  stream.lines = 1;
  stream.text = text;
  stream.size = text.length;
  if (stream.used) reset(stream);
}

/** Resets the fields that quiet records never use. */
function reset(stream: OpenRecord): void {
  stream.used = false;
  stream.hanging = false;
  stream.json = false;
  if (stream.more.length > 0) stream.more = [];
  stream.trace = undefined;
  stream.traced = false;
  stream.sealed = false;
  stream.notable = false;
  stream.prefixEnd = 0;
  stream.orphan = false;
  stream.object = false;
  stream.harmless = false;
  if (stream.plain.length > 0) stream.plain = [];
}

/** Adds a line. Without `keep` it is only counted and its text dropped. */
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

/**
 * Joins the second line of a head that takes two: java.util.logging's level, SQL Server's message. `level`: of the
 * record from now on. `bodyAt`: where the message begins in the second line; undefined if it began in the first.
 */
export function joinHead(
  stream: OpenRecord,
  line: Line,
  text: string,
  level: number,
  bodyAt: number | undefined,
): void {
  joinLine(stream, text, line.time, line.ordinal, line.arrived, false);
  if (bodyAt !== undefined) stream.bodyAt = stream.text.length + 1 + bodyAt;
  stream.text = `${stream.text} ${text}`;
  stream.harmless = false;
  stream.level = level;
  stream.headed = true;
}

/** The latest line, without the prefix that it repeats. */
export function lastTextOf(stream: OpenRecord): string {
  return stream.more.length > 0 ? (stream.more[stream.more.length - 1] as string) : stream.text.slice(stream.prefixEnd);
}

/** Cuts a record that has grown too large in the middle. */
function compact(stream: OpenRecord): void {
  const whole = capText(`${stream.text}\n${stream.more.join('\n')}`);
  const breakAt = whole.indexOf('\n');
  stream.text = breakAt === -1 ? whole : whole.slice(0, breakAt);
  stream.more = breakAt === -1 ? [] : [whole.slice(breakAt + 1)];
  stream.size = whole.length;
}

export function recordText(stream: OpenRecord): string {
  return capText(stream.more.length === 0 ? stream.text : `${stream.text}\n${stream.more.join('\n')}`);
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

export function placed(stream: OpenRecord): PlacedRecord {
  return { ...recordOf(stream), first: stream.firstLine, last: stream.lastLine };
}
