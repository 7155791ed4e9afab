import { describe, expect, it } from 'vitest';
import { compileRules } from '../../../src/pipeline/detect/log-detector.ts';
import { detect } from '../../support/detect.ts';
import { growth, LINEAR } from '../../support/growth.ts';

const tiers = (text: string, rules: { match?: string[]; ignore?: string[] }) =>
  detect([text], rules).map(({ trouble }) => trouble?.tier);

describe('the cost of rules', () => {
  const spread = Array.from({ length: 65_536 }, (_, i) => 'ab'[((i * 2_654_435_761) >>> 16) & 1]).join('');
  const records = ['a'.repeat(65_536), spread, 'word, word: 12 '.repeat(4_000)];

  it.each<[string, string[]]>([
    ['nested counts', ['(?:a{0,30}){30}$']],
    ['deeply nested counts', ['((((((a{9}){9}){9}){9}){9}){9})']],
    ['counts behind quoted brackets', ['\\Q[\\E((a{100}){100}){100}[]']],
    ['counts behind a class of brackets', ['[]((a]((x{100}){100}){100}']],
    ['counts in an unbalanced group', ['((a{1000}){1000}']],
    ['many optional parts', ['(?:[a-z]?){900}[!?]']],
    ['many patterns', Array.from({ length: 400 }, (_, i) => `x${i}`)],
    ['many words', Array.from({ length: 90 }, (_, i) => `some words and the number ${i}`)],
    ['a long pattern', ['x'.repeat(1_001)]],
  ])('is refused if it is too high: %s', (_, match) => {
    let message = '';
    try {
      compileRules({ match, ignore: [] });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^detect\.match: /);
    expect(message.length).toBeLessThan(400);
  });

  it.each<[string, string[]]>([
    ['nested counts', ['(?:[ab]{0,20}){20}[!?]']],
    ['states without end', Array.from({ length: 50 }, () => '[ab]*a[ab]{12}[x-z]')],
    ['many wildcards', Array.from({ length: 80 }, (_, i) => `.*x${i}.*y`)],
    ['word boundaries', ['(?:\\b\\w*){90}[!?]']],
  ])('that is allowed grows linearly with the record: %s', (_, match) => {
    const rules = compileRules({ match, ignore: match });
    const search = (size: number) => {
      for (const record of records) rules.matches(record.slice(0, size));
    };
    expect(growth(65_536, search)).toBeLessThan(LINEAR);
  });

  it.each([
    '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}',
    '[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12} (expired|gone)',
    '\\b\\d{1,3}(\\.\\d{1,3}){3}\\b: connection (reset|refused|timed out)',
    '(?i)deprecat(ed|ion)',
    'x{3,}',
    '[[:alpha:]]{50}',
  ])('allows ordinary patterns: %s', (pattern) => {
    expect(() => compileRules({ match: [pattern], ignore: [pattern] })).not.toThrow();
  });

  it('does not grow with a long record: its beginning is searched', () => {
    const rules = compileRules({ match: ['needle'], ignore: [] });
    expect(rules.matches(`${' '.repeat(8_000)}needle`)).toBe(true);
    expect(rules.matches(`${' '.repeat(9_000)}needle`)).toBe(false);
  });
});

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
    ['x'.repeat(1_001), 'detect.match: the pattern "xxx'],
  ])('are refused with an error that names the pattern: %j', (pattern, message) => {
    expect(() => compileRules({ match: [pattern], ignore: [] })).toThrow(message);
  });
});
