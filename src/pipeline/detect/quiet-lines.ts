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
const EVERY = 128;
/** A container with fewer lines of requests than one in so many prints no access log. */
const ACCESS_SHARE = 64;
/** Only so much of a line is looked at. */
const LOOKED_AT = 4_096;

export interface QuietLines {
  /** The next line of the detector that has to be looked at; before it only lines that begin like a supervisor's. */
  lookFrom: number;
  /** `bodyAt`: where the message begins. */
  isNotable(text: string, bodyAt: number, ordinal: number): boolean;
  /** The severity that a record inside the notable line states; 0 where none. */
  innerLevel: number;
}

/** CloudNativePG and others wrap PostgreSQL's JSON log. */
const INNER_SEVERITY = /"error_severity" ?: ?"([A-Z]{3,7})\d?"/;

export function createQuietLines(): QuietLines {
  let access = false;
  let samples = 0;
  let accessLines = 0;
  let wrapped = false;

  function sample(text: string): void {
    const start = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
    samples++;
    if (isAccessLine(start)) accessLines++;
    access = accessLines > 0 && accessLines * ACCESS_SHARE >= samples;
    wrapped ||= text.charCodeAt(0) === 0x7b && INNER_SEVERITY.test(start);
  }

  const quiet: QuietLines = {
    lookFrom: 0,
    innerLevel: NO_LEVEL,
    isNotable(text, bodyAt, ordinal) {
      if (ordinal <= FIRST || ordinal % EVERY === 0) sample(text);
      quiet.lookFrom = access || wrapped || ordinal < FIRST ? 0 : ordinal - (ordinal % EVERY) + EVERY;
      quiet.innerLevel = NO_LEVEL;
      if (wrapped && text.charCodeAt(0) === 0x7b) {
        const word = INNER_SEVERITY.exec(text)?.[1];
        if (word !== undefined && levelOfWord(word) >= ERROR) {
          quiet.innerLevel = levelOfWord(word);
          return true;
        }
      }
      if (access && mayBeFiveHundred(text) && statusOf(text) >= 500) return true;
      return mayBeSupervisord(text, bodyAt);
    },
  };
  return quiet;
}
