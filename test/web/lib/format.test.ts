import { describe, expect, it } from 'vitest';
import { counted, duration, relative, usd, utc } from '../../../src/web/lib/format.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('format', () => {
  it.each([
    [0, '$0.00'],
    [0.00012, '$0.0001'],
    [0.0123, '$0.0123'],
    [0.42, '$0.42'],
    [1234.5, '$1,234.50'],
  ])('writes %d dollars as %s', (amount, text) => {
    expect(usd(amount)).toBe(text);
  });

  it.each([
    [40, '40 ms'],
    [1_200, '1.2 s'],
    [42 * SECOND, '42 s'],
    [59.7 * SECOND, '1 min'],
    [20 * MINUTE, '20 min'],
    [59.7 * MINUTE, '1 h'],
    [80 * MINUTE, '1 h 20 min'],
    [23.999 * HOUR, '1 d'],
    [52 * HOUR, '2 d 4 h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('says when something was and when it will be', () => {
    const now = Date.UTC(2026, 10, 25, 12);
    expect(relative(now - SECOND, now)).toBe('just now');
    expect(relative(now - 8_000, now)).toBe('8 s ago');
    expect(relative(now - 9_700, now)).toBe('10 s ago');
    expect(relative(now - 5 * MINUTE, now)).toBe('5 min ago');
    expect(relative(now + 10 * MINUTE, now)).toBe('in 10 min');
  });

  it('counts in singular and plural, and names UTC exactly', () => {
    expect([counted(1, 'restart'), counted(1_200, 'restart'), counted(2, 'recovery', 'recoveries')]).toEqual([
      '1 restart',
      '1,200 restarts',
      '2 recoveries',
    ]);
    expect(utc(Date.UTC(2026, 10, 25, 22, 3, 37, 120))).toBe('2026-11-25 22:03:37.120 UTC');
  });
});
