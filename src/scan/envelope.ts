/**
 * Unwraps log lines from the formats they are stored in: Docker's json-file, Kubernetes' CRI, the JSON of log
 * forwarders.
 */
import type { StreamName } from '../domain/containers.ts';

export interface Unwrapped {
  text: string;
  stream: StreamName;
  /** Epoch milliseconds; undefined if the format has none. */
  time: number | undefined;
  /** Undefined if the format does not name one. */
  container: string | undefined;
  /** The engine cut a long line, and more of it follows. */
  partial: boolean;
}

const CRI = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?:\S*) /;
const DOCKER_END = /^(?:\\n)?","stream":"(stdout|stderr)"(?:,"attrs":\{[^{}]*\})?,"time":"([^"]+)"\}\s*$/;

/** Returns undefined if the line is not wrapped. */
export function unwrap(line: string): Unwrapped | undefined {
  const code = line.charCodeAt(0);
  if (code === 0x7b) {
    if (line.startsWith('{"log":"')) {
      const quick = unwrapDocker(line);
      if (quick !== undefined) return quick;
    } else if (
      !line.includes('"log"') ||
      !(line.includes('"stream"') || line.includes('"source"') || line.includes('"time"'))
    ) {
      return undefined;
    }
    return unwrapJson(line);
  }
  if (code < 0x30 || code > 0x39) return undefined;
  const cri = CRI.exec(line);
  if (cri === null) return undefined;
  return {
    text: line.slice(cri[0].length),
    stream: cri[2] as StreamName,
    time: Date.parse(cri[1] as string),
    container: undefined,
    partial: cri[3] === 'P',
  };
}

/** The fast path, without parsing: the engine's own order of keys, and a text without escapes. */
function unwrapDocker(line: string): Unwrapped | undefined {
  const slash = line.indexOf('\\', 8);
  const quote = line.indexOf('"', 8);
  const ended = slash !== -1 && slash === quote - 2 && line.charCodeAt(slash + 1) === 0x6e;
  if (slash !== -1 && slash < quote && !ended) return undefined;
  const end = ended ? slash : quote;
  const tail = DOCKER_END.exec(line.slice(end));
  if (tail === null) return undefined;
  return {
    text: line.slice(8, end),
    stream: tail[1] as StreamName,
    time: Date.parse(tail[2] as string),
    container: undefined,
    partial: !ended,
  };
}

function unwrapJson(line: string): Unwrapped | undefined {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  const log = parsed.log;
  const stream = parsed.stream ?? parsed.source;
  if (typeof log !== 'string' || (stream !== 'stdout' && stream !== 'stderr' && typeof parsed.time !== 'string'))
    return undefined;
  if (parsed.level !== undefined || parsed.msg !== undefined || parsed.message !== undefined) return undefined;
  const name = parsed.container ?? parsed.container_name;
  const ended = log.endsWith('\n');
  return {
    text: ended ? log.slice(0, log.endsWith('\r\n') ? -2 : -1) : log,
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    time: timeOf(parsed),
    container: typeof name === 'string' ? name.replace(/^\//, '') : undefined,
    // Only Docker's own files mark the end of a line; others have one line per record.
    partial: !ended && typeof parsed.time === 'string' && name === undefined,
  };
}

/** Reads RFC 3339 in `time`, or nanoseconds since 1970 in `t`. */
function timeOf(parsed: Readonly<Record<string, unknown>>): number | undefined {
  const time = typeof parsed.time === 'string' ? Date.parse(parsed.time) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  const nanos = typeof parsed.t === 'string' && /^\d{19}$/.test(parsed.t) ? Number(parsed.t.slice(0, 13)) : Number.NaN;
  return Number.isNaN(nanos) ? undefined : nanos;
}

const ISO = /^[[("]?(\d{4})[-/.](\d\d)[-/.](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?/;
/** The same after a level in capitals, brackets or both: `[1] 2024/05/01 10:00:00`, `ERROR [main] 2024-…`. */
const LATER = new RegExp(
  String.raw`^(?:[A-Z]+ *)?(?:\[[^\]]*\] *)*[[(]?${ISO.source.slice(ISO.source.indexOf('(\\d{4})'))}`,
);
/** Characters in which the time of a line is looked for. */
const MAX_BEFORE_TIME = 100;
/** `31-Jul-2024 10:00:00.123` */
const NAMED_MONTH = /^(\d\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d:\d\d:\d\d(?:\.\d{3})?)/;
/** Seconds or milliseconds since 1970: `1714557600: …`. */
const EPOCH = /^\[?(1\d{9}(?:\d{3})?)(?=:|\.\d|\])/;
const JSON_TIME =
  /"(?:time|ts|timestamp|@timestamp|@t|\$date|asctime|datetime)": ?"(\d{4}-\d\d-\d\d[T ][^"]+)"|"(?:time|ts|timestamp)": ?(1\d{9,12}(?:\.\d+)?)/;

/**
 * Returns the time at the beginning of a line that is not wrapped, in epoch ms (UTC if it has no zone); undefined if
 * there is none.
 */
export function timeInLine(line: string): number | undefined {
  const code = line.charCodeAt(0);
  if (code === 0x7b) {
    const match = JSON_TIME.exec(line.slice(0, 400));
    if (match === null) return undefined;
    const time = match[1] !== undefined ? Date.parse(match[1].replace(',', '.')) : epoch(Number(match[2]));
    return Number.isNaN(time) ? undefined : time;
  }
  const digit = code >= 0x30 && code <= 0x39;
  const match = digit || code === 0x5b || code === 0x28 || code === 0x22 ? ISO.exec(line) : null;
  if (match !== null) return timeFrom(match);
  if (digit && line.charCodeAt(2) === 0x2d) {
    const named = NAMED_MONTH.exec(line);
    return named === null ? undefined : Date.parse(`${named[3]} ${named[2]} ${named[1]} ${named[4]} UTC`) || undefined;
  }
  if (digit || line.charCodeAt(1) === 0x31) {
    const seconds = EPOCH.exec(line);
    if (seconds !== null) return epoch(Number(seconds[1]));
    if (digit) return undefined;
  }
  // The level, the process or the thread may come first.
  if (code !== 0x5b && (code < 0x41 || code > 0x5a)) return undefined;
  const later = LATER.exec(line.length > MAX_BEFORE_TIME ? line.slice(0, MAX_BEFORE_TIME) : line);
  return later === null ? undefined : timeFrom(later);
}

function timeFrom([, year, month, day, hour, minute, second, fraction, zone]: RegExpExecArray): number | undefined {
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${(fraction ?? '0').padEnd(3, '0').slice(0, 3)}${zone ?? 'Z'}`;
  const time = Date.parse(iso.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(time) ? undefined : time;
}

function epoch(value: number): number {
  return value < 1e11 ? value * 1000 : value;
}
