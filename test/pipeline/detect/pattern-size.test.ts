import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { estimatedSize } from '../../../src/pipeline/detect/pattern-size.ts';

describe('the estimated size of a pattern', () => {
  it.each([
    ['abc', 3],
    ['a{50}', 50],
    ['(ab){10}', 40],
    ['(a{10}){10}', 120],
    ['[a-z]{7}', 7],
    ['[]{9}]{7}', 7],
    ['[[:alpha:]{9}]{7}', 7],
    ['\\[a{7}', 8],
    ['\\Q[(\\Ea{7}', 14],
    ['a{3,9}', 9],
    ['a{3,}', 3],
  ])('%s: %i', (pattern, size) => expect(estimatedSize(pattern)).toBe(size));

  it('is never far below the size of the program', () => {
    const atom = fc.constantFrom(
      'a',
      '.',
      '[a-z]',
      '[]x]',
      '[^]()]',
      '\\d',
      '\\(',
      '\\[',
      '\\Q[(\\E',
      '(?i)k',
      '\\pL',
      '^',
    );
    const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
      part: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc
          .tuple(tie('pattern'), fc.constantFrom('', '*', '?', '+', '{3}', '{2,7}', '{4,}', '{0,9}'))
          .map(([p, c]) => `(${p})${c}`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      ),
      pattern: fc.array(tie('part'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
    }));
    fc.assert(
      fc.property(pattern, (text) => {
        const estimated = estimatedSize(text);
        const compiled = compile(text);
        fc.pre(estimated < 5_000 && compiled !== undefined);
        expect(compiled?.programSize()).toBeLessThanOrEqual(4 * estimated + 20);
      }),
      { numRuns: 300 },
    );
  });
});

/** Undefined if RE2 refuses the product of nested counts, which it limits to 1,000. */
function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (/invalid repeat count/.test(String(error))) return undefined;
    throw error;
  }
}
