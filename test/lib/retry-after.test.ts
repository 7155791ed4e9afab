import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../src/lib/retry-after.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

describe('the pause that a response asks for', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['in seconds', { 'retry-after': '30' }, 30_000],
    ['in fractions of a second', { 'retry-after': '0.5' }, 500],
    ['as a date', { 'retry-after': new Date(NOW + 60_000).toUTCString() }, 60_000],
    ['as a date in the past', { 'retry-after': new Date(NOW - 1_000).toUTCString() }, -1_000],
    ['in milliseconds, which take precedence', { 'retry-after': '30', 'retry-after-ms': '5' }, 5],
    ['not at all', {}, undefined],
    ['in a form that is neither', { 'retry-after': 'soon' }, undefined],
  ])('is read %s', (_form, headers, expected) => {
    expect(retryAfterMs(new Headers(headers), NOW)).toBe(expected);
  });
});
