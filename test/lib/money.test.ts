import { expect, it } from 'vitest';
import { formatUsd } from '../../src/lib/money.ts';

it.each([
  [0, '$0.00'],
  [0.00012, '$0.00012'],
  [0.0011, '$0.0011'],
  [0.012, '$0.012'],
  [0.1, '$0.10'],
  [1, '$1.00'],
  [12.345, '$12.35'],
])('formats %d US dollars as %s', (amount, expected) => {
  expect(formatUsd(amount)).toBe(expected);
});
