import { z } from 'zod';
import type { Assessment } from '../../domain/diagnosis.ts';
import { cutEnd, plainText } from '../../lib/text.ts';
import type { TokenUsage } from '../../pipeline/ports/model.ts';

/** The answer that Claude is asked for. `confidence` is optional. */
export const ANSWER_SCHEMA = z.object({
  root_cause: z.string().describe('What went wrong and why, in one to three sentences.'),
  severity: z.enum(['low', 'medium', 'high']),
  suggested_fix: z.string().describe('What a person should do, concretely; commands or settings where they help.'),
  auto_restart_safe: z
    .boolean()
    .describe('True only if restarting this container is likely to restore service and cannot lose data.'),
  config_suggestions: z
    .array(z.string())
    .describe('Settings that would prevent it, one each, as NAME=value where possible; may be empty.'),
  likely_recurring: z.boolean().describe('True if it will happen again unless somebody changes something.'),
  estimated_impact: z.string().describe('Who or what is affected, in one sentence.'),
  confidence: z.enum(['low', 'medium', 'high']).optional().describe('How well the evidence supports root_cause.'),
});

/** In characters, but `suggestions` is a count. Longer texts add nothing, and chat messages are limited too. */
const LIMITS = { rootCause: 1200, suggestedFix: 2000, impact: 600, suggestion: 300, suggestions: 10 } as const;

type ParsedAnswer =
  | { readonly kind: 'answered'; readonly assessment: Assessment; readonly confidence: 'low' | 'medium' | 'high' }
  | { readonly kind: 'refused' | 'truncated' | 'invalid' | 'wrong_url' };

/** JSON without these is the response of another service. */
const MESSAGE = z.object({
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })),
  stop_reason: z.string().nullish(),
});

/** Parses the body of a response. It may be any value, because a proxy may have sent it. */
export function parseAnswer(body: unknown): ParsedAnswer {
  const message = MESSAGE.safeParse(body);
  if (!message.success) return { kind: typeof body === 'object' && body !== null ? 'wrong_url' : 'invalid' };
  const { content, stop_reason } = message.data;
  if (stop_reason === 'refusal') return { kind: 'refused' };
  if (stop_reason === 'max_tokens' || stop_reason === 'model_context_window_exceeded') return { kind: 'truncated' };

  const text = content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  const answer = ANSWER_SCHEMA.safeParse(parseJson(text));
  if (!answer.success) return { kind: 'invalid' };
  const assessment = toAssessment(answer.data);
  if (assessment.rootCause === '') return { kind: 'invalid' };
  return { kind: 'answered', assessment, confidence: answer.data.confidence ?? 'high' };
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

/** Undefined if the text is not JSON. It may be in a code fence, which models add if a gateway drops the schema. */
function parseJson(text: string): unknown {
  const inner = text.trim();
  const fence = /^```(?:json)?\s*\n/.exec(inner)?.[0];
  try {
    return JSON.parse(fence !== undefined && inner.endsWith('```') ? inner.slice(fence.length, -3) : inner);
  } catch {
    return undefined;
  }
}

function toAssessment(answer: z.infer<typeof ANSWER_SCHEMA>): Assessment {
  const clean = (text: string, max: number) => cutEnd(plainText(text).trim(), max);
  return {
    rootCause: clean(answer.root_cause, LIMITS.rootCause),
    severity: answer.severity,
    suggestedFix: clean(answer.suggested_fix, LIMITS.suggestedFix),
    autoRestartSafe: answer.auto_restart_safe,
    configSuggestions: answer.config_suggestions
      .slice(0, LIMITS.suggestions)
      .map((suggestion) => clean(suggestion, LIMITS.suggestion))
      .filter((suggestion) => suggestion !== ''),
    likelyRecurring: answer.likely_recurring,
    estimatedImpact: clean(answer.estimated_impact, LIMITS.impact),
  };
}
