/** What was decided and done. Times are epoch milliseconds. */

export const DECISION_KINDS = ['restart', 'ask', 'notify', 'record'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Each with its explanation for people. Also label values: the list is closed. */
export const DECISION_REASONS = {
  restart_allowed: 'policy, diagnosis and facts allow a restart',
  auto_fix_off: 'AUTO_FIX is off; otherwise it would have been restarted',
  severity_too_low: 'only problems of high severity lead to a restart',
  restart_not_safe: 'a restart is unsafe or would not help',
  diagnosis_unsupported: 'the log and the facts do not support the diagnosis that calls a restart safe',
  local_model_unproven: 'only the local model calls a restart safe, and it has not earned that yet',
  restart_limit: 'this container has reached its restart limit',
  host_restart_limit: 'the restart limit of all containers together is reached',
  fleet_restart_limit: 'the restart limit of all hosts together is reached',
  dependency_down: 'it suffers from the problem of another container or host; a restart would not help',
  disk_full: 'a restart does not free a full disk and may lose data',
  engine_restarting: "the engine's restart policy is already restarting it",
  operator_action: 'somebody stopped or restarted it in the meantime',
  container_gone: 'the container no longer exists',
  engine_unreachable: 'the engine did not report the state of the container',
  already_recovered: 'it recovered by itself in the meantime',
  still_starting: 'it is still starting',
  container_paused: 'the container is paused',
  shared_network: 'other containers use its network and would lose it',
  restart_in_progress: 'Container Doctor is already restarting it',
  orchestrator_owns: 'an orchestrator replaces it; restarted here, it would run beside its replacement',
  recreate_in_progress: 'a new container is replacing it',
  deployed_just_now: 'it was deployed minutes ago; a restart would start the same version again',
  backing_off: 'earlier restarts did not help; the next one has to wait',
  policy_never: 'its policy forbids restarts',
  policy_unclear: 'one of its container-doctor labels is invalid; no restart until it is corrected',
  policy_ask: 'its policy requires a person to approve the restart',
  approved_by_person: 'a person approved the restart, and diagnosis, facts and limits allow it',
  denied_by_person: 'a person decided against the restart',
  approval_expired: 'nobody approved the restart in time',
  snoozed: 'a person has snoozed this problem; it is looked at again when the snooze ends',
  stateful_image: 'it stores data; known stateful images are restarted only if a policy allows it',
  quiet_hours: 'quiet hours; otherwise it would have been restarted',
  observe_mode: 'its mode is observe; otherwise it would have been restarted',
  store_unavailable: 'the store cannot be written, so restart limits cannot be enforced',
} as const satisfies Record<string, string>;
export type DecisionReason = keyof typeof DECISION_REASONS;

export interface Decision {
  readonly kind: DecisionKind;
  readonly reason: DecisionReason;
}

/** One condition for a restart, as it was when the decision was made. */
export interface Gate {
  readonly name: string;
  /** The condition, as a sentence for people. */
  readonly asks: string;
  /** `closed`: it prevents a restart. `unknown`: it could not be evaluated. */
  readonly state: 'open' | 'closed' | 'unknown';
  /** What it depends on, for people. */
  readonly value: string;
  /** Why it prevents a restart. The reason of the first closed gate is the reason of the decision. */
  readonly reason?: DecisionReason;
}

/** A decision for one of these reasons means that everything else allowed a restart. */
export const HELD_BACK_REASONS = [
  'quiet_hours',
  'observe_mode',
  'auto_fix_off',
  'policy_ask',
  'denied_by_person',
  'approval_expired',
] as const satisfies readonly DecisionReason[];

/**
 * How a problem ended after a restart was held back: it was over without a restart, or a person restarted, stopped or
 * removed the container. While it is absent, the problem lasts (the incident is open) or its end was not observed.
 */
export type Aftermath = 'came_back' | 'restarted_by_person';

/** A person's judgement of a decision. */
export const VERDICTS = ['right', 'wrong'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Decisions to restart have one of these reasons. */
export const RESTART_REASONS = ['restart_allowed', 'approved_by_person'] as const satisfies readonly DecisionReason[];

export const OUTCOMES = ['recovered', 'failed', 'unknown', 'error'] as const;
/** `error`: the engine refused or failed the restart. `unknown`: its result could not be observed. */
export type Outcome = (typeof OUTCOMES)[number];

/** One restart by the agent. Stored before the engine is called. */
export interface Attempt {
  readonly id: string;
  readonly incidentId: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly service: string;
  readonly project?: string;
  readonly startedAt: number;
  /** Absent while it is in progress. */
  readonly outcome?: Outcome;
  /** The reason for the outcome, for people. */
  readonly detail?: string;
  readonly finishedAt?: number;
}

// ── alerts ──────────────────────────────────────────────────────────────────
