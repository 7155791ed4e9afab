import { beginsWithMask } from './masks.ts';
import type { Span } from './spans.ts';

/** `name = value`, in whatever notation, where the name says that the value is secret. */
export interface Assignment extends Span {
  /** How surely the name means a secret: `password` does, `token` often does not. */
  readonly word: 'strong' | 'weak';
  readonly value: string;
  readonly quoted: boolean;
  readonly separator: ':' | '=';
  /** What follows the value: up to 40 characters. */
  readonly after: string;
}

const STRONG = [
  'pass(?:word|wd|phrase|code)',
  'passwort',
  'requirepass',
  'erlang[_-]?cookie',
  'masterauth',
  'pwd',
  '(?<=[_.-])pass',
  'api[_-]?(?:key|token|secret)',
  '(?:secret|private|signing|encryption|master|app|account|shared[_-]?access|access|license|storage)[_-]?(?:access[_-]?)?key',
  '(?:client|app|consumer|shared|webhook|jwt|cookie|session)[_-]?secret',
  '(?:access|auth|refresh|(?<![a-z])id|bearer|session|security|csrf|xsrf|bot|deploy|private|secret)[_-]?token',
];
const WEAK = [
  'pass',
  'token',
  'secret',
  'credentials?',
  'session[_-]?(?:id|key)?',
  'sess(?:id)?',
  'sid',
  'jsessionid',
  'phpsessid',
  'auth',
  'otp',
  'pin',
  'nonce',
  'salt',
];

/**
 * The name's last part, what may still follow it in a name, its closing quote or bracket, and the separator.
 * What stands before a strong word does not matter (`DB_PASSWORD`, `PGPASSWORD`); a weak one must begin a
 * word (`api_token`, `apiToken`, not `spin`, `oauth`).
 */
const NAME = new RegExp(
  `(?:(?<strong>${STRONG.join('|')})|(?<weak>${WEAK.join('|')}))` +
    '(?:[_-]?(?:value|hash|base64|b64|old|new|current|previous|plain|raw|\\d{1,3}))?' +
    '(?:\\\\{0,3}["\'`]|\\])?[ \\t]{0,8}(?<separator>=>|:=|==|=|:|%3d)[ \\t]{0,8}',
  'gi',
);

/** Longer than keys are; a bound keeps a hostile line cheap. */
const LONGEST_VALUE = 4096;

/** Those that `isSecret` accepts. Searches on behind an accepted value, not within it. */
export function findAssignments(text: string, isSecret: (assignment: Assignment) => boolean): Span[] {
  const spans: Span[] = [];
  const name = new RegExp(NAME);
  for (let match = name.exec(text); match !== null; match = name.exec(text)) {
    if (match.groups?.strong === undefined && !beginsWord(text, match.index)) continue;
    const value = readValue(text, match.index + match[0].length);
    if (value === undefined) continue;
    const assignment: Assignment = {
      ...value,
      word: match.groups?.strong === undefined ? 'weak' : 'strong',
      separator: /^(?::|%3a)$/i.test(match.groups?.separator ?? '') ? ':' : '=',
      value: text.slice(value.start, value.end),
      after: text.slice(value.end, value.end + 40),
    };
    if (!isSecret(assignment)) continue;
    spans.push({ start: value.start, end: value.end });
    name.lastIndex = Math.max(name.lastIndex, value.end);
  }
  return spans;
}

/** Behind a sign, or at the hump of a camelCase name. */
function beginsWord(text: string, at: number): boolean {
  const before = text[at - 1] ?? ' ';
  if (!/[A-Za-z]/.test(before)) return true;
  return /[a-z]/.test(before) && /[A-Z]/.test(text[at] as string);
}

function readValue(text: string, at: number): (Span & { readonly quoted: boolean }) | undefined {
  const window = text.slice(at, at + LONGEST_VALUE);
  const open = /^(\\{0,3}["'`])/.exec(window)?.[1];
  if (open !== undefined) {
    const start = at + open.length;
    return { start, end: start + lengthToClose(window.slice(open.length), open), quoted: true };
  }
  if (beginsWithMask(window)) return undefined;
  // Bare: to the next blank, quote or separator of pairs. A comma or bracket ends it only where it ends
  // the pair too: passwords have them inside.
  const bare = /^(?:[^\s"'`&;,)\]}<>‹›]|[,)\]}<>](?![\s"'`]|$|\w{1,40}[=:]))+/.exec(window)?.[0];
  return bare === undefined ? undefined : { start: at, end: at + bare.length, quoted: false };
}

/** Length up to the quote that closes, or to the end of the line where none does. */
function lengthToClose(text: string, open: string): number {
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '\n' || char === '\r') return i;
    if (text.startsWith(open, i)) return i;
    if (open.length === 1 && char === '\\') i++;
  }
  return text.length;
}
