/** Reads the responses of the Claude API. */
import { z } from 'zod';
import type { TokenUsage } from '../../pipeline/ports/model.ts';
import { type ModelClaims, readAnswer } from '../question/answer.ts';
import type { Prompt } from '../question/prompt.ts';

type ParsedAnswer =
  | ({ readonly kind: 'answered' } & ModelClaims)
  | { readonly kind: 'refused' | 'truncated' | 'invalid' | 'wrong_url' };

/** JSON without these is the response of another service. */
const MESSAGE = z.object({
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })),
  stop_reason: z.string().nullish(),
});

/** Parses the body of a response. It may be any value, because a proxy may have sent it. */
export function parseAnswer(body: unknown, references: Prompt['references']): ParsedAnswer {
  const message = MESSAGE.safeParse(body);
  if (!message.success) return { kind: typeof body === 'object' && body !== null ? 'wrong_url' : 'invalid' };
  const { content, stop_reason } = message.data;
  if (stop_reason === 'refusal') return { kind: 'refused' };
  if (stop_reason === 'max_tokens' || stop_reason === 'model_context_window_exceeded') return { kind: 'truncated' };

  const text = content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  const answer = readAnswer(text, references);
  return answer === undefined ? { kind: 'invalid' } : { kind: 'answered', ...answer };
}

const COUNT = z.number().int().min(0).catch(0);
const USAGE = z.object({
  usage: z.object({
    input_tokens: COUNT,
    output_tokens: COUNT,
    cache_read_input_tokens: COUNT,
    cache_creation_input_tokens: COUNT,
  }),
});

/** All zero if the body contains no usage. */
export function usageOf(body: unknown): TokenUsage {
  const parsed = USAGE.safeParse(body);
  if (!parsed.success) return { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  const { usage } = parsed.data;
  return {
    input: usage.input_tokens,
    output: usage.output_tokens,
    cacheRead: usage.cache_read_input_tokens,
    cacheWrite: usage.cache_creation_input_tokens,
  };
}
