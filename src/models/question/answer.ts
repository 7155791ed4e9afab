/** The answer that every model is asked for, as JSON. */
import { z } from 'zod';
import type { Assessment } from '../../domain/diagnosis.ts';
import { cutEnd, plainText } from '../../lib/text.ts';

/** `confidence` is optional. */
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

export interface ModelClaims {
  readonly assessment: Assessment;
  readonly confidence: 'low' | 'medium' | 'high';
}

/** Undefined if the text is not such an answer. */
export function readAnswer(text: string): ModelClaims | undefined {
  const answer = ANSWER_SCHEMA.safeParse(parseJson(text));
  if (!answer.success) return undefined;
  const assessment = toAssessment(answer.data);
  if (assessment.rootCause === '') return undefined;
  return { assessment, confidence: answer.data.confidence ?? 'high' };
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
