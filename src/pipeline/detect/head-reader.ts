/**
 * Reads heads, and remembers the shape of the last one per container. If the next line has digits and separators in the
 * same places, reading its level costs one pass over its first characters.
 */
import { isDigit, isLetter, isSpace, skipSeparators, wordEnd } from './chars.ts';
import { readHead } from './head.ts';
import { emptyHead, type Head } from './head-formats.ts';
import { DEBUG, ERROR, INFO, levelOfCapitals, levelOfWord, NO_LEVEL, WARN } from './levels.ts';

/** The most characters of a head that are remembered. */
const MAX_SHAPE = 96;

export interface HeadReader extends Head {
  /**
   * Reads the head at `from` into the reader's own fields, which are valid until the next call. Returns false if there
   * is none.
   */
  read(text: string, from?: number): boolean;
  /**
   * Returns the level of a line whose head has the same shape as the last one: digits where it had digits, the same
   * other characters, then a level word. Returns NO_LEVEL if the shape differs; then call `read`. Sets `bodyAt` to the
   * index after the level and one blank (after DEBUG, to that blank).
   */
  quick(text: string, from?: number): number;
  /**
   * Returns INFO or DEBUG if the line begins with one of them and nothing before it: `INFO …`, `INFO: …`, `[INFO] …`.
   * NO_LEVEL otherwise; then call `read`. Sets `bodyAt` like `quick`.
   */
  unprefixed(text: string): number;
}

export function createHeadReader(): HeadReader {
  const shape = new Int16Array(MAX_SHAPE);
  let shapeLength = 0;
  /** The remembered head ends with a level in capitals and blanks. */
  let endsInCapitals = false;

  /** Remembers the characters before the level word. Only heads with a timestamp are remembered. */
  function learn(text: string, from: number, head: Head): void {
    if (head.level === NO_LEVEL || !head.timed) return;
    const limit = Math.min(text.length, from + MAX_SHAPE, head.bodyAt);
    for (let at = from; at < limit; at++) {
      const code = text.charCodeAt(at);
      if (isLetter(code)) {
        const stop = wordEnd(text, at, limit + 1);
        const word = text.slice(at, stop);
        if (levelOfWord(word) === head.level) {
          shapeLength = at - from;
          endsInCapitals = levelOfCapitals(word) !== NO_LEVEL && head.rule === 'word';
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

  function hasShape(text: string, from: number): boolean {
    for (let i = 0; i < shapeLength; i++) {
      const code = text.charCodeAt(from + i);
      const want = shape[i] as number;
      if (want === -1 ? code < 0x30 || code > 0x39 : code !== want) return false;
    }
    return true;
  }

  /** Reads a WARN or ERROR whose head has the remembered shape. Returns false if it must be read in full. */
  function readAgain(text: string, from: number): boolean {
    if (shapeLength === 0 || !endsInCapitals) return false;
    const at = from + shapeLength;
    const level = text.startsWith('WARN', at) ? WARN : text.startsWith('ERROR', at) ? ERROR : NO_LEVEL;
    const end = level === WARN ? at + 4 : at + 5;
    if (level === NO_LEVEL || !isSpace(text.charCodeAt(end)) || !hasShape(text, from)) return false;
    reader.level = level;
    reader.timed = true;
    reader.bodyAt = skipSeparators(text, end, text.length);
    reader.json = false;
    reader.hanging = false;
    reader.companion = false;
    reader.bare = false;
    reader.rule = 'word';
    return true;
  }

  const reader: HeadReader = {
    ...emptyHead(),
    read(text, from = 0) {
      if (readAgain(text, from)) return true;
      const known = readHead(text, from, reader);
      if (known) learn(text, from, reader);
      return known;
    },
    quick(text, from = 0) {
      const length = shapeLength;
      if (length === 0 || text.length <= from + length + 4 || !hasShape(text, from)) return NO_LEVEL;
      const at = from + length;
      const first = text.charCodeAt(at);
      // The frequent levels are recognised without copying the word.
      reader.bodyAt = at + 5;
      if (first === 0x49 && text.startsWith('INFO', at) && !isLetter(text.charCodeAt(at + 4))) return INFO;
      if (first === 0x44 && text.startsWith('DEBUG', at) && !isLetter(text.charCodeAt(at + 5))) return DEBUG;
      if (!isLetter(first)) return NO_LEVEL;
      const end = wordEnd(text, at, Math.min(text.length, at + 14));
      reader.bodyAt = end + 1;
      return levelOfWord(text.slice(at, end));
    },
    unprefixed(text) {
      const at = text.charCodeAt(0) === 0x5b ? 1 : 0;
      const first = text.charCodeAt(at);
      if (first !== 0x49 && first !== 0x44) return NO_LEVEL;
      const level = text.startsWith('INFO', at) ? INFO : text.startsWith('DEBUG', at) ? DEBUG : NO_LEVEL;
      if (level === NO_LEVEL) return NO_LEVEL;
      let end = level === INFO ? at + 4 : at + 5;
      const next = text.charCodeAt(end);
      if (at === 1 ? next !== 0x5d : next !== 0x3a && next !== 0x20) return NO_LEVEL;
      if (next !== 0x20) end += 1;
      if (text.charCodeAt(end) !== 0x20) return NO_LEVEL;
      while (text.charCodeAt(end) === 0x20) end += 1;
      // What precedes a bar is the name that a supervisor puts before each line.
      if (text.charCodeAt(end) === 0x7c) return NO_LEVEL;
      reader.bodyAt = skipSeparators(text, end, text.length);
      return level;
    },
  };
  return reader;
}
