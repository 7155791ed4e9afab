import { describe, expect, it } from 'vitest';
import { costUsd, PRICES } from '../../../src/models/claude/prices.ts';

const MILLION = { input: 1e6, output: 0, cacheRead: 0, cacheWrite: 0 };
const SHORT = { input: 100_000, output: 1000, cacheRead: 0, cacheWrite: 0 };

describe('the cost of a request', () => {
  it.each([
    ['claude-haiku-5-5', SHORT, 0.0105],
    ['the whole request at the long-prompt rate, above 100k', { ...SHORT, input: 100_001 }, 0.0525005],
    ['cached tokens count toward the length of the prompt', { ...SHORT, input: 1, cacheRead: 100_000 }, 0.0075005],
  ])('haiku: %s', (_what, tokens, usd) => {
    expect(costUsd('claude-haiku-5-5', tokens)).toBeCloseTo(usd, 9);
  });

  it.each([
    ['claude-sonnet-5-5', 2],
    ['claude-opus-5-5', 4],
    ['claude-sonnet-5-5-20260901', 2],
    ['claude-sonnet-5-5@20260901', 2],
    ['an unknown model', 4],
    ['claude-sonnet-5-55', 4],
    ['claude-sonnet', 4],
  ])('a million tokens to %s', (model, usd) => {
    expect(costUsd(model, MILLION)).toBe(usd);
  });

  it('is at least as high for an unknown model as for any known one', () => {
    const tokens = { input: 50_000, output: 5000, cacheRead: 70_000, cacheWrite: 9000 };
    for (const { model } of PRICES) expect(costUsd('unknown', tokens)).toBeGreaterThanOrEqual(costUsd(model, tokens));
  });
});
