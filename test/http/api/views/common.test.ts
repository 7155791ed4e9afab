import { expect, it } from 'vitest';
import { iso } from '../../../../src/http/api/views/common.ts';

it('writes a time that no Date can have as the nearest one that it can', () => {
  expect(iso(1_795_435_200_123.75)).toBe('2026-11-23T12:00:00.123Z');
  expect(iso(-5)).toBe('1970-01-01T00:00:00.000Z');
  expect(iso(9e15)).toBe(new Date(8.64e15).toISOString());
});
