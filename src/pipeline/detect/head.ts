/**
 * The head of a text line: what stands before the message (time, level, logger, thread, pid).
 */
import { isDigit, isLetter, isSpace, skipSeparators, wordEnd } from './chars.ts';
import { type Head, readFixedFormat } from './head-formats.ts';
import { DEBUG, FATAL, INFO, levelOfCapitals, levelOfLetter, levelOfWord, NO_LEVEL, TRACE, WARN } from './levels.ts';
import { localisedWordAt } from './localised-levels.ts';
import { timestampEnd } from './timestamp.ts';

/** Only this far into a line is a head looked for. */
const HEAD_WINDOW = 320;
const MAX_TOKENS = 16;

/** Arrows, check marks and pictures that loggers put before a level; not letters of any script. */
function isSymbol(code: number): boolean {
  return (
    code === 0xbb || // »
    (code >= 0x2000 && code <= 0x2bff) ||
    (code >= 0xd800 && code <= 0xdfff) || // both halves of an emoji
    code === 0xfe0f
  );
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
/** Tornado, Jupyter: `[E 2024-01-31 10:00:00.123 ServerApp]`, `[W 240131 10:00:00 web:12]`. */
const LETTER_AND_TIME = /^([DICWEFT]) (?:\d{4}-\d\d-\d\d |\d{6} )?\d\d:\d\d:\d\d/;
const FATAL_ERROR = /^fatal[ -]error$/i;

/** A level in brackets: `[ERROR]`, `[info ]`, `[core:error]`, `[10:00:00 ERR]`, `[… ERROR/MainProcess]`. */
function levelInBrackets(text: string, from: number, to: number): number {
  if (to - from > 90) return NO_LEVEL;
  const inner = text.slice(from, to).trim();
  const letter = LETTER_AND_TIME.exec(inner);
  if (letter !== null) return letter[1] === 'C' ? FATAL : levelOfLetter(inner.charCodeAt(0));
  if (FATAL_ERROR.test(inner)) return FATAL;
  const whole = inner.length === 1 ? levelOfLetter(inner.charCodeAt(0)) : levelOfWord(inner);
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
    // thread/LEVEL of log4j patterns
    if (capitals !== NO_LEVEL && before === 0x2f && match.index + word.length === inner.length) return capitals;
    // level:time
    if (match.index === 0 && after === 0x3a && timestampEnd(inner, word.length + 1) !== -1) return levelOfWord(word);
    // module:level, module:level,time
    if (before === 0x3a && (match.index + word.length === inner.length || after === 0x2c)) {
      const rank = levelOfWord(word);
      if (rank !== NO_LEVEL) return rank;
    }
  }
  return NO_LEVEL;
}

const LOGFMT_LEVEL =
  /(?:^|[\s,|])(?:level|lvl|LL|LEVEL|severity|loglevel|log_level|log\.level|levelname)="?([A-Za-z]+|\d+)"?(?=[\s,|]|$)/;
const LOGFMT_KEY = /^[A-Za-z_@][\w.@-]*=/;
/** Zigbee2MQTT: tag:level  time */
const TAG_LEVEL = /^[\w-]+:(trace|debug|info|warn|warning|error|fatal) +/;
/** Plain words that open a line and are levels all the same: a colon must follow. */
function isColonLevel(word: string): boolean {
  // `Error: …` opens an exception, not a head.
  return (
    word !== 'Error' &&
    word !== 'Fail' &&
    word !== 'Panic' &&
    word !== 'panic' &&
    word !== 'System' &&
    word !== 'Note' &&
    word !== 'Trace' // console.trace of Node
  );
}

