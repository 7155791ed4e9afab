/**
 * Computes the fingerprint of a problem. Fingerprints are stored, so equal problems of a service must have equal ones
 * in every process and in every later version.
 */

import type { LogError } from '../detect/log-error.ts';
import { partsOf, type RecordParts } from '../detect/record-parts.ts';
import { isMask, maskTokens } from './mask.ts';
import { isGeneralType, stackOf, typesInMessage } from './stack.ts';

export { mask } from './mask.ts';

/** What two records must share to be the same problem. */
export interface ProblemKey {
  /**
   * What identifies the problem. `stack`: exception types and frames. `site`: a location in the code and the message.
   * `message`: the message alone.
   */
  readonly kind: 'stack' | 'site' | 'message';
  readonly types: readonly string[];
  /** The statement's own location, such as logger and line, if the record has one; otherwise ''. */
  readonly site: string;
  /** Frames, or the masked message. */
  readonly tokens: readonly string[];
  /** The masked message of a stack whose exception is of a general type; otherwise []. */
  readonly cause: readonly string[];
}

/**
 * `Class#line`, `file.go:12`, `Foo.java:321`, `Class@514`: the statement's own location, in the head or near the start
 * of the message.
 */
const SITE =
  /(?:^|[\s[(|])((?:[\w$.[\]/-]*[A-Za-z_$\]])#\d+|[\w./-]*\w\.(?:go|java|kt|py|rb|js|ts|rs|c|cc|cpp|php|cs|ex|erl|scala)[:(@]\d+|[A-Za-z_$][\w$.]*@\d{1,5})(?=[\s\])|:,]|$)/;

/** A fast check before SITE is tried. */
const NUMBERED = /[#@:(]\d/;

function siteIn(text: string): RegExpExecArray | null {
  return NUMBERED.test(text) ? SITE.exec(text) : null;
}

export function problemKey(error: Pick<LogError, 'record' | 'named' | 'parts'>): ProblemKey {
  return keyOf(error.parts ?? partsOf(error.named ?? error.record.text));
}

function keyOf(parts: RecordParts): ProblemKey {
  if (parts.trace.length > 1) {
    const stack = stackOf(parts.trace);
    if (stack.frames.length > 0) {
      const types = parts.exceptionType !== '' && stack.types.length === 0 ? [parts.exceptionType] : stack.types;
      const general = isGeneralType(types.at(-1) ?? 'Error');
      const cause = general ? withoutKinds(maskTokens(stack.message)).slice(0, MAX_CAUSE) : [];
      return { kind: 'stack', types, site: '', tokens: stack.frames, cause };
    }
  }
  let message = parts.message;
  let site = '';
  const early = siteIn(message.length > 120 ? message.slice(0, 120) : message);
  if (early !== null) {
    site = early[1] as string;
    const at = early.index + early[0].length;
    message = `${message.slice(0, early.index)} ${message.slice(at)}`;
  } else {
    const inHead = siteIn(parts.head);
    if (inHead !== null) site = inHead[1] as string;
  }
  const types = parts.exceptionType === '' ? typesInMessage(message) : [parts.exceptionType];
  return { kind: site === '' ? 'message' : 'site', types, site, tokens: withoutKinds(maskTokens(message)), cause: [] };
}

/** The most words of an exception's message that count. */
const MAX_CAUSE = 24;

/** Units after a number: they change with its size. */
const UNIT = /^(?:[kKMGT]?i?B|bytes?|ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|hours?|days?)$/;

/**
 * Replaces each mask with VALUE, because a value may look different each time, and drops repeated values and the units
 * after them. Changes the array in place.
 */
function withoutKinds(tokens: string[]): string[] {
  let kept = 0;
  for (const token of tokens) {
    const masked = isMask(token);
    if (kept > 0 && tokens[kept - 1] === VALUE && (masked || (token.length <= 7 && UNIT.test(token)))) continue;
    tokens[kept++] = masked ? VALUE : token;
  }
  tokens.length = kept;
  return tokens;
}

/** The mask of numbers, which are the most frequent values. Stored fingerprints depend on it. */
const VALUE = '<num>';

/** Returns sixteen hexadecimal digits. `service`: the key of `serviceKey`. */
export function fingerprint(service: string, error: Pick<LogError, 'record' | 'named' | 'parts'>): string {
  return fingerprintOf(service, problemKey(error));
}

export function fingerprintOf(service: string, key: ProblemKey): string {
  const parts = [service, '\u0000', key.kind, '\u0000', key.types.join('>'), '\u0000', key.site, '\u0000'];
  pushWords(parts, key.tokens);
  if (key.cause.length > 0) {
    parts.push('\u0000');
    pushWords(parts, key.cause);
  }
  return hashParts(parts);
}

function pushWords(parts: string[], words: readonly string[]): void {
  for (let i = 0; i < words.length; i++) {
    if (i > 0) parts.push(' ');
    parts.push(words[i] as string);
  }
}

/**
 * Returns a 64-bit hash of a string, in hexadecimal: two 32-bit multiply-and-rotate halves with MurmurHash3's constants
 * and finalisers. It need not be cryptographic: anybody who can write to the log can also write an equal line.
 */
export function hash64(text: string): string {
  return hashParts([text]);
}

/** Returns the hash of the joined parts without joining them. */
function hashParts(parts: readonly string[]): string {
  let length = 0;
  for (const part of parts) length += part.length;
  let a = 0x9747b28c ^ length;
  let b = 0x85ebca6b ^ length;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      a = Math.imul(a ^ code, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b ^ code, 0x1b873593);
      b = (b << 13) | (b >>> 19);
    }
  }
  a = finish(a ^ b);
  b = finish(b + a);
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Returns project and service, which stay the same when a container is recreated or scaled. */
export function serviceKey(container: { readonly project?: string; readonly service: string }): string {
  return container.project === undefined ? container.service : `${container.project}/${container.service}`;
}
