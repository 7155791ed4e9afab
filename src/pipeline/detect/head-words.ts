/** Reads the level from a word or a bracket in the head of a line. What counts as a level depends on its position. */
import { isSpace } from './chars.ts';
import { DEBUG, FATAL, INFO, levelOfCapitals, levelOfLetter, levelOfWord, NO_LEVEL, TRACE, WARN } from './levels.ts';
import { timestampEnd } from './timestamp.ts';

const PIECES = /[A-Za-z]+/g;
/** Tornado, Jupyter: `[E 2024-01-31 10:00:00.123 ServerApp]`, `[W 240131 10:00:00 web:12]`. */
const LETTER_AND_TIME = /^([DICWEFT]) (?:\d{4}-\d\d-\d\d |\d{6} )?\d\d:\d\d:\d\d/;
const FATAL_ERROR = /^fatal[ -]error$/i;

/**
 * Returns the level in brackets whose content is [from, to): `[ERROR]`, `[info ]`, `[core:error]`, `[10:00:00 ERR]`,
 * `[… ERROR/MainProcess]`. NO_LEVEL if there is none.
 */
export function levelInBrackets(text: string, from: number, to: number): number {
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

/** Whether a level word at the start of a line and before a colon really is the level. */
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

/** Whether the text is the prefix of a program, `name: ` or `name[12]: `, and not `ValueError: `. */
function isProgramPrefix(before: string): boolean {
  return /^[\w./-]+(?:\[\d+\])?: +$/.test(before) && !/(?:Error|Exception|Caused by): +$/.test(before);
}

/** In capitals at the start of a line, these are as often nouns as levels. */
const SELDOM_BARE = new Set(['ALERT', 'PANIC', 'EMERG', 'EMERGENCY', 'VERBOSE', 'SILLY', 'FINER', 'FINEST']);

/**
 * Returns the level that the word at [at, stop) has in its position, or NO_LEVEL. Before it there were `plainWords`
 * words of prose and `names` names among `count` tokens.
 */
export function levelToken(
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
    // MongoDB's `D1` … `D5` are not levels here; `INFO-1` is a name.
    return NO_LEVEL;
  }
  const capitals = levelOfCapitals(word);
  if (capitals !== NO_LEVEL) {
    // Codes of three letters may also be names: they count only directly after the time.
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
    if (word === 'panic') return NO_LEVEL; // of Go, not of a logger
    if (!timed && (count > 0 || names > 0))
      return isProgramPrefix(text.slice(0, at)) && isSpace(text.charCodeAt(stop + 1)) ? rank : NO_LEVEL;
    // Deno's uncaught exception, or a property of a printed object.
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
