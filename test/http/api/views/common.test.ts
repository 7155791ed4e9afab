import { expect, it } from 'vitest';
import { iso } from '../../../../src/http/api/views/common.ts';

it('writes times as toISOString does, in any order, and times that no Date has as the nearest', () => {
  const times = [0, 1, 86_399_999, 86_400_000, 1_795_435_200_123, 1_795_435_199_999, 1_795_435_200_123.75];
  for (const time of [...times, ...times.toReversed(), 253_402_300_800_000, 8.64e15]) {
    expect(iso(time)).toBe(new Date(time).toISOString());
  }
  expect(iso(-5)).toBe(iso(0));
  expect(iso(9e15)).toBe(iso(8.64e15));
});
