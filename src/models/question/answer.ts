/** The answer that every model is asked for, as JSON. */
import { z } from 'zod';
import type { Assessment } from '../../domain/diagnosis.ts';
import { cutEnd, plainText } from '../../lib/text.ts';
import type { CitedEvidence } from '../../pipeline/ports/model.ts';
import type { Prompt } from './prompt.ts';
import { idIn } from './references.ts';

/** What is sent with a question. */
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
  evidence: z
    .array(z.string())
    .describe('Ids of the facts and lines that show root_cause, such as ["L12", "F3"]; empty if none does.'),
  confidence: z.enum(['low', 'medium', 'high']).optional().describe('How well the evidence supports root_cause.'),
});

/** What is accepted: also an answer without evidence, since a gateway may have dropped the schema. */
const ACCEPTED = ANSWER_SCHEMA.extend({ evidence: z.array(z.unknown()).optional().catch(undefined) });

/** In characters, but `suggestions` and `evidence` are counts. Longer texts add nothing, and chat messages are limited too. */
const LIMITS = {
  rootCause: 1200,
  suggestedFix: 2000,
  impact: 600,
  suggestion: 300,
  suggestions: 10,
  evidence: 16,
  id: 40,
  line: 300,
} as const;

export interface ModelClaims {
  readonly assessment: Assessment;
  readonly confidence: 'low' | 'medium' | 'high';
  /** Absent if the answer does not have the field. */
  readonly evidence?: readonly CitedEvidence[];
}

/** Undefined if the text is not such an answer. `references`: of the question. */
export function readAnswer(text: string, references: Prompt['references']): ModelClaims | undefined {
  const answer = ACCEPTED.safeParse(parseJson(text));
  if (!answer.success) return undefined;
  const assessment = toAssessment(answer.data);
  if (isNothing(assessment.rootCause)) return undefined;
  const { confidence = 'high', evidence } = answer.data;
  return { assessment, confidence, ...(evidence && { evidence: resolve(evidence, references) }) };
}

/** Very small models repeat the name of a field instead of filling it. */
function isNothing(rootCause: string): boolean {
  const text = rootCause.toLowerCase().replace(/\W+$/, '');
  return text === '' || Object.hasOwn(ANSWER_SCHEMA.shape, text);
}

function resolve(cited: readonly unknown[], references: Prompt['references']): readonly CitedEvidence[] {
  const found = new Map<string, CitedEvidence>();
  for (const one of cited.slice(0, LIMITS.evidence)) {
    const id = idIn(one);
    const text = id === undefined ? undefined : references.get(id);
    const shown = id ?? cutEnd(plainText(String(one)), LIMITS.id);
    found.set(shown, text === undefined ? { id: shown } : { id: shown, text: cutEnd(plainText(text), LIMITS.line) });
  }
  return [...found.values()];
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

function toAssessment(answer: z.infer<typeof ACCEPTED>): Assessment {
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
