/** What people are told. */
import type { Attempt, Decision } from './decision.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Incident } from './incident.ts';

/**
 * `diagnosed`: the alert of an incident. `repeated_failure`: the restart limit is reached; sent once.
 * `crash_loop`: the container of an open incident has started to crash in a loop. `engine_gave_up`: the engine was
 * restarting it and no longer does.
 */
export const ALERT_KINDS = ['diagnosed', 'repeated_failure', 'crash_loop', 'engine_gave_up'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** The content of an alert, redacted. Receivers render it. */
export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly at: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  /** Detail for the decision's reason: the policy value and its source, or names of containers. */
  readonly because?: string;
  /** The restart waits for a person. */
  readonly request?: { readonly id: string; readonly expiresAt: number };
  /** The restart, if any. */
  readonly attempt?: Attempt;
  /** Restarts of this service by the agent in the last hour. */
  readonly restartsLastHour: number;
  /** A few redacted lines that show the problem. */
  readonly excerpt: readonly string[];
}
