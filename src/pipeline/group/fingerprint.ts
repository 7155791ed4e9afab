/**
 * The name of a problem: equal for equal problems of one service, in every process and for ever, as it is
 * stored.
 */

import type { LogError } from '../detect/log-error.ts';
import { partsOf, type RecordParts } from '../detect/record-parts.ts';
import { isMask, maskTokens } from './mask.ts';
import { isGeneralType, stackOf, typesInMessage } from './stack.ts';

export { mask } from './mask.ts';

/** What two records must share to be the same problem. */
export interface ProblemKey {
  /** `stack`: types and frames tell it; `site`: a place in the code and the message; `message`: only that. */
  readonly kind: 'stack' | 'site' | 'message';
  readonly types: readonly string[];
  /** Logger and line where the statement names itself; '' where not. */
  readonly site: string;
  /** Frames, or the masked message. */
  readonly tokens: readonly string[];
  /** Of a stack whose exception is of a general type: its masked message; else []. */
  readonly cause: readonly string[];
}

/** `Class#line`, `file.go:12`, `Foo.java:321`, `Class@514`: the statement's own place, in the head or first in the message. */
const SITE =
  /(?:^|[\s[(|])((?:[\w$.[\]/-]*[A-Za-z_$\]])#\d+|[\w./-]*\w\.(?:go|java|kt|py|rb|js|ts|rs|c|cc|cpp|php|cs|ex|erl|scala)[:(@]\d+|[A-Za-z_$][\w$.]*@\d{1,5})(?=[\s\])|:,]|$)/;

/** A cheap look before SITE. */
const NUMBERED = /[#@:(]\d/;

function siteIn(text: string): RegExpExecArray | null {
  return NUMBERED.test(text) ? SITE.exec(text) : null;
}

export function problemKey(trouble: Pick<LogError, 'record' | 'named'>): ProblemKey {
  return keyOf(partsOf(trouble.named ?? trouble.record.text));
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

/** Words of an exception's message that take part. */
const MAX_CAUSE = 24;

/** Units behind a number, which change with its size. */
const UNIT = /^(?:[kKMGT]?i?B|bytes?|ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|hours?|days?)$/;

/** A value is a value, whatever it looks like this time. */
function withoutKinds(tokens: readonly string[]): string[] {
  const out: string[] = [];
  for (const token of tokens) {
    const before = out[out.length - 1];
    if (before === VALUE && (isMask(token) || UNIT.test(token))) continue;
    out.push(isMask(token) ? VALUE : token);
  }
  return out;
}

/** As numbers, the most frequent values, have always been masked: fingerprints are stored. */
const VALUE = '<num>';

/** `service`: what the problem is remembered under. Sixteen hexadecimal digits. */
export function fingerprint(service: string, trouble: Pick<LogError, 'record' | 'named'>): string {
  return fingerprintOf(service, problemKey(trouble));
}

export function fingerprintOf(service: string, key: ProblemKey): string {
  const cause = key.cause.length === 0 ? '' : `\u0000${key.cause.join(' ')}`;
  return hash64(
    `${service}\u0000${key.kind}\u0000${key.types.join('>')}\u0000${key.site}\u0000${key.tokens.join(' ')}${cause}`,
  );
}

/**
 * 64 bits of a string, in hexadecimal: two 32-bit multiply-and-rotate halves with MurmurHash3's constants and
 * finalisers. No cryptography: who can write the log can also write the same line.
 */
export function hash64(text: string): string {
  let a = 0x9747b28c ^ text.length;
  let b = 0x85ebca6b ^ text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ code, 0x1b873593);
    b = (b << 13) | (b >>> 19);
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

/** Project and service: what survives recreation and scaling. */
export function serviceKey(container: { readonly project?: string; readonly service: string }): string {
  return container.project === undefined ? container.service : `${container.project}/${container.service}`;
}
