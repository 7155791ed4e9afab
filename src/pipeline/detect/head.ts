/**
 * The head of a text line: what stands before the message (time, level, logger, thread, pid).
 *
 * `createHeadReader` keeps the shape of the last head that it found, per container: the next line with the
 * same digits and separators in the same places costs one walk over its first characters.
 */
import {
  DEBUG,
  ERROR,
  INFO,
  isCompanionWord,
  levelOfCapitals,
  levelOfLetter,
  levelOfSyslog,
  levelOfWord,
  NO_LEVEL,
  TRACE,
  WARN,
} from './levels.ts';

export interface Head {
  /** 0 where the line states none. */
  level: number;
  /** A timestamp was seen. */
  timed: boolean;
  /** Where the message begins; 0 where no head was found. */
  bodyAt: number;
  /** The message begins with `{`: JSON behind a text head. */
  json: boolean;
  /** .NET's console format, whose message follows on indented lines. */
  hanging: boolean;
}

export function emptyHead(): Head {
  return { level: NO_LEVEL, timed: false, bodyAt: 0, json: false, hanging: false };
}

/** Only this far into a line is a head looked for. */
const HEAD_WINDOW = 320;
const MAX_TOKENS = 16;

const TIME = new RegExp(
  [
    // 2024-01-31T10:00:00.123456Z, 2024/01/31 10:00:00,123 +0100, 2024-01-31 10:00:00.123 UTC
    String.raw`\d{4}[-/.]\d\d[-/.]\d\d(?:[T _-]\d\d[:.]\d\d(?:[:.]\d\d(?:[.,:]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC|GMT|(?:[CEWM]|[EW])ES?T|[CEMP][SD]T|MSK|IST|JST|KST|BST|AE[SD]T|NZ[SD]T|SGT|HKT)(?![\w]))?)?`,
    // 31-Jul-2025 10:00:00.123, 31/Jul/2025:10:00:00 +0000, 31 Jul 2025 10:00:00.123
    String.raw`\d{1,2}[-/ ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[-/ ]\d{2,4}[: T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: [+-]\d{4})?`,
    // Jul 31 10:00:00, Jul 31, 2025 3:00:00 PM, Wed Jul 31 10:00:00.123456 2025
    String.raw`(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* {1,2}\d{1,2},? (?:\d{4},? )?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?(?: \d{4})?`,
    // Wed, 31 Jul 2025 10:00:00 GMT
    String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?: [A-Z]{3}| [+-]\d{4})?`,
    // 25/07/31 10:00:00 (Spark), 07/31/2025 10:00:00 AM, 07-31 10:00:00.123 (Android)
    String.raw`\d\d?[/-]\d\d?(?:[/-]\d{2,4})?,? \d\d?:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?`,
    // 20240131T100000Z, 20171223-22:15:29:606, 081109 203615
    String.raw`\d{8}[T-]\d\d:?\d\d:?\d\d(?:[.,:]\d+)?Z?`,
    String.raw`\d{6} \d{6}(?= )`,
    // 10:00:00.123
    String.raw`\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?Z?(?![\w:])`,
    // Seconds or milliseconds since 1970
    String.raw`1\d{9}(?:\d{3})?(?:\.\d{1,9})?(?![\w:/.-])`,
  ].join('|'),
  'y',
);

/** The end of the timestamp that begins at `at`, or -1. */
export function timestampEnd(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const digit = code >= 0x30 && code <= 0x39;
  if (!digit && !(code >= 0x41 && code <= 0x57)) return -1; // A month's or day's capital: A … W
  TIME.lastIndex = at;
  return TIME.test(text) ? TIME.lastIndex : -1;
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function wordEnd(text: string, at: number, limit: number): number {
  let end = at;
  while (end < limit && isLetter(text.charCodeAt(end))) end++;
  return end;
}

function tokenEnd(text: string, at: number, limit: number): number {
  let end = at;
  while (end < limit && !isSpace(text.charCodeAt(end)) && text.charCodeAt(end) !== 0x7c) end++;
  return end;
}

/** The matching bracket, nested ones skipped; -1 where it does not close within the window. */
function closing(text: string, at: number, limit: number): number {
  const open = text.charCodeAt(at);
  const close = open === 0x28 ? 0x29 : open + 2; // () are neighbours in ASCII, [] and {} are two apart
  let depth = 0;
  for (let i = at; i < limit; i++) {
    const code = text.charCodeAt(i);
    if (code === open) depth++;
    else if (code === close && --depth === 0) return i;
  }
  return -1;
}

const PIECES = /[A-Za-z]+/g;

/** A level in brackets: `[ERROR]`, `[info ]`, `[core:error]`, `[10:00:00 ERR]`, `[… ERROR/MainProcess]`. */
function levelInBrackets(text: string, from: number, to: number): number {
  if (to - from > 90) return NO_LEVEL;
  const inner = text.slice(from, to).trim();
  const whole = levelOfWord(inner);
  if (whole !== NO_LEVEL) return whole;
  PIECES.lastIndex = 0;
  for (let match = PIECES.exec(inner); match !== null; match = PIECES.exec(inner)) {
    const word = match[0];
    const before = match.index === 0 ? 0x20 : inner.charCodeAt(match.index - 1);
    const after = match.index + word.length >= inner.length ? 0x20 : inner.charCodeAt(match.index + word.length);
    const capitals = levelOfCapitals(word);
    if (capitals !== NO_LEVEL && (isSpace(before) || before === 0x3a) && (isSpace(after) || after === 0x2f)) {
      return capitals;
    }
    // module:level, module:level,time
    if (before === 0x3a && (match.index + word.length === inner.length || after === 0x2c)) {
      const rank = levelOfWord(word);
      if (rank !== NO_LEVEL) return rank;
    }
  }
  return NO_LEVEL;
}

const LOGFMT_LEVEL =
  /(?:^|[\s,|])(?:level|lvl|severity|loglevel|log_level|log\.level|levelname)="?([A-Za-z]+|\d+)"?(?=[\s,|]|$)/;
const LOGFMT_KEY = /^[A-Za-z_@][\w.@-]*=/;
/** klog and glog; CockroachDB's has the year too and no bracket. */
const KLOG = /^[IWEFD](?:\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]]*\] ?|\d{6} \d\d:\d\d:\d\d\.\d+ +\d+ )/;
const REDIS = /^\d+:[A-Z] \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d+ ([.\-*#]) /;
const RAILS = /^[DIWEFA], \[[^\]]*\] +([A-Z]+) -- [^:]*: ?/;
const SYSLOG_PRIORITY = /^<(\d{1,3})>(?:1 )?/;
const LOGRUS = /^(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d+\] ?/;
const ERLANG_REPORT = /^=(ERROR|CRASH|SUPERVISOR|WARNING|INFO|PROGRESS|NOTICE) REPORT====/;

/** Plain words that open a line and are levels all the same: a colon must follow. */
function isColonLevel(word: string): boolean {
  // `Error: …` opens an exception, not a head.
  return (
    word !== 'Error' && word !== 'Fail' && word !== 'Panic' && word !== 'panic' && word !== 'System' && word !== 'Note'
  );
}

/** May stand between time and level: a logger, a host, a pid; not a word of prose. */
function isName(token: string): boolean {
  return /[\d._@#$/\\:[\]*=-]/.test(token) || /^[A-Z]{2,}$/.test(token) || /^[A-Z]?[a-z]+[A-Z]/.test(token);
}

/** Reads the head at `from`. Returns false where there is none (`into` is reset all the same). */
export function readHead(text: string, from: number, into: Head): boolean {
  into.level = NO_LEVEL;
  into.timed = false;
  into.bodyAt = from;
  into.json = false;
  into.hanging = false;
  const limit = Math.min(text.length, from + HEAD_WINDOW);
  let at = from;
  while (at < limit && isSpace(text.charCodeAt(at))) at++;
  const indent = at - from;
  if (at >= limit) return false;
  if (indent === 0 && readFixedFormat(text, from, into)) return true;
  if (into.level !== NO_LEVEL) at = into.bodyAt; // a syslog priority, whose text goes on

  let plainWords = 0;
  let names = 0;
  let brackets = 0;
  let bodyAt = at;
  let logfmtAt = -1;
  for (let count = 0; count < MAX_TOKENS && at < limit; count++) {
    const code = text.charCodeAt(at);
    if (isSpace(code) || code === 0x7c || code === 0x2d || code === 0x3a || code === 0x2c) {
      at++;
      count--;
      continue;
    }
    const timeEnd = timestampEnd(text, at);
    if (timeEnd !== -1) {
      into.timed = true;
      at = timeEnd;
      bodyAt = at;
      continue;
    }
    if (indent > 0 && !into.timed && (indent > 2 || count > 0)) return false;
    if (code === 0x5b || code === 0x28 || code === 0x3c) {
      const close = closing(text, at, limit);
      if (close === -1) break;
      if (code === 0x3c) {
        const level = levelOfWord(text.slice(at + 1, close));
        if (level !== NO_LEVEL && into.timed) return found(text, close + 1, level, into);
      } else if (code === 0x5b) {
        const level = levelInBrackets(text, at + 1, close);
        if (timestampEnd(text, at + 1) !== -1 || /,\d{4}-\d\d-\d\dT/.test(text.slice(at + 1, close))) into.timed = true;
        if (level !== NO_LEVEL && (into.timed || (brackets <= 2 && plainWords === 0))) {
          return found(text, close + 1, level, into);
        }
      }
      brackets++;
      at = close + 1;
      if (into.timed && plainWords === 0) bodyAt = at;
      continue;
    }
    if (code === 0x7b) {
      const next = text.charCodeAt(at + 1);
      if (next === 0x22 && (into.timed || count > 0)) {
        into.json = true;
        into.bodyAt = at;
        return true;
      }
      const close = closing(text, at, limit);
      if (close === -1 || close - at > 60) break;
      at = close + 1;
      continue;
    }
    const end = tokenEnd(text, at, limit);
    if (isLetter(code)) {
      // Monolog: channel.LEVEL:
      if (into.timed && text.charCodeAt(end - 1) === 0x3a && names === 0 && plainWords === 0) {
        const dot = text.lastIndexOf('.', end);
        const level = dot > at ? levelOfCapitals(text.slice(dot + 1, end - 1)) : NO_LEVEL;
        if (level !== NO_LEVEL) return found(text, end, level, into);
      }
      const stop = wordEnd(text, at, limit);
      const level = levelToken(text, at, stop, limit, into.timed, plainWords, names, count);
      if (level !== NO_LEVEL && !(indent > 0 && text.charCodeAt(stop) === 0x3d)) {
        into.hanging =
          !into.timed && count === 0 && stop - at === 4 && /^[a-z]{4}: [\w.+`]+\[\d+\]/.test(text.slice(at, at + 200));
        return found(text, stop, level, into);
      }
      if (LOGFMT_KEY.test(text.slice(at, end + 1))) {
        if (logfmtAt === -1) logfmtAt = at;
        if (!into.timed) break;
      }
    }
    const token = text.slice(at, end);
    if (isDigit(code) && /^\d[\d#:.,*/-]*$/.test(token)) {
      // a pid, a thread number
    } else if (isName(token) || text.startsWith(' - ', end)) {
      if (++names > (into.timed ? 8 : 2)) break;
      if (!into.timed && names === 1 && token.endsWith(':') && count === 0) bodyAt = end;
    } else {
      if (!into.timed) break;
      if (++plainWords > 1) break;
    }
    at = end;
  }
  if (logfmtAt !== -1 && readLogfmt(text, logfmtAt, into)) return true;
  into.bodyAt = into.timed ? skipSeparators(text, bodyAt, limit) : from;
  return into.timed || into.level !== NO_LEVEL;
}

