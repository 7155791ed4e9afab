import type { TokenUsage } from '../../pipeline/ports/model.ts';

/** US dollars per million tokens. */
interface Rates {
  readonly input: number;
  readonly output: number;
  /** For writes to the five-minute cache. */
  readonly cacheWrite: number;
  readonly cacheRead: number;
}

interface ModelPrice {
  /** A model id. The price also applies to dated ids of the model (`…-20260901`). */
  readonly model: string;
  readonly rates: Rates;
  /** The rates of the whole request if its prompt has more than `promptTokens` tokens. */
  readonly longPrompt?: { readonly promptTokens: number; readonly rates: Rates };
}

/** Checked against Anthropic's price page on 2026-11-23. */
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

const HIGHEST_RATES = highestRates();

/**
 * The cost of a request in US dollars. For a model that is not in the table, the highest rate of each kind is used, so
 * that an unknown price cannot exceed the budget.
 */
export function costUsd(model: string, tokens: TokenUsage): number {
  const rates = ratesFor(model, tokens);
  return (
    (tokens.input * rates.input +
      tokens.output * rates.output +
      tokens.cacheWrite * rates.cacheWrite +
      tokens.cacheRead * rates.cacheRead) /
    1e6
  );
}

function ratesFor(model: string, tokens: TokenUsage): Rates {
  const price = PRICES.find((entry) => model === entry.model || isDatedId(model, entry.model));
  if (price === undefined) return HIGHEST_RATES;
  const prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  return price.longPrompt && prompt > price.longPrompt.promptTokens ? price.longPrompt.rates : price.rates;
}

function isDatedId(model: string, of: string): boolean {
  return model.startsWith(of) && /^[-@:]/.test(model.slice(of.length));
}

function highestRates(): Rates {
  const all = PRICES.flatMap(({ rates, longPrompt }) => (longPrompt ? [rates, longPrompt.rates] : [rates]));
  const highest = (kind: keyof Rates) => Math.max(...all.map((rates) => rates[kind]));
  return {
    input: highest('input'),
    output: highest('output'),
    cacheWrite: highest('cacheWrite'),
    cacheRead: highest('cacheRead'),
  };
}
