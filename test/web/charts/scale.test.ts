import { describe, expect, it } from 'vitest';
import { joinSpans, roundUp, timeTicks } from '../../../src/web/charts/scale.ts';

const HOUR = 3_600_000;

describe('the scales of charts', () => {
  it('have round times, never more than asked for', () => {
    const from = Date.UTC(2026, 10, 25, 0, 7);
    for (const hours of [0.1, 1, 5, 24, 24 * 7, 24 * 90, 24 * 366]) {
      const ticks = timeTicks({ from, to: from + hours * HOUR }, 8);
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(9);
      expect(ticks.every((tick) => tick % 1_000 === 0 && tick >= from && tick <= from + hours * HOUR)).toBe(true);
    }
  });

  it('end at a round number', () => {
    expect([0, 0.3, 1, 1.2, 23, 51].map(roundUp)).toEqual([1, 0.5, 1, 2, 25, 100]);
  });

  it('join what would be drawn on one another, so that ten thousand incidents are few marks', () => {
    const spans = Array.from({ length: 10_000 }, (_, n) => ({ from: n, to: n + 1 }));
    expect(joinSpans(spans, 2)).toHaveLength(1);
    expect(
      joinSpans(
        [
          { from: 0, to: 10 },
          { from: 5, to: 7 },
          { from: 20, to: 21 },
        ],
        3,
      ),
    ).toMatchObject([
      { from: 0, to: 10 },
      { from: 20, to: 21 },
    ]);
  });
});
