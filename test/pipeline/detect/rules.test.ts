import { describe, expect, it } from 'vitest';
import { compileRules } from '../../../src/pipeline/detect/log-detector.ts';
import { detect } from '../../support/detect.ts';

const tiers = (text: string, rules: { match?: string[]; ignore?: string[] }) =>
  detect([text], rules).map(({ trouble }) => trouble?.tier);

describe("a user's rules", () => {
  it('make a record an error that otherwise is not', () => {
    expect(tiers('10:15:30.123 INFO order lost', { match: ['order (lost|gone)'] })).toEqual(['rule']);
  });

  it('ignore a record that is an error', () => {
    expect(tiers('10:15:30.123 ERROR healthz probe failed', { ignore: ['healthz'] })).toEqual([undefined]);
  });

  it('apply `ignore` before `match`', () => {
    expect(tiers('order lost in test', { match: ['lost'], ignore: ['test'] })).toEqual([undefined]);
  });

  it('apply to the whole record', () => {
    const lines = ['java.lang.RuntimeException: x', '\tat com.acme.Flaky.run(Flaky.java:1)'];
    expect(detect(lines, { ignore: ['Flaky'] }).map(({ trouble }) => trouble)).toEqual([undefined]);
  });

  it('run in linear time whatever the pattern', () => {
    expect(tiers(`10:15:30.123 INFO ${'a'.repeat(5_000)}`, { match: ['(a+)+$x'] })).toEqual([undefined]);
  });

  it.each([
    ['a(', 'detect.match: "a(" is no RE2 pattern'],
    ['(?=x)', 'detect.match: "(?=x)" is no RE2 pattern'],
    ['  ', 'detect.match: an empty pattern'],
    ['x'.repeat(2_001), 'detect.match: the pattern "xxx'],
  ])('are refused with an error that names the pattern: %j', (pattern, message) => {
    expect(() => compileRules({ match: [pattern], ignore: [] })).toThrow(message);
  });
});
