/** Finds evidence of an error in the message of a record without a level, or of a warning. */
import { isClientError } from './client-errors.ts';
import { type EvidenceRow, PHRASE_FAMILIES, PHRASES, SIGNATURES, WEAK } from './evidence-tables.ts';
import { statusOf } from './http-status.ts';
import { isNegated } from './negation.ts';
import { ANY_STATUS, familiesIn, familyBits, OTHER_STATUS } from './stems.ts';
import { isSupervisedExit } from './supervisors.ts';
import { isExplainedAway, isRequestedStop } from './transitions.ts';

/** Characters examined at the start and at the end of a message: messages name the error there. */
const HEAD = 2048;
const TAIL = 512;
/** The most matches of one pattern that are tried if the earlier ones are negated. */
const MAX_TRIES = 4;

const EXIT_FAMILIES = familyBits(['terminate', 'crashed', 'fatal', 'exhausted', 'cannot']);

export type EvidenceTier = 'signature' | 'keyword' | 'http';

export interface Evidence {
  readonly tier: EvidenceTier;
  /** In lower case, from a closed list; never other text from the line. */
  readonly word: string;
  /** Set if the message is an error only at a sufficient rate: see rate-gates.ts. */
  readonly gate?: 'http' | 'client';
}

/** A fast check: whether the text has a word or a number that may indicate an error. Longer texts are not examined. */
export function mayShowTrouble(text: string): boolean {
  return text.length > HEAD || (familiesIn(text) & ~OTHER_STATUS) !== 0;
}

/** Returns undefined if nothing in the message indicates an error. */
export function evidenceIn(message: string): Evidence | undefined {
  const text = message.length > HEAD + TAIL ? `${message.slice(0, HEAD)} ${message.slice(-TAIL)}` : message;
  const families = familiesIn(text);
  if ((families & ~OTHER_STATUS) === 0) return undefined;
  const status = (families & ANY_STATUS) === 0 ? 0 : statusOf(text);
  if (status >= 500) return { tier: 'http', word: 'http 5xx', gate: 'http' };
  if (status >= 100) return undefined;
  const found = signatureOf(text, families) ?? keywordOf(text, families);
  if (found === undefined || (found.tier === 'keyword' && isExplainedAway(text))) return undefined;
  if (isRequestedStop(text)) return undefined;
  return isClientError(text) ? { ...found, gate: 'client' } : found;
}

function signatureOf(text: string, families: number): Evidence | undefined {
  const word = firstOf(SIGNATURES, text, families);
  if (word !== undefined) return { tier: 'signature', word };
  return (families & EXIT_FAMILIES) !== 0 && isSupervisedExit(text)
    ? { tier: 'signature', word: 'process exited' }
    : undefined;
}

function keywordOf(text: string, families: number): Evidence | undefined {
  const phrase = (families & PHRASE_FAMILIES) === 0 ? undefined : matchOf(PHRASES, text);
  if (phrase !== undefined) return { tier: 'keyword', word: phrase.toLowerCase().replace(/ of \d+.*/, '') };
  const word = firstOf(WEAK, text, families);
  return word === undefined ? undefined : { tier: 'keyword', word };
}

function firstOf(rows: readonly EvidenceRow[], text: string, families: number): string | undefined {
  for (const row of rows) {
    if ((row.families & families) !== 0 && matchOf(row.pattern, text) !== undefined) return row.word;
  }
  return undefined;
}

/** Returns the first match that is not negated. */
function matchOf(pattern: RegExp, text: string): string | undefined {
  pattern.lastIndex = 0;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    if (!isNegated(text, match)) return match[0];
    if (match[0] === '') pattern.lastIndex++;
  }
  return undefined;
}

const FAILURE = /\b(?:fail(?:ed|ure|s)|error|exception|could not|couldn't|cannot|can't|unable to)\b/gi;

/** Returns a word for a failure in any position; only together with other evidence, such as a stack trace. */
export function failureIn(message: string): Evidence | undefined {
  const text = message.length > WARNING_LENGTH ? message.slice(0, WARNING_LENGTH) : message;
  if (matchOf(FAILURE, text) === undefined || isExplainedAway(text) || isClientError(text)) return undefined;
  return { tier: 'keyword', word: 'failure' };
}

/** Signatures that count even in a warning: what they report kills a process or stops a service. */
const DEADLY = new Set([
  'killed',
  'out of memory: killed process',
  'out of memory',
  'segmentation fault',
  'core dumped',
  'heap corruption',
  'no space left on device',
  'too many open files',
  'fatal signal',
  'resource alarm',
]);
const DEADLY_ROWS = SIGNATURES.filter(({ word }) => DEADLY.has(word));

/** A message that is only an exception, such as `RuntimeError: boom`, optionally after a logger's name. */
const ONLY_EXCEPTION =
  /^(?:\[[^\]]{0,80}\] *)?(?:[\w.$/-]{1,80} ?(?: : | - |: ))?(?:[\w$]+(?:\.|::|\\)){0,12}[A-Z]\w*(?:Error|Exception|Failure)(?:::\w+)?(?:: \S| \(\S|$)/;

const DEADLY_FAMILIES = DEADLY_ROWS.reduce((bits, { families }) => bits | families, 0);
const EXCEPTION_FAMILIES = familyBits(['error', 'exception', 'fail']);
/** Characters of a warning that are examined. */
const WARNING_LENGTH = 240;

/** Returns evidence in the message of a WARN that outweighs its level; undefined if there is none. */
export function evidenceInWarning(message: string): Evidence | undefined {
  const text = message.length > WARNING_LENGTH ? message.slice(0, WARNING_LENGTH) : message;
  const families = familiesIn(text);
  if ((families & (DEADLY_FAMILIES | EXCEPTION_FAMILIES | EXIT_FAMILIES)) === 0) return undefined;
  if ((families & EXCEPTION_FAMILIES) !== 0 && ONLY_EXCEPTION.test(text) && !isRequestedStop(text)) {
    return { tier: 'signature', word: 'exception' };
  }
  if ((families & EXIT_FAMILIES) !== 0 && isSupervisedExit(text)) return { tier: 'signature', word: 'process exited' };
  const word = (families & DEADLY_FAMILIES) === 0 ? undefined : firstOf(DEADLY_ROWS, text, families);
  return word === undefined ? undefined : { tier: 'signature', word };
}