/** `level=` wherever it stands among the pairs. */
function readLogfmt(text: string, at: number, into: Head): boolean {
  const match = LOGFMT_LEVEL.exec(text.slice(at, 4096));
  if (match === null) return false;
  const value = match[1] as string;
  const level = levelOfWord(value) || levelOfWord(value.toLowerCase());
  if (level === NO_LEVEL) return false;
  into.level = level;
  into.bodyAt = at;
  if (/^(?:time|ts|t)=/.test(text.slice(at, at + 6))) into.timed = true;
  return true;
}

function skipSeparators(text: string, at: number, limit: number): number {
  let end = at;
  while (end < limit) {
    const code = text.charCodeAt(end);
    if (!isSpace(code) && code !== 0x7c && code !== 0x2d && code !== 0x3a && code !== 0x5d) break;
    end++;
  }
  return end;
}

function found(text: string, after: number, level: number, into: Head): true {
  into.level = level;
  into.bodyAt = skipSeparators(text, after, text.length);
  return true;
}

/** Formats whose level stands in one known place. */
function readFixedFormat(text: string, from: number, into: Head): boolean {
  const code = text.charCodeAt(from);
  if (from !== 0) return false;
  if (code === 0x3c) {
    const match = SYSLOG_PRIORITY.exec(text);
    if (match !== null && Number(match[1]) <= 191) {
      into.level = levelOfSyslog(Number(match[1]) & 7);
      into.bodyAt = match[0].length;
      const end = timestampEnd(text, into.bodyAt);
      into.timed = end !== -1;
      if (end !== -1) into.bodyAt = skipSeparators(text, end, text.length);
      return true;
    }
    return false;
  }
  if (code === 0x3d) {
    const match = ERLANG_REPORT.exec(text);
    if (match === null) return false;
    const word = match[1] as string;
    into.level =
      word === 'WARNING' ? WARN : word === 'ERROR' || word === 'CRASH' || word === 'SUPERVISOR' ? ERROR : INFO;
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  if (isDigit(code)) {
    const match = /^\d+:[A-Z] /.test(text) ? REDIS.exec(text) : null;
    if (match === null) return false;
    // Redis has no level above its warning: what the text says decides there.
    const mark = match[1];
    into.level = mark === '*' ? INFO : mark === '-' ? DEBUG : mark === '.' ? TRACE : NO_LEVEL;
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  const second = text.charCodeAt(from + 1);
  if (isDigit(second) && levelOfLetter(code) !== NO_LEVEL) {
    const match = KLOG.exec(text);
    if (match === null) return false;
    into.level = levelOfLetter(code);
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  if (second === 0x2c) {
    const match = RAILS.exec(text);
    if (match === null) return false;
    into.level = levelOfWord(match[1] as string);
    if (into.level === NO_LEVEL) into.level = levelOfLetter(code);
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  const match = text.charCodeAt(from + 4) === 0x5b ? LOGRUS.exec(text) : null;
  if (match === null) return false;
  into.level = levelOfLetter(code);
  into.timed = true;
  into.bodyAt = match[0].length;
  return true;
}

/** The level that the word at [at, stop) states in its place, or 0. */
function levelToken(
  text: string,
  at: number,
  stop: number,
  limit: number,
  timed: boolean,
  plainWords: number,
  names: number,
  count: number,
): number {
  const length = stop - at;
  if (length > 13) return NO_LEVEL;
  const next = stop < limit ? text.charCodeAt(stop) : 0x20;
  if (length === 1) {
    if (!timed || plainWords > 0 || !isSpace(next)) return NO_LEVEL;
    const rank = levelOfLetter(text.charCodeAt(at));
    return rank !== NO_LEVEL && /^ +(?:[A-Z][A-Z_]+\s|[\w./-]+:|\[)/.test(text.slice(stop, stop + 80))
      ? rank
      : NO_LEVEL;
  }
  const word = text.slice(at, stop);
  const boundary =
    isSpace(next) ||
    next === 0x3a ||
    next === 0x5d ||
    next === 0x7c ||
    next === 0x2c ||
    next === 0x5b ||
    next === 0x2f ||
    next === 0x28;
  if (!boundary) {
    // `D1` … `D5` of MongoDB and the like state nothing here; `INFO-1` is a name.
    return NO_LEVEL;
  }
  const capitals = levelOfCapitals(word);
  if (capitals !== NO_LEVEL) {
    if (
      word === 'SUCCESS' ||
      word === 'SYSTEM' ||
      word === 'NOTE' ||
      word === 'FAIL' ||
      word === 'CONFIG' ||
      word === 'FINE'
    ) {
      return timed || next === 0x3a ? capitals : NO_LEVEL;
    }
    return capitals;
  }
  if (timed && next === 0x3a && isCompanionWord(word)) return INFO;
  if (timed && word === 'LOG' && text.startsWith(' [', stop)) return INFO; // NestJS
  const rank = levelOfWord(word);
  if (rank === NO_LEVEL) return NO_LEVEL;
  // `host program[1]: warning: …`
  if (plainWords > 0) return timed && next === 0x3a && names > 0 && text.startsWith(': ', at - 2) ? rank : NO_LEVEL;
  const previous = at > 0 ? text.charCodeAt(at - 1) : 0x20;
  if (next === 0x3a) {
    if (!timed && (count > 0 || names > 0)) return NO_LEVEL;
    // Deno's uncaught exception; a property of something printed.
    if (!timed && /^: (?:Uncaught |(?:null|none|nil|false|undefined|0|''|""),?$)/.test(text.slice(stop, stop + 16)))
      return NO_LEVEL;
    return timed || isColonLevel(word) ? rank : NO_LEVEL;
  }
  if (next === 0x7c || previous === 0x7c) return rank;
  if (!timed) return NO_LEVEL;
  if (next === 0x09 || previous === 0x09) return rank;
  if (text.startsWith(' - ', stop) && text.startsWith(' - ', at - 3)) return rank;
  if (isSpace(next) && text.charCodeAt(stop + 1) === 0x20) return rank;
  const usual =
    rank === DEBUG ||
    rank === INFO ||
    rank === WARN ||
    rank === TRACE ||
    word === 'error' ||
    word === 'fatal' ||
    word === 'Error';
  return names === 0 &&
    usual &&
    word.length <= 7 &&
    !/^ (?:rate|count|handl|log|page|report)/.test(text.slice(stop, stop + 10))
    ? rank
    : NO_LEVEL;
}

const MAX_SHAPE = 96;

export interface HeadReader extends Head {
  /** Reads the head that begins at `from`; the result stands in the reader's own fields until the next call. */
  read(text: string, from?: number): boolean;
  /**
   * The level of a line whose head has the same shape as the last one (digits where it had digits, the same
   * characters elsewhere, a level word behind). 0 where it has not: then `read` must look.
   */
  quick(text: string, from?: number): number;
}

export function createHeadReader(): HeadReader {
  const shape = new Int16Array(MAX_SHAPE);
  let shapeLength = 0;

  /** Remembers the head up to its level word, where everything before it is of fixed width. */
  function learn(text: string, from: number, head: Head): void {
    if (head.level === NO_LEVEL || !head.timed) return;
    const limit = Math.min(text.length, from + MAX_SHAPE, head.bodyAt);
    for (let at = from; at < limit; at++) {
      const code = text.charCodeAt(at);
      if (isLetter(code)) {
        const stop = wordEnd(text, at, limit + 1);
        if (levelOfWord(text.slice(at, stop)) === head.level) {
          shapeLength = at - from;
          return;
        }
        for (; at < stop; at++) shape[at - from] = text.charCodeAt(at);
        at--;
        continue;
      }
      shape[at - from] = isDigit(code) ? -1 : code;
    }
    shapeLength = 0;
  }

  const reader: HeadReader = {
    ...emptyHead(),
    read(text, from = 0) {
      const known = readHead(text, from, reader);
      if (known) learn(text, from, reader);
      return known;
    },
    quick(text, from = 0) {
      const length = shapeLength;
      if (length === 0 || text.length <= from + length + 4) return NO_LEVEL;
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(from + i);
        const want = shape[i] as number;
        if (want === -1 ? code < 0x30 || code > 0x39 : code !== want) return NO_LEVEL;
      }
      const at = from + length;
      const first = text.charCodeAt(at);
      // The frequent ones without a copy of the word.
      if (first === 0x49 && text.startsWith('INFO', at) && !isLetter(text.charCodeAt(at + 4))) return INFO;
      if (first === 0x44 && text.startsWith('DEBUG', at) && !isLetter(text.charCodeAt(at + 5))) return DEBUG;
      if (!isLetter(first)) return NO_LEVEL;
      return levelOfWord(text.slice(at, wordEnd(text, at, Math.min(text.length, at + 14))));
    },
  };
  return reader;
}
