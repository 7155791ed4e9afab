/**
 * Reads the level of JSON log lines without parsing them.
 *
 * If a line has its level in the same place as the last one, that costs one comparison there; otherwise one pass over
 * the top-level keys, which stops at the level.
 */
import { MESSAGE_KEYS } from './json-parts.ts';
import { LEVEL_KEYS, type Scale, scaleOfSmallNumber } from './json-scales.ts';
import { INFO, levelOfLetter, NO_LEVEL } from './levels.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const wordScale = LEVEL_KEYS.get('level') as Scale;

/** Keys of objects that may contain the level: ECS `log`, loguru `record`, `fields` of tracing and logstash. */
const NESTS = new Set(['log', 'record', 'fields', '@fields', 'level', 'event', 'metadata', 'meta', 'context']);
const NESTED_KEYS = new Set(['level', 'severity', 'levelname', 'lvl']);
/** Keys of a level that is itself an object (loguru). */
const LEVEL_OBJECT_KEYS = new Set(['name']);
const MAX_NESTS = 2;

/** Returns the index after the string whose opening quote is at `at`, or -1 if it does not close. */
function stringEnd(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return -1;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if ((slashes & 1) === 0) return end + 1;
  }
}

/** Returns the index after the object or array that opens at `at`, or -1 if it does not close. */
function nestEnd(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = stringEnd(text, i) - 1;
      if (i < 0) return -1;
    } else if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return i + 1;
  }
  return -1;
}

function scalarEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    if (code === 0x2c || code === 0x7d || code === 0x5d || code === 0x20) break;
    end++;
  }
  return end;
}

export interface JsonReader {
  /** Returns the level of the JSON object at `from`; NO_LEVEL if it has none or is not a JSON object. */
  level(text: string, from: number): number;
  /** Index of the message in the line for which `level` has just returned NO_LEVEL; -1 if none was seen. */
  readonly messageAt: number;
}

export function createJsonReader(): JsonReader {
  /** `"level":` as the last line had it, with quotes and colon, and its offset from the opening brace. */
  let needle = '';
  let offset = 0;
  let scale: Scale = wordScale;
  let lastValue = '';
  let lastLevel = NO_LEVEL;
  let messageAt = -1;

  function valueLevel(text: string, at: number): number {
    const quoted = text.charCodeAt(at) === QUOTE;
    const start = quoted ? at + 1 : at;
    // The same value as last time needs no copy.
    if (lastValue !== '' && text.startsWith(lastValue, start)) {
      const after = text.charCodeAt(start + lastValue.length);
      if (after === QUOTE || after === 0x2c || after === 0x7d) return lastLevel;
    }
    const end = quoted ? stringEnd(text, at) - 1 : scalarEnd(text, at);
    if (end < start || end - start > 24) return NO_LEVEL;
    const value = text.slice(start, end);
    const rank = scale(value, quoted);
    if (rank !== NO_LEVEL) {
      lastValue = value;
      lastLevel = rank;
    }
    return rank;
  }

  /** Reads the keys of the object at `from` until one has a level. */
  function scanKeys(text: string, from: number, nests: number, inLevel: boolean): number {
    const nested = nests > 0;
    let at = from + 1;
    let mongo = false;
    let compactTemplate = false;
    for (let keys = 0; keys < 64; keys++) {
      at = text.indexOf('"', at);
      if (at === -1) break;
      const keyEnd = stringEnd(text, at);
      if (keyEnd === -1) break;
      let valueAt = keyEnd;
      while (isBlank(text.charCodeAt(valueAt))) valueAt++;
      if (text.charCodeAt(valueAt) !== 0x3a) break;
      valueAt++;
      while (isBlank(text.charCodeAt(valueAt))) valueAt++;
      const code = text.charCodeAt(valueAt);
      const length = keyEnd - at - 2;
      const key = length <= 16 ? text.slice(at + 1, keyEnd - 1) : '';
      const known = nested
        ? (inLevel ? LEVEL_OBJECT_KEYS : NESTED_KEYS).has(key)
          ? wordScale
          : undefined
        : LEVEL_KEYS.get(key);
      if (known !== undefined && code !== 0x7b) {
        scale = known;
        lastValue = '';
        let rank = valueLevel(text, valueAt);
        if (rank === NO_LEVEL && !nested && isSmallNumber(text, valueAt)) {
          scale = scaleOfSmallNumber(text) ?? wordScale;
          rank = valueLevel(text, valueAt);
        }
        if (rank !== NO_LEVEL) {
          if (!nested) {
            needle = text.slice(at, valueAt);
            offset = at - from;
          }
          return rank;
        }
      } else if (!nested) {
        if (key === 't') mongo = text.startsWith('{"$date"', valueAt);
        else if (key === 's' && mongo && code === QUOTE) return levelOfLetter(text.charCodeAt(valueAt + 1));
        else if (key === '@t' || key === '@mt') compactTemplate = true;
      }
      let end: number;
      if (code === QUOTE) {
        if (messageAt === -1 && !nested && MESSAGE_KEYS.includes(key)) messageAt = valueAt + 1;
        end = stringEnd(text, valueAt);
      } else if (code === 0x7b || code === 0x5b) {
        if (nests < MAX_NESTS && code === 0x7b && NESTS.has(key)) {
          const rank = scanKeys(text, valueAt, nests + 1, key === 'level');
          if (rank !== NO_LEVEL) return rank;
        }
        end = nestEnd(text, valueAt);
      } else end = scalarEnd(text, valueAt);
      if (end === -1) break;
      while (isBlank(text.charCodeAt(end))) end++;
      if (text.charCodeAt(end) !== 0x2c) break;
      at = end + 1;
    }
    // Serilog's compact format omits the level if it is Information.
    return compactTemplate ? INFO : NO_LEVEL;
  }

  return {
    level(text, from) {
      if (needle !== '' && text.startsWith(needle, from + offset)) {
        const rank = valueLevel(text, from + offset + needle.length);
        if (rank !== NO_LEVEL) return rank;
      }
      messageAt = -1;
      return scanKeys(text, from, 0, false);
    },
    get messageAt() {
      return messageAt;
    },
  };
}

/** Whether the value is a single digit: `3` or `"3"`. */
function isSmallNumber(text: string, at: number): boolean {
  const start = text.charCodeAt(at) === QUOTE ? at + 1 : at;
  const code = text.charCodeAt(start);
  const next = text.charCodeAt(start + 1);
  return code >= 0x30 && code <= 0x39 && !(next >= 0x30 && next <= 0x39);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
