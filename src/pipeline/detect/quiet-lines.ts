/**
 * Lines stated as INFO or below that may be trouble all the same: answers of 5xx in access logs, exits that a
 * supervisor reports, records of another program with their own severity inside. Most containers print none of
 * these, so that a sample of the lines decides whether all are looked at.
 */
import { isAccessLine, mayBeFiveHundred, statusOf } from './http-status.ts';
import { ERROR, levelOfWord, NO_LEVEL } from './levels.ts';
import { mayBeSupervisord } from './supervisors.ts';

/** All of the first lines are sampled, later one in so many. */
const FIRST = 256;
const EVERY = 16;
/** Only so much of a line is looked at. */
const LOOKED_AT = 4_096;

export interface QuietLines {
  /** `bodyAt`: where the message begins or shortly before. */
  isNotable(text: string, bodyAt: number, ordinal: number): boolean;
  /** The severity that a record inside the notable line states; 0 where none. */
  readonly innerLevel: number;
}

/** CloudNativePG and others wrap PostgreSQL's JSON log. */
const INNER_SEVERITY = /"error_severity" ?: ?"([A-Z]{3,7})\d?"/;

export function createQuietLines(): QuietLines {
  let access = false;
  let wrapped = false;
  let innerLevel = NO_LEVEL;

  function sample(text: string): void {
    const start = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
    access ||= isAccessLine(start);
    wrapped ||= text.charCodeAt(0) === 0x7b && INNER_SEVERITY.test(start);
  }

  return {
    isNotable(text, bodyAt, ordinal) {
      if (ordinal <= FIRST || ordinal % EVERY === 0) sample(text);
      innerLevel = NO_LEVEL;
      if (wrapped && text.charCodeAt(0) === 0x7b) {
        const word = INNER_SEVERITY.exec(text)?.[1];
        if (word !== undefined && levelOfWord(word) >= ERROR) {
          innerLevel = levelOfWord(word);
          return true;
        }
      }
      if (access && mayBeFiveHundred(text) && statusOf(text) >= 500) return true;
      return mayBeSupervisord(text, bodyAt);
    },
    get innerLevel() {
      return innerLevel;
    },
  };
}
