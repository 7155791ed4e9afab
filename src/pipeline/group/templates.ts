/**
 * Learns which words of otherwise equal messages are values: once enough different ones were seen in one position,
 * messages with others are the same problem. A word that changes the meaning of a message is never taken for a value.
 *
 * Memory is bounded: the least recently used buckets of a service are forgotten, and the oldest messages and templates
 * of a bucket.
 */
import { familiesIn, OTHER_STATUS } from '../detect/stems.ts';
import type { ProblemKey } from './fingerprint.ts';
import { isMask } from './mask.ts';

export interface Templates {
  /** Returns the fingerprint of the problem whose template the message fits; undefined if it fits none. */
  match(key: ProblemKey): string | undefined;
  /**
   * Remembers a message of a new problem. If it shows that some words are values, returns the fingerprints of the
   * problems that are therefore one, oldest first; otherwise undefined.
   */
  learn(key: ProblemKey, fingerprint: string): readonly string[] | undefined;
}

/**
 * The most buckets (messages of equal kind, types, location and length) of a service, and messages and templates of a
 * bucket.
 */
const MAX_BUCKETS = 64;
const MAX_MESSAGES = 48;
const MAX_TEMPLATES = 24;
/** Distinct values after which a position is variable: plain words, and words that look like names. */
const PLAIN_VALUES = 4;
const NAME_VALUES = 3;
/** The same, if one of the values is a number or an address: the position is variable anyway. */
const MASKED_VALUES = 2;
/** The largest share of a message's words that may be values. */
const VARIABLE_SHARE = 0.4;
/** The fewest plain words that must be equal: with fewer, two messages have nothing in common. */
const MIN_CONSTANTS = 2;

interface Message {
  readonly tokens: readonly string[];
  readonly fingerprint: string;
}

interface Template {
  /** Undefined in positions where any value fits. */
  readonly tokens: readonly (string | undefined)[];
  readonly fingerprint: string;
}

interface Bucket {
  readonly messages: Message[];
  readonly templates: Template[];
}

/** Words that are followed by a name. */
const NAMED =
  /^(?:user|username|account|role|group|host|hostname|server|node|service|unit|container|pod|image|database|db|schema|table|index|column|queue|topic|exchange|channel|bucket|volume|domain|zone|device|interface|file|module|package|plugin|job|task|worker|thread|session|client|tenant|project|repository|branch|key|name|named|called|for)$/i;
/** States, outcomes and function words: a different one means a different problem. */
const MEANING =
  /^(?:not|no|up|down|open(?:ed)?|closed?|started|starting|stopped|stopping|enabled|disabled|active|inactive|ready|online|offline|success\w*|ok|true|false|null|none|yes|read|write|primary|replica|master|slave|leader|follower|hung|died|stuck|empty|full|high|low|in|out|on|off|to|from|before|after|above|below|new|old|first|last|all|any|is|was|are|were|has|have|had|and|or|but|with|without|by|at|of|the|an?|GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)$/i;

/** Whether a word may be a value. */
function mayBeValue(token: string): boolean {
  if (isMask(token)) return true;
  if (MEANING.test(token) || /^[A-Z][A-Z_]{2,}$/.test(token)) return false;
  return looksLikeName(token) || (familiesIn(token) & ~OTHER_STATUS) === 0;
}

