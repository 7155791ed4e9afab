/** What the claims of a model's answer are checked for. */

/** A label value of the metric. */
export const CHECKS = ['evidence', 'facts', 'schema'] as const;
export type Check = (typeof CHECKS)[number];

/** Each with the check that it belongs to, and its explanation for people. */
export const FAILED_CHECKS = {
  no_evidence: { check: 'evidence', what: 'it names no line or fact that supports it' },
  unknown_reference: { check: 'evidence', what: 'it refers to lines or facts that do not exist' },
  quote_not_found: { check: 'evidence', what: 'it quotes a text that does not occur' },
  contradicts_facts: { check: 'facts', what: 'it contradicts what the engine reports' },
  unknown_container: { check: 'facts', what: 'it names a container that has no part in this' },
  disagrees_with_rule: { check: 'facts', what: 'a built-in rule that is certain finds another cause' },
} as const satisfies Record<string, { readonly check: Check; readonly what: string }>;
export type FailedCheck = keyof typeof FAILED_CHECKS;
