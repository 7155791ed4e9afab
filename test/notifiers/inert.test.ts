import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inert, inertLine } from '../../src/notifiers/inert.ts';
import { growth, LINEAR } from '../support/growth.ts';
import { hostileText } from './arbitrary-alert.ts';
import { expectInert } from './inert.ts';

it.each([
  ['<!channel> <@U012>', '‹!channel› ‹＠U012›'],
  ['@everyone, ask ops@example.com', '＠everyone, ask ops@example.com'],
  ['see https://evil.example/x or www.evil.example', 'see https:⁄⁄evil.example/x or www․evil.example'],
  ['[click](javascript:alert(1))', '［click］(javascript：alert(1))'],
  ['**bold** _it_ ~no~ `code` ORDER_ID', '∗∗bold∗∗ ＿it＿ ∼no∼ ˋcodeˋ ORDER_ID'],
  ['# title\n- item', '＃ title\n– item'],
  ['{{ .Secret }}', '{ { .Secret } }'],
])('%j becomes %j', (text, expected) => {
  expect(inert(text)).toBe(expected);
  expectInert(inert(text));
});

it('many empty lines, blanks or marks take linear time', () => {
  for (const unit of ['\n', ' ', '-', ' \n- ', '_']) {
    const work = (size: number): void => {
      const text = `a${unit.repeat(size)}b`;
      inert(text);
      inertLine(text, 200);
    };
    expect(growth(20_000, work), JSON.stringify(unit)).toBeLessThan(LINEAR);
  }
});

it('any text becomes inert', () => {
  const text = fc.oneof(
    hostileText,
    fc.array(fc.constantFrom(...'@_#<>&*`~|[]\\:/{}%w.- \na'), { maxLength: 30 }).map((chars) => chars.join('')),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 100 }), (given, max) => {
      expectInert(inert(given));
      expectInert(inertLine(given, max));
      expect(inertLine(given, max).length).toBeLessThanOrEqual(max);
    }),
    { numRuns: 2_000 },
  );
});
