import { describe, expect, it } from 'vitest';
import { createRedactor, redactText } from '../../src/redact/redactor.ts';
import {
  HEX32_LINES,
  HEX40_LINES,
  HEX50_LINES,
  HEX64_LINES,
  KEY_LINES,
  PASSWORD_LINES,
  UUID_LINES,
} from './corpus-notations.ts';
import { alnum, chars, hexDigits } from './corpus-words.ts';

const hex = (length: number) => chars(hexDigits, length, length);
/** Passwords with symbols that end other values, passwords of words, and random ones. */
const PASSWORDS = [
  'Zr4kTq92LmXw7b',
  'harbor338!Kq2',
  'velvetOnyx92',
  'qpcqh-VSMmBk_647',
  'sGB4Zz@H0t2Ra',
  'mU7&kd#92Lq',
];
const KEYS = [chars(alnum, 32, 5), chars(alnum, 40, 6)];
const UUIDS = ['5b7e9c1a-3f2d-4c8b-9a6e-1d0f2b3c4d5e'];

const kinds = [
  ['a password', PASSWORD_LINES, PASSWORDS],
  ['a key', KEY_LINES, KEYS],
  ['a UUID', UUID_LINES, UUIDS],
  ['32 hexadecimal digits', HEX32_LINES, [hex(32)]],
  ['40 hexadecimal digits', HEX40_LINES, [hex(40)]],
  ['50 hexadecimal digits', HEX50_LINES, [hex(50)]],
  ['64 hexadecimal digits', HEX64_LINES, [hex(64)]],
] as const;

/** Notations in which these symbols must be escaped, or look like the end of the value. */
const NOT_WITH_SYMBOLS = /query|form|url|jdbc|pgpass|prose|netrc|FTP|POP3|imap/i;

describe.each(kinds)('%s is hidden', (_, lines, values) => {
  const cases = lines.flatMap(([notation, line]) =>
    values
      .filter((value) => !(/[&#@]/.test(value) && NOT_WITH_SYMBOLS.test(notation)))
      .map((value) => [notation, value, line.replace('§', () => value)] as const),
  );

  it.each(cases)('in this notation: %s (%s)', async (_notation, value, line) => {
    const { redact } = createRedactor();
    const shown = (await redact(line.split('\n'), [])).texts.join('\n');
    expect(shown).not.toContain(value);
    expect(redactText(line)).not.toContain(value);
  });
});
