import { expect, it } from 'vitest';
import { wilson } from '../../../src/web/lib/statistics.ts';

it.each([
  // From Wilson's formula, computed elsewhere.
  [9, 10, 0.596, 0.982],
  [1, 1, 0.207, 1],
  [0, 10, 0, 0.278],
  [50, 100, 0.404, 0.596],
])('%d of %d successes are likely a rate from %d to %d', (successes, total, low, high) => {
  const interval = wilson(successes, total);
  expect(interval.low).toBeCloseTo(low, 3);
  expect(interval.high).toBeCloseTo(high, 3);
});

it('knows nothing without a case', () => {
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
});
