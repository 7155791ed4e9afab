/**
 * What the pipeline and the adapters report for metrics. Each method is called once, where the event occurs. It must
 * return at once and never throw. Durations are in ms, times are epoch ms.
 */
import type { EdgeEvidence } from '../domain/containers.ts';
import type { DecisionKind, DecisionReason, Outcome } from '../domain/decision.ts';
import type { ClaudeOutcome, Severity, SkipReason, Tier } from '../domain/diagnosis.ts';
import type { Detector, Suppression } from '../domain/incident.ts';
import type { TokenUsage } from './ports/model.ts';
import { ACTOR_SOURCES } from './ports/people.ts';

/** Whether a tier diagnosed the incident. */
export const DIAGNOSIS_OUTCOMES = ['ok', 'failed'] as const;
type DiagnosisOutcome = (typeof DIAGNOSIS_OUTCOMES)[number];

/** The result of one attempt to send a message. `failed`: it will be retried. */
export const NOTIFICATION_OUTCOMES = ['sent', 'failed', 'dropped'] as const;
type NotificationOutcome = (typeof NOTIFICATION_OUTCOMES)[number];

/** Why a log stream was reopened although its container had not stopped. */
export const RECONNECT_CAUSES = ['ended', 'error', 'stalled'] as const;
export type ReconnectCause = (typeof RECONNECT_CAUSES)[number];

/** The kinds of requests to the engine that the agent needs. */
export const ENGINE_SOURCES = ['list', 'events', 'logs', 'inspect', 'restart'] as const;
export type EngineSource = (typeof ENGINE_SOURCES)[number];

/** What the rate limits of the Claude API apply to. */
export const RATE_LIMIT_RESOURCES = ['requests', 'input_tokens', 'output_tokens'] as const;
export type RateLimitResource = (typeof RATE_LIMIT_RESOURCES)[number];

/** The rate limit for one resource, from the headers of a response. */
export interface AnthropicRateLimit {
  readonly resource: RateLimitResource;
  readonly limit?: number;
  readonly remaining?: number;
  /** When the limit will be fully replenished. */
  readonly resetAt?: number;
  /** When the response arrived. */
  readonly observedAt: number;
}

/** `engine`: by the state of a container; `log`: by what it logged. */
export const CAUSE_OUTCOMES = ['engine', 'log', 'external', 'unknown'] as const;
export type CauseOutcome = (typeof CAUSE_OUTCOMES)[number];

/** `expired`: nobody answered in time, or the request was withdrawn. `refused`: an answer that had no effect. */
export const APPROVAL_OUTCOMES = ['approved', 'denied', 'expired', 'refused'] as const;
export type ApprovalOutcome = (typeof APPROVAL_OUTCOMES)[number];

/** `none`: nobody answered. */
export const APPROVAL_SOURCES = [...ACTOR_SOURCES, 'none'] as const;
export type ApprovalSource = (typeof APPROVAL_SOURCES)[number];

export interface Observer {
  /** Every signal, including repeats. */
  signal(detector: Detector, containerName: string): void;
  /** A signal that opened no incident. */
  suppressed(reason: Suppression): void;
  /** `latencyMs`: from the timestamp of the line or event to the incident. */
  incidentOpened(opened: { readonly detector: Detector; readonly latencyMs: number }): void;
  /** An incident has a diagnosis, from whatever tier. */
  incidentDiagnosed(diagnosed: { readonly containerName: string; readonly severity: Severity }): void;
  /** A tier was asked. */
  diagnosis(asked: { readonly tier: Tier; readonly outcome: DiagnosisOutcome; readonly durationMs: number }): void;
  /** Claude was not asked. */
  diagnosisSkipped(reason: SkipReason): void;
  /** A request was sent to the Claude API; retries are requests of their own. */
  claudeRequest(request: {
    readonly model: string;
    readonly outcome: ClaudeOutcome;
    readonly tokens: TokenUsage;
    readonly costUsd: number;
    /** From sending it to the end of the response, if measured. */
    readonly durationMs?: number;
  }): void;
  /** A signal that belongs to another container's incident. */
  correlated(evidence: EdgeEvidence): void;
  /** The containers that an incident affects, 1 for most. */
  incidentMembers(containers: number): void;
  /** How the cause of an incident with several members was found. */
  causeFound(outcome: CauseOutcome): void;
  anthropicRateLimit(rateLimit: AnthropicRateLimit): void;
  decision(decision: { readonly kind: DecisionKind; readonly reason: DecisionReason }): void;
  /** An answer to a request for a restart, or the end of one that nobody answered. */
  approval(approval: { readonly outcome: ApprovalOutcome; readonly source: ApprovalSource }): void;
  /** The outcome of a restart by the agent. */
  restart(restart: { readonly containerName: string; readonly outcome: Outcome }): void;
  /** `durationMs`: from the end of the restart call to the outcome. */
  verification(verified: { readonly outcome: Outcome; readonly durationMs: number }): void;
  /** One attempt to send a message to a receiver, or a message that was dropped unsent: then without a duration. */
  notification(sent: {
    readonly receiver: string;
    readonly outcome: NotificationOutcome;
    readonly durationMs?: number;
  }): void;
  /** Lines and bytes were read from a container's log; called once per batch. */
  linesRead(lines: number, bytes: number): void;
  logReconnect(cause: ReconnectCause): void;
  /** `errorType`: an EngineReason, absent on success. */
  dockerRequest(operation: string, durationMs: number, errorType?: string): void;
  /** The engine sent an event. */
  engineEvent(at: number): void;
  /** The watched containers were compared with the engine's list. */
  heartbeat(at: number): void;
}

const nothing = () => {};

/** Reports nothing. */
export const noopObserver: Observer = {
  signal: nothing,
  suppressed: nothing,
  incidentOpened: nothing,
  incidentDiagnosed: nothing,
  diagnosis: nothing,
  diagnosisSkipped: nothing,
  claudeRequest: nothing,
  correlated: nothing,
  incidentMembers: nothing,
  causeFound: nothing,
  anthropicRateLimit: nothing,
  decision: nothing,
  approval: nothing,
  restart: nothing,
  verification: nothing,
  notification: nothing,
  linesRead: nothing,
  logReconnect: nothing,
  dockerRequest: nothing,
  engineEvent: nothing,
  heartbeat: nothing,
};
