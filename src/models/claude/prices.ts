import type { TokenUsage } from '../../pipeline/ports.ts';

/** US dollars per million tokens. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  /** Written to the five-minute cache. */
  readonly cacheWrite: number;
  readonly cacheRead: number;
}

export interface ModelPrice {
  /** A model id; it stands for its dated ids (`…-20260901`) too. */
  readonly model: string;
  readonly rates: Rates;
  /** Where the prompt is longer than `promptTokens`, these rates hold for the whole request. */
  readonly longPrompt?: { readonly promptTokens: number; readonly rates: Rates };
}

/** The day on which the table was last compared with Anthropic's price page. */
export const PRICES_AS_OF = '2026-11-23';

export const PRICES: readonly ModelPrice[] = [
  {
    model: 'claude-haiku-5-5',
    rates: { input: 0.1, output: 0.5, cacheWrite: 0.125, cacheRead: 0.01 },
    longPrompt: {
      promptTokens: 100_000,
      rates: { input: 0.5, output: 2.5, cacheWrite: 0.625, cacheRead: 0.05 },
    },
  },
  { model: 'claude-sonnet-5-5', rates: { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 } },
  { model: 'claude-opus-5-5', rates: { input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 } },
];

/**
 * US dollars for one request. A model that is not in the table costs the dearest rate of each kind: a spend
 * cap must not be passed because a price is unknown. `overrides` win over the table.
 */
export function costUsd(model: string, tokens: TokenUsage, overrides: readonly ModelPrice[] = []): number {
  const rates = ratesFor(model, tokens, overrides);
  return (
    (tokens.input * rates.input +
      tokens.output * rates.output +
      tokens.cacheWrite * rates.cacheWrite +
      tokens.cacheRead * rates.cacheRead) /
    1e6
  );
}

function ratesFor(model: string, tokens: TokenUsage, overrides: readonly ModelPrice[]): Rates {
  const price = find(overrides, model) ?? find(PRICES, model);
  if (price === undefined) return dearest([...overrides, ...PRICES]);
  const prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  return price.longPrompt && prompt > price.longPrompt.promptTokens ? price.longPrompt.rates : price.rates;
}

function find(prices: readonly ModelPrice[], model: string): ModelPrice | undefined {
  return prices
    .filter(
      (price) =>
        model === price.model || /^[-@:]/.test(model.startsWith(price.model) ? model.slice(price.model.length) : ''),
    )
    .sort((a, b) => b.model.length - a.model.length)[0];
}

function dearest(prices: readonly ModelPrice[]): Rates {
  const all = prices.flatMap((price) => (price.longPrompt ? [price.rates, price.longPrompt.rates] : [price.rates]));
  const most = (kind: keyof Rates) => Math.max(...all.map((rates) => rates[kind]));
  return {
    input: most('input'),
    output: most('output'),
    cacheWrite: most('cacheWrite'),
    cacheRead: most('cacheRead'),
  };
}