/** May stand between time and level: a logger, a host, a pid; not a word of prose. */
function isName(token: string): boolean {
  return /[\d._@#$/\\:[\]*=-]/.test(token) || /^[A-Z]{2,}$/.test(token) || /^[A-Z]?[a-z]+[A-Z]/.test(token);
}

/** `name: ` or `name[12]: ` of a program, not `ValueError: `. */
function isProgramPrefix(before: string): boolean {
  return /^[\w./-]+(?:\[\d+\])?: +$/.test(before) && !/(?:Error|Exception|Caused by): +$/.test(before);
}

/** Serilog's and zerolog's codes of three letters: behind a time in brackets they would be inside them too. */
function isCode(text: string, at: number, stop: number): boolean {
  return stop - at === 3 && levelOfCapitals(text.slice(at, stop)) !== NO_LEVEL && text.charCodeAt(stop) !== 0x3a;
}

/** Reads the head at `from`. Returns false where there is none (`into` is reset all the same). */
export function readHead(text: string, from: number, into: Head): boolean {
  into.level = NO_LEVEL;
  into.timed = false;
  into.bodyAt = from;
  into.json = false;
  into.hanging = false;
  into.companion = false;
  into.bare = false;
  into.rule = '';
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
  let timedAt = at;
  let logfmtAt = -1;
  let bracketedTime = false;
  let symbol = false;
  for (let count = 0; count < MAX_TOKENS && at < limit; count++) {
    const code = text.charCodeAt(at);
    if (isSpace(code) || code === 0x7c || code === 0x2d || code === 0x3a || code === 0x2c || isSymbol(code)) {
      if (code > 0x7f) symbol = true;
      at++;
      count--;
      continue;
    }
    const timeEnd = timestampEnd(text, at);
    if (timeEnd !== -1) {
      into.timed = true;
      at = timeEnd;
      bodyAt = at;
      timedAt = at;
      continue;
    }
    if (indent > 0 && !into.timed && (indent > 2 || count > 0)) return false;
    if (code === 0x5b || code === 0x28 || code === 0x3c) {
      const close = closing(text, at, limit);
      if (close === -1) break;
      if (code === 0x3c) {
        const level = levelOfWord(text.slice(at + 1, close));
        if (level !== NO_LEVEL && into.timed) return found(text, close + 1, level, into, 'word in angle brackets');
      } else if (code === 0x5b) {
        const level = levelInBrackets(text, at + 1, close);
        if (timestampEnd(text, at + 1) !== -1 || /,\d{4}-\d\d-\d\dT/.test(text.slice(at + 1, close))) {
          into.timed = true;
          bracketedTime = true;
        }
        if (level !== NO_LEVEL && (into.timed || (brackets <= 2 && plainWords === 0))) {
          return found(text, close + 1, level, into, 'word in brackets');
        }
      }
      brackets++;
      at = close + 1;
      if (into.timed && plainWords === 0 && names === 0) bodyAt = at;
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
    if (plainWords === 0 && (code > 0x7f || text.charCodeAt(end - 1) === 0x3a || text.charCodeAt(end + 1) === 0x3a)) {
      const localised = into.timed || count === 0 ? localisedWordAt(text, at, into.timed) : undefined;
      if (localised !== undefined) {
        into.companion = localised.companion;
        into.bare = !into.timed;
        return found(text, localised.end, localised.rank, into, 'translated word');
      }
    }
    if (text.charCodeAt(at + 1) === 0x2c && levelOfLetter(code) !== NO_LEVEL && text.startsWith(', [', at + 1)) {
      at += 2; // Ruby's Logger: `E, [2024-01-31T10:00:00 #1] ERROR -- : …`
      continue;
    }
    if (isLetter(code)) {
      // Monolog: channel.LEVEL:
      if (into.timed && text.charCodeAt(end - 1) === 0x3a && names === 0 && plainWords === 0) {
        const dot = text.lastIndexOf('.', end);
        const level = dot > at ? levelOfCapitals(text.slice(dot + 1, end - 1)) : NO_LEVEL;
        if (level !== NO_LEVEL) return found(text, end, level, into, 'channel and level of Monolog');
      }
      const tagged = into.timed ? null : TAG_LEVEL.exec(text.slice(at, at + 60));
      if (tagged !== null && timestampEnd(text, at + tagged[0].length) !== -1) {
        into.timed = true;
        return found(
          text,
          timestampEnd(text, at + tagged[0].length),
          levelOfWord(tagged[1] as string),
          into,
          'tag before the time',
        );
      }
      const stop = wordEnd(text, at, limit);
      if (bracketedTime && isCode(text, at, stop)) break;
      const level = levelToken(text, at, stop, limit, into.timed || symbol, plainWords, names, count);
      if (
        level !== NO_LEVEL &&
        (!symbol || into.timed || text.charCodeAt(stop) !== 0x3a) &&
        !(indent > 0 && text.charCodeAt(stop) === 0x3d)
      ) {
        into.hanging =
          !into.timed && count === 0 && stop - at === 4 && /^[a-z]{4}: [\w.+`]+\[\d+\]/.test(text.slice(at, at + 200));
        into.bare = !into.timed && count === 0 && text.charCodeAt(stop) === 0x3a;
        return found(text, stop, level, into, 'word');
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
      if (!into.timed && !/^ +[A-Z]{3,9} ?\|/.test(text.slice(end, end + 16))) break;
      if (++plainWords > 1) break;
    }
    at = end;
  }
  if (logfmtAt !== -1 && readLogfmt(text, logfmtAt, into)) return true;
  into.bodyAt = into.timed ? skipSeparators(text, bodyAt, limit) : from;
  // Nothing but time and brackets: the brackets are the message.
  if (into.timed && into.bodyAt >= text.length) into.bodyAt = skipSeparators(text, timedAt, limit);
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
  into.rule = 'logfmt';
  into.bodyAt = at;
  if (/^(?:time|ts|t)=/.test(text.slice(at, at + 6))) into.timed = true;
  return true;
}

function found(text: string, after: number, level: number, into: Head, rule: string): true {
  into.rule = rule;
  into.level = level;
  into.bodyAt = skipSeparators(text, after, text.length);
  return true;
}

/** In capitals at the start of a line these are nouns as often as levels. */
const SELDOM_BARE = new Set(['ALERT', 'PANIC', 'EMERG', 'EMERGENCY', 'VERBOSE', 'SILLY', 'FINER', 'FINEST']);

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
    // Codes of three letters are names as well: only directly behind the time.
    if (length === 3 && next !== 0x3a && next !== 0x7c && (plainWords > 0 || !timed)) return NO_LEVEL;
    if (!timed && next !== 0x3a && SELDOM_BARE.has(word)) return NO_LEVEL;
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
  if (timed && word === 'LOG' && (next === 0x3a || text.startsWith(' [', stop))) return INFO; // PostgreSQL, NestJS
  const rank = levelOfWord(word);
  if (rank === NO_LEVEL) return NO_LEVEL;
  // `host program[1]: warning: …`
  if (plainWords > 0) return timed && next === 0x3a && names > 0 && text.startsWith(': ', at - 2) ? rank : NO_LEVEL;
  const previous = at > 0 ? text.charCodeAt(at - 1) : 0x20;
  if (next === 0x3a) {
    if (word === 'panic') return NO_LEVEL; // Go's, not a logger's
    if (!timed && (count > 0 || names > 0))
      return isProgramPrefix(text.slice(0, at)) && isSpace(text.charCodeAt(stop + 1)) ? rank : NO_LEVEL;
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
    word.length <= 11 &&
    !/^ (?:rate|count|handl|log|page|report)/.test(text.slice(stop, stop + 10))
    ? rank
    : NO_LEVEL;
}
