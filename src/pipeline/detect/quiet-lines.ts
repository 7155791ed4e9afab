/**
 * Finds lines at INFO or below that may be errors despite their level: 5xx responses in access logs, exits that a
 * supervisor reports, and wrapped records of another program with their own severity. Most containers log none of
 * these, so a sample of the lines decides whether every line is examined.
 */
import { isAccessLine, mayBeFiveHundred, statusOf } from './http-status.ts';
import { ERROR, levelOfWord, NO_LEVEL } from './levels.ts';
import { mayBeSupervisord } from './supervisors.ts';

/** The first lines of a container are all sampled; after FIRST of them, one in EVERY. */
const FIRST = 256;
const EVERY = 256;
/** A container logs requests if at least one in this many sampled lines is from an access log. */
const ACCESS_SHARE = 64;
/** Characters of a sampled line that are examined. */
const EXAMINED_LENGTH = 4_096;

export interface QuietLines {
  /** Number of the next line to examine. Before it only lines that begin like supervisord's are examined. */
  examineFrom: number;
  /**
   * Whether the line may be an error. `bodyAt`: index at which the message begins; `ordinal`: number of the line, from
   * 1.
   */
  isNotable(text: string, bodyAt: number, ordinal: number): boolean;
  /** Level of the record that is wrapped in the line last examined; NO_LEVEL if there is none. */
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
    const start = text.length > EXAMINED_LENGTH ? text.slice(0, EXAMINED_LENGTH) : text;
    samples++;
    if (isAccessLine(start)) accessLines++;
    access = accessLines > 0 && accessLines * ACCESS_SHARE >= samples;
    wrapped ||= text.charCodeAt(0) === 0x7b && INNER_SEVERITY.test(start);
  }

  const quiet: QuietLines = {
    examineFrom: 0,
    innerLevel: NO_LEVEL,
    isNotable(text, bodyAt, ordinal) {
      if (ordinal <= FIRST || ordinal % EVERY === 0) sample(text);
      quiet.examineFrom = access || wrapped || ordinal < FIRST ? 0 : ordinal - (ordinal % EVERY) + EVERY;
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
