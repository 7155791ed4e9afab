import { describe, expect, it } from 'vitest';
import { DEFAULT_MODEL, DEFAULT_STRONG_MODEL } from '../../../src/models/claude/claude.ts';
import { costUsd, PRICES } from '../../../src/models/claude/prices.ts';

const MILLION = { input: 1e6, output: 0, cacheRead: 0, cacheWrite: 0 };
const SHORT = { input: 100_000, output: 1000, cacheRead: 0, cacheWrite: 0 };

describe('what a request costs', () => {
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
    ['a model nobody knows', 4],
    ['claude-sonnet-5-55', 4],
    ['claude-sonnet', 4],
  ])('a million tokens to %s', (model, usd) => {
    expect(costUsd(model, MILLION)).toBe(usd);
  });

  it('is never less for an unknown model than for any known one', () => {
    const tokens = { input: 50_000, output: 5000, cacheRead: 70_000, cacheWrite: 9000 };
    for (const { model } of PRICES) expect(costUsd('unknown', tokens)).toBeGreaterThanOrEqual(costUsd(model, tokens));
  });

  it('follows prices given, the most exact name first', () => {
    const flat = (usd: number) => ({ input: usd, output: usd, cacheRead: usd, cacheWrite: usd });
    const given = [
      { model: 'claude-sonnet-5-5', rates: flat(7) },
      { model: 'claude-sonnet-5-5-20260901', rates: flat(9) },
    ];
    expect(costUsd('claude-sonnet-5-5', MILLION, given)).toBe(7);
    expect(costUsd('claude-sonnet-5-5-20260901', MILLION, given)).toBe(9);
    expect(costUsd('claude-haiku-5-5', SHORT, given)).toBeCloseTo(0.0105, 9);
  });

  it('is known for the models used by default', () => {
    const known = PRICES.map((price) => price.model);
    expect(known).toContain(DEFAULT_MODEL);
    expect(known).toContain(DEFAULT_STRONG_MODEL);
  });
});
