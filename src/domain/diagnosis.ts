/** What went wrong, and who said so. Times are epoch milliseconds. */
import type { FailedCheck } from './checks.ts';
import type { ClaudeFailure, LocalFailure } from './model-failures.ts';

export const SEVERITIES = ['low', 'medium', 'high'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What went wrong and what to do about it, according to a model or a rule. */
export interface Assessment {
  readonly rootCause: string;
  readonly severity: Severity;
  readonly suggestedFix: string;
  readonly autoRestartSafe: boolean;
  readonly configSuggestions: readonly string[];
  readonly likelyRecurring: boolean;
  readonly estimatedImpact: string;
}

/** The source of a diagnosis: an earlier one of the same problem, the local model, Claude, or the built-in rules. */
export const TIERS = ['known', 'local', 'claude', 'rules'] as const;
export type Tier = (typeof TIERS)[number];

/**
 * `claude-first`: Claude, or the built-in rules if it cannot be asked. `rules-first`: an unambiguous rule answers
 * alone unless the restart it led to did not help; Claude answers the rest. `rules-only`: no model is ever asked.
 * `local-first`: the local model, then Claude where more certainty is needed. `local-only`: the local model, never
 * Claude. Wherever no model can answer, the rules do. `claude-first` and `rules-first` ask the local model, if there is
 * one, while Claude cannot answer.
 */
export const DIAGNOSE_WITH = ['claude-first', 'rules-first', 'local-first', 'local-only', 'rules-only'] as const;
export type DiagnoseWith = (typeof DIAGNOSE_WITH)[number];

/** Why Claude was not asked. */
export const SKIP_REASONS = [
  'hourly_cap',
  'daily_spend',
  'fleet_hourly_cap',
  'fleet_daily_spend',
  'fair_share',
  'circuit_open',
  'no_key',
  'store_unavailable',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/**
 * Whether a restart may follow from an answer of the local model that the built-in rules alone would not allow. `earned`:
 * once people have judged enough of its cases and found none wrong about a restart.
 */
export const LOCAL_MODEL_MAY_RESTART = ['never', 'earned', 'always'] as const;
export type LocalModelMayRestart = (typeof LOCAL_MODEL_MAY_RESTART)[number];

export interface Diagnosis extends Assessment {
  readonly tier: Tier;
  /** Who answered first, also for a known diagnosis. Absent in diagnoses from before there was a local model. */
  readonly by?: 'local' | 'claude';
  /** The model that answered; absent for the rules. */
  readonly model?: string;
  /** The facts and lines that the model names as support of the cause, redacted; absent if it names none. */
  readonly evidence?: readonly { readonly id: string; readonly text: string }[];
  /** The checks that the model's claims failed; absent if none. Then it leads to no restart. */
  readonly failedChecks?: readonly FailedCheck[];
  /** The model does not know the cause, or its answer failed a check. */
  readonly unsure?: true;
  /** The built-in rules that matched, strongest first. */
  readonly rules: readonly string[];
  /** Why Claude did not answer; absent if it did, or was not to be asked. */
  readonly fallback?: SkipReason | ClaudeFailure;
  /** With `fallback: 'circuit_open'`: how the latest request failed. */
  readonly fallbackCause?: ClaudeFailure;
  /** Why the local model gave no usable answer; absent if it did or was not asked. */
  readonly localFailure?: LocalFailure;
  /** US dollars, failed requests included. */
  readonly costUsd: number;
  readonly at: number;
  /** It was asked for because a restart had not helped; the question included that history. */
  readonly afterFailedRestart: boolean;
  /** When the model or rule answered: before `at` if the answer is reused. */
  readonly answeredAt: number;
  /** The facts it is based on; absent for diagnoses from before these were stored. */
  readonly basis?: DiagnosisBasis;
}

/** Facts that invalidate an earlier diagnosis when they change. Null: unknown. */
export interface DiagnosisBasis {
  /** The image id, or the image reference if the engine did not report an id. */
  readonly image: string;
  /** Of the crash; null if it did not exit. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Bytes; 0 for no limit. */
  readonly memoryLimit: number | null;
}
