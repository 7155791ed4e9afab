/** The most characters of each part of a question. */
export interface PromptBudget {
  /** The excerpt of the log. */
  readonly log: number;
  /** The records that were detected. */
  readonly evidence: number;
  /** The output of one health check. */
  readonly healthCheck: number;
  /** What is known of other containers; `ofGroup` if others suffer. */
  readonly surroundings: { readonly ofOne: number; readonly ofGroup: number };
}

/**
 * The log is 6,000 to 8,000 tokens, which cost less than a tenth of a cent with the first model and hold 50 lines with
 * stack traces.
 */
export const FULL_BUDGET: PromptBudget = {
  log: 24_000,
  evidence: 9_000,
  healthCheck: 1_000,
  surroundings: { ofOne: 3_000, ofGroup: 6_000 },
};
