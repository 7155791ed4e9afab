/**
 * Learns which words of otherwise equal messages are values: where many were seen in one place, further ones tell
 * of the same problem. A word that changes the meaning of a message is never taken for a value.
 *
 * Bounded: the messages and templates of a service that were used least recently are forgotten.
 */
import { familiesIn, OTHER_STATUS } from '../detect/stems.ts';
import type { ProblemKey } from './fingerprint.ts';
import { isMask } from './mask.ts';

export interface Templates {
  /** The problem whose template the message fits; undefined where it fits none. */
  match(key: ProblemKey): string | undefined;
  /**
   * Remembers a message of a new problem. Where it shows that some words are values: the problems that are one by
   * that, the first of them first.
   */
  learn(key: ProblemKey, fingerprint: string): readonly string[] | undefined;
}

/** Buckets (messages of equal length and kind) of a service; messages and templates of a bucket. */
const MAX_BUCKETS = 64;
const MAX_MESSAGES = 48;
const MAX_TEMPLATES = 24;
/** Distinct values that show a place to be variable: for plain words, for words that look like names. */
const PLAIN_VALUES = 4;
const NAME_VALUES = 3;
/** A number or an address here and a name there: the place was variable anyway. */
const MASKED_VALUES = 2;
/** Of the words of a message, so many may be values. */
const VARIABLE_SHARE = 0.4;
/** Plain words that must be equal: with fewer, two messages have nothing in common. */
const MIN_CONSTANTS = 2;

interface Message {
  readonly tokens: readonly string[];
  readonly fingerprint: string;
}

interface Template {
  /** Undefined where any value fits. */
  readonly tokens: readonly (string | undefined)[];
  readonly fingerprint: string;
}

interface Bucket {
  readonly messages: Message[];
  readonly templates: Template[];
}

/** Behind one of these stands the name of one. */
const NAMED =
  /^(?:user|username|account|role|group|host|hostname|server|node|service|unit|container|pod|image|database|db|schema|table|index|column|queue|topic|exchange|channel|bucket|volume|domain|zone|device|interface|file|module|package|plugin|job|task|worker|thread|session|client|tenant|project|repository|branch|key|name|named|called|for)$/i;
/** States and outcomes: another one is another problem. */
const MEANING =
  /^(?:not|no|up|down|open(?:ed)?|closed?|started|starting|stopped|stopping|enabled|disabled|active|inactive|ready|online|offline|success\w*|ok|true|false|null|none|yes|read|write|primary|replica|master|slave|leader|follower|hung|died|stuck|empty|full|high|low|in|out|on|off|to|from|before|after|above|below|new|old|first|last|all|any|is|was|are|were|has|have|had|and|or|but|with|without|by|at|of|the|an?|GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)$/i;

/** Whether a word may be a value. */
function mayBeValue(token: string): boolean {
  if (isMask(token)) return true;
  if (MEANING.test(token) || /^[A-Z][A-Z_]{2,}$/.test(token)) return false;
  return looksLikeName(token) || (familiesIn(token) & ~OTHER_STATUS) === 0;
}

/** Parts joined by dots, dashes and the like; not an error code. */
export function looksLikeName(token: string): boolean {
  return !isMask(token) && /[-_.\d/:$#]/.test(token) && !/^[A-Z][A-Z_]+$/.test(token);
}

/** Distinct values that are needed in this place. */
function needed(values: ReadonlySet<string>, before: string | undefined): number {
  let names = true;
  for (const value of values) {
    if (isMask(value)) return MASKED_VALUES;
    names &&= looksLikeName(value);
  }
  return names || (before !== undefined && NAMED.test(before)) ? NAME_VALUES : PLAIN_VALUES;
}

/** The words in which messages of one kind may differ. */
function wordsOf(key: ProblemKey): readonly string[] {
  return key.kind === 'stack' ? key.cause : key.tokens;
}

export function createTemplates(): Templates {
  const buckets = new Map<string, Bucket>();

  function bucketOf(key: ProblemKey): Bucket | undefined {
    const { length } = wordsOf(key);
    if (length < 3) return undefined;
    const place = key.kind === 'stack' ? key.tokens.join('\n') : key.site;
    const name = `${key.kind}\u0000${key.types.join('>')}\u0000${place}\u0000${length}`;
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
      const alike = groupByPlaces(bucket.messages, words);
      if (bucket.messages.length >= MAX_MESSAGES) bucket.messages.shift();
      bucket.messages.push(message);
      for (const [places, others] of alike) {
        const at = places.split(',').map(Number);
        if (!at.every((place) => isVariable(place, [...others, message]))) continue;
        const first = others[0] as Message;
        if (bucket.templates.length >= MAX_TEMPLATES) bucket.templates.shift();
        bucket.templates.push({
          tokens: words.map((token, place) => (at.includes(place) ? undefined : token)),
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

/** The messages that differ from `tokens` in few places, all of which may be values: by these places. */
function groupByPlaces(messages: readonly Message[], tokens: readonly string[]): Map<string, Message[]> {
  const most = Math.max(1, Math.floor(tokens.length * VARIABLE_SHARE));
  const found = new Map<string, Message[]>();
  for (const message of messages) {
    const places: number[] = [];
    let constants = 0;
    for (let i = 0; i < tokens.length && places.length <= most; i++) {
      const token = tokens[i] as string;
      const other = message.tokens[i] as string;
      if (token === other) {
        if (!isMask(token)) constants++;
      } else places.push(mayBeValue(token) && mayBeValue(other) ? i : Number.POSITIVE_INFINITY);
    }
    if (places.length === 0 || places.length > most || constants < MIN_CONSTANTS) continue;
    if (places.includes(Number.POSITIVE_INFINITY)) continue;
    const name = places.join(',');
    const alike = found.get(name);
    if (alike === undefined) found.set(name, [message]);
    else alike.push(message);
  }
  return found;
}

function isVariable(place: number, messages: readonly Message[]): boolean {
  const values = new Set(messages.map(({ tokens }) => tokens[place] as string));
  return values.size >= needed(values, messages[0]?.tokens[place - 1]);
}