/** Whether the token has dots, dashes, digits or the like and is not an error code. */
export function looksLikeName(token: string): boolean {
  return !isMask(token) && /[-_.\d/:$#]/.test(token) && !/^[A-Z][A-Z_]+$/.test(token);
}

/** Returns the number of distinct values after which this position is variable. */
function needed(values: ReadonlySet<string>, before: string | undefined): number {
  let names = true;
  for (const value of values) {
    if (isMask(value)) return MASKED_VALUES;
    names &&= looksLikeName(value);
  }
  return names || (before !== undefined && NAMED.test(before)) ? NAME_VALUES : PLAIN_VALUES;
}

/** Returns the words in which two messages of one kind may differ. */
function wordsOf(key: ProblemKey): readonly string[] {
  return key.kind === 'stack' ? key.cause : key.tokens;
}

export function createTemplates(): Templates {
  const buckets = new Map<string, Bucket>();

  function bucketOf(key: ProblemKey): Bucket | undefined {
    const { length } = wordsOf(key);
    if (length < 3) return undefined;
    const location = key.kind === 'stack' ? key.tokens.join('\n') : key.site;
    const name = `${key.kind}\u0000${key.types.join('>')}\u0000${location}\u0000${length}`;
    let bucket = buckets.get(name);
    if (bucket === undefined) {
      if (buckets.size >= MAX_BUCKETS) buckets.delete(buckets.keys().next().value as string);
      bucket = { messages: [], templates: [] };
    } else buckets.delete(name);
    buckets.set(name, bucket);
    return bucket;
  }

  return {
    match(key) {
      const templates = bucketOf(key)?.templates;
      return templates?.find(({ tokens }) => fits(tokens, wordsOf(key)))?.fingerprint;
    },
    learn(key, fingerprint) {
      const bucket = bucketOf(key);
      if (bucket === undefined) return undefined;
      const words = wordsOf(key);
      const message = { tokens: words, fingerprint };
      const alike = groupByPositions(bucket.messages, words);
      if (bucket.messages.length >= MAX_MESSAGES) bucket.messages.shift();
      bucket.messages.push(message);
      for (const [positions, others] of alike) {
        const at = positions.split(',').map(Number);
        if (!at.every((position) => isVariable(position, [...others, message]))) continue;
        const first = others[0] as Message;
        if (bucket.templates.length >= MAX_TEMPLATES) bucket.templates.shift();
        bucket.templates.push({
          tokens: words.map((token, position) => (at.includes(position) ? undefined : token)),
          fingerprint: first.fingerprint,
        });
        const merged = new Set([...others, message]);
        const kept = bucket.messages.filter((it) => !merged.has(it));
        bucket.messages.splice(0, bucket.messages.length, ...kept, first);
        return [...new Set([...merged].map((it) => it.fingerprint))];
      }
      return undefined;
    },
  };
}

function fits(template: readonly (string | undefined)[], tokens: readonly string[]): boolean {
  for (let i = 0; i < tokens.length; i++) {
    const wanted = template[i];
    const token = tokens[i] as string;
    if (wanted === undefined ? !mayBeValue(token) : wanted !== token) return false;
  }
  return true;
}

/** Groups the messages that differ from `tokens` in few positions, all of which may be values, by these positions. */
function groupByPositions(messages: readonly Message[], tokens: readonly string[]): Map<string, Message[]> {
  const most = Math.max(1, Math.floor(tokens.length * VARIABLE_SHARE));
  const found = new Map<string, Message[]>();
  for (const message of messages) {
    const positions: number[] = [];
    let constants = 0;
    for (let i = 0; i < tokens.length && positions.length <= most; i++) {
      const token = tokens[i] as string;
      const other = message.tokens[i] as string;
      if (token === other) {
        if (!isMask(token)) constants++;
      } else positions.push(mayBeValue(token) && mayBeValue(other) ? i : Number.POSITIVE_INFINITY);
    }
    if (positions.length === 0 || positions.length > most || constants < MIN_CONSTANTS) continue;
    if (positions.includes(Number.POSITIVE_INFINITY)) continue;
    const name = positions.join(',');
    const alike = found.get(name);
    if (alike === undefined) found.set(name, [message]);
    else alike.push(message);
  }
  return found;
}

function isVariable(position: number, messages: readonly Message[]): boolean {
  const values = new Set(messages.map(({ tokens }) => tokens[position] as string));
  return values.size >= needed(values, messages[0]?.tokens[position - 1]);
}
