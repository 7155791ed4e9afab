/** Evidence of trouble in the message of a record that states no level. */
import { isClientError } from './client-errors.ts';
import { type EvidenceRow, PHRASE_FAMILIES, PHRASES, SIGNATURES, WEAK } from './evidence-tables.ts';
import { statusOf } from './http-status.ts';
import { isNegated } from './negation.ts';
import { ANY_STATUS, familiesIn, familyBits, OTHER_STATUS } from './stems.ts';
import { isSupervisedExit } from './supervisors.ts';
import { isAskedStop, isExplainedAway } from './transitions.ts';

/** What is looked at of one line: what names the trouble stands at its start or its end. */
const HEAD = 2048;
const TAIL = 512;
/** Matches of one pattern that are looked at. */
const MAX_TRIES = 4;

const EXIT_FAMILIES = familyBits(['terminate', 'crashed', 'fatal', 'exhausted', 'cannot']);

export type EvidenceTier = 'signature' | 'keyword' | 'http';

export interface Evidence {
  readonly tier: EvidenceTier;
  /** In lower case; from a closed list, never text of the line. */
  readonly word: string;
  /** Trouble only when it comes often: see rate-gates.ts. */
  readonly gate?: 'http' | 'client';
}

/** Undefined where the message points to no trouble. */
export function evidenceIn(message: string): Evidence | undefined {
  const text = message.length > HEAD + TAIL ? `${message.slice(0, HEAD)} ${message.slice(-TAIL)}` : message;
  const families = familiesIn(text);
  if ((families & ~OTHER_STATUS) === 0) return undefined;
  const status = (families & ANY_STATUS) === 0 ? 0 : statusOf(text);
  if (status >= 500) return { tier: 'http', word: 'http 5xx', gate: 'http' };
  if (status >= 100) return undefined;
  const found = signatureOf(text, families) ?? keywordOf(text, families);
  if (found === undefined || (found.tier === 'keyword' && isExplainedAway(text))) return undefined;
  if (isAskedStop(text)) return undefined;
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

/** The first match that is not negated. */
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

/** Signatures that hold although the record is stated as a warning: what kills a process or stops a service. */
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

/** A message that is only an exception: `RuntimeError: boom`, perhaps behind a logger's name. */
const ONLY_EXCEPTION =
  /^(?:\[[^\]]{0,80}\] *)?(?:[\w.$/-]{1,80} ?(?: : | - |: ))?(?:[\w$]+(?:\.|::|\\)){0,12}[A-Z]\w*(?:Error|Exception|Failure)(?:::\w+)?(?:: \S| \(\S|$)/;

const DEADLY_FAMILIES = DEADLY_ROWS.reduce((bits, { families }) => bits | families, 0);
const EXCEPTION_FAMILIES = familyBits(['error', 'exception', 'fail']);
/** What of a warning is looked at. */
const WARNING_LENGTH = 240;

/** Evidence in the message of a WARN that outranks its level. */
export function evidenceInWarning(message: string): Evidence | undefined {
  const text = message.length > WARNING_LENGTH ? message.slice(0, WARNING_LENGTH) : message;
  const families = familiesIn(text);
  if ((families & (DEADLY_FAMILIES | EXCEPTION_FAMILIES | EXIT_FAMILIES)) === 0) return undefined;
  if ((families & EXCEPTION_FAMILIES) !== 0 && ONLY_EXCEPTION.test(text) && !isAskedStop(text)) {
    return { tier: 'signature', word: 'exception' };
  }
  if ((families & EXIT_FAMILIES) !== 0 && isSupervisedExit(text)) return { tier: 'signature', word: 'process exited' };
  const word = (families & DEADLY_FAMILIES) === 0 ? undefined : firstOf(DEADLY_ROWS, text, families);
  return word === undefined ? undefined : { tier: 'signature', word };
}
