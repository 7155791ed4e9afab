/** Reads the head of a text line: what precedes the message (time, level, logger, thread, pid). */
import { isDigit, isLetter, isSpace, skipSeparators, wordEnd } from './chars.ts';
import { type Head, readFixedFormat } from './head-formats.ts';
import { levelInBrackets, levelToken } from './head-words.ts';
import { levelOfCapitals, levelOfLetter, levelOfWord, NO_LEVEL } from './levels.ts';
import { localisedWordAt } from './localised-levels.ts';
import { timestampEnd } from './timestamp.ts';

/** Characters of a line in which a head is looked for. */
const HEAD_WINDOW = 320;
/** The most tokens of a head. */
const MAX_TOKENS = 16;

/** Arrows, check marks and emoji that loggers put before a level. No letter of any script is among them. */
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

/** Returns the index of the bracket that closes the one at `at`; -1 if it does not close before `limit`. */
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

const LOGFMT_LEVEL =
  /(?:^|[\s,|])(?:level|lvl|LL|LEVEL|severity|loglevel|log_level|log\.level|levelname)="?([A-Za-z]+|\d+)"?(?=[\s,|]|$)/;
const LOGFMT_KEY = /^[A-Za-z_@][\w.@-]*=/;
/** Zigbee2MQTT: tag:level  time */
const TAG_LEVEL = /^[\w-]+:(trace|debug|info|warn|warning|error|fatal) +/;
/** Whether the token may come between time and level (a logger, a host, a pid) and is not a word of prose. */
function isName(token: string): boolean {
  return /[\d._@#$/\\:[\]*=-]|^[A-Z]{2,}$|^[A-Z]?[a-z]+[A-Z]/.test(token);
}

/** Whether all characters in `[at, end)` are lower-case letters. */
function isLowerCase(text: string, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (text.charCodeAt(i) < 0x61 || text.charCodeAt(i) > 0x7a) return false;
  return true;
}

/** Whether a level in capitals and a bar follow: supervisors put them after a name. */
function precedesBar(text: string, end: number): boolean {
  const code = text.charCodeAt(skipSpaces(text, end));
  return code >= 0x41 && code <= 0x5a && /^ +[A-Z]{3,9} ?\|/.test(text.slice(end, end + 16));
}

function skipSpaces(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) === 0x20) next++;
  return next;
}

/**
 * Whether the word is a level code of three letters. Serilog and zerolog put it inside the brackets of the time, so
 * that after them it is a word of the message.
 */
function isCode(text: string, at: number, stop: number): boolean {
  return stop - at === 3 && levelOfCapitals(text.slice(at, stop)) !== NO_LEVEL && text.charCodeAt(stop) !== 0x3a;
}

/** Reads the head at `from`. Returns false if there is none; `into` is reset in any case. */
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
        if (level !== NO_LEVEL) return found(text, end, level, into, 'Monolog channel and level');
      }
      const stop = wordEnd(text, at, limit);
      // A line without a time is mostly prose. A lower-case word shows that without a pattern.
      const isWord = stop === end && !into.timed && isLowerCase(text, at, end);
      if (isWord && !symbol && text.charCodeAt(at - 1) !== 0x7c && isSpace(text.charCodeAt(end))) {
        if (text.startsWith(' - ', end)) {
          if (++names > 2) break;
        } else if (!precedesBar(text, end) || ++plainWords > 1) break;
        at = end;
        continue;
      }
      const tagged = into.timed || stop === end ? null : TAG_LEVEL.exec(text.slice(at, at + 60));
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
      if (!into.timed && !precedesBar(text, end)) break;
      if (++plainWords > 1) break;
    }
    at = end;
  }
  if (logfmtAt !== -1 && readLogfmt(text, logfmtAt, into)) return true;
  into.bodyAt = into.timed ? skipSeparators(text, bodyAt, limit) : from;
  // The line has only time and brackets: the brackets are the message.
  if (into.timed && into.bodyAt >= text.length) into.bodyAt = skipSeparators(text, timedAt, limit);
  return into.timed || into.level !== NO_LEVEL;
}

/** Reads `level=` at any position among the pairs. */
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
