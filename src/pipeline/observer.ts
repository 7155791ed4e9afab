/**
 * What the walk tells whoever counts. Each hook is called where the thing happens, once, and returns at
 * once; none may throw. Durations are milliseconds, times epoch milliseconds.
 */
import type {
  ClaudeOutcome,
  DecisionKind,
  DecisionReason,
  Detector,
  Outcome,
  Severity,
  SkipReason,
  Suppression,
  Tier,
} from '../domain.ts';
import type { TokenUsage } from './ports.ts';

/** How one question of "what went wrong" ended: answered by the tier it belongs to, or not. */
export const DIAGNOSIS_OUTCOMES = ['ok', 'failed'] as const;
export type DiagnosisOutcome = (typeof DIAGNOSIS_OUTCOMES)[number];

/** How one try to send a message ended. `failed`: it will be tried again. */
export const NOTIFICATION_OUTCOMES = ['sent', 'failed', 'dropped'] as const;
export type NotificationOutcome = (typeof NOTIFICATION_OUTCOMES)[number];

/** Why a log stream was opened again though its container had not stopped. */
export const RECONNECT_CAUSES = ['ended', 'error', 'stalled'] as const;
export type ReconnectCause = (typeof RECONNECT_CAUSES)[number];

/** What the API's rate-limit headers count. */
export const HEADROOM_RESOURCES = ['requests', 'input_tokens', 'output_tokens'] as const;
export type HeadroomResource = (typeof HEADROOM_RESOURCES)[number];

/** One resource of the API's rate limit, as far as its latest answer stated it. */
export interface Headroom {
  readonly resource: HeadroomResource;
  readonly limit?: number;
  readonly remaining?: number;
  /** When the limit is full again. */
  readonly resetAt?: number;
  /** When the answer came. */
  readonly observedAt: number;
}

export interface Observer {
  /** Every signal, repeats too, before grouping. */
  signal(detector: Detector, containerName: string): void;
  /** A signal that opened nothing. */
  suppressed(reason: Suppression): void;
  /** `latencyMs`: from the line's or event's own time to the incident. */
  incidentOpened(opened: { readonly detector: Detector; readonly latencyMs: number }): void;
  /** Once an incident has its diagnosis, whoever gave it. */
  incidentDiagnosed(diagnosed: { readonly containerName: string; readonly severity: Severity }): void;
  /** One tier was tried: `failed` where it was asked and could not answer. */
  diagnosis(tried: { readonly tier: Tier; readonly outcome: DiagnosisOutcome; readonly durationMs: number }): void;
  /** Claude was not asked. */
  diagnosisSkipped(reason: SkipReason): void;
  /** A request that left for the API, one call a try. */
  claudeRequest(request: {
    readonly model: string;
    readonly outcome: ClaudeOutcome;
    readonly tokens: TokenUsage;
    readonly costUsd: number;
    /** From leaving to the end of the answer, where it was measured. */
    readonly durationMs?: number;
  }): void;
  headroom(headroom: Headroom): void;
  decision(decision: { readonly kind: DecisionKind; readonly reason: DecisionReason }): void;
  /** A restart by us, once its outcome is known. */
  restart(restart: { readonly containerName: string; readonly outcome: Outcome }): void;
  /** `durationMs`: from the end of the restart call to the verdict. */
  verification(verified: { readonly outcome: Outcome; readonly durationMs: number }): void;
  /** One try to send one message to a receiver, or a message dropped without a try: then without a duration. */
  notification(sent: {
    readonly receiver: string;
    readonly outcome: NotificationOutcome;
    readonly durationMs?: number;
  }): void;
  /** Read from containers' logs; called once a batch. */
  linesRead(lines: number, bytes: number): void;
  reconnect(cause: ReconnectCause): void;
  /** `errorType`: an EngineReason, absent on success. */
  dockerRequest(operation: string, durationMs: number, errorType?: string): void;
  /** The engine said something (an event of any kind): we are not blind. */
  eventSeen(at: number): void;
  /** The loop went round. */
  heartbeat(at: number): void;
}

const nothing = () => {};

/** For those who do not count. */
export const noopObserver: Observer = {
  signal: nothing,
  suppressed: nothing,
  incidentOpened: nothing,
  incidentDiagnosed: nothing,
  diagnosis: nothing,
  diagnosisSkipped: nothing,
  claudeRequest: nothing,
  headroom: nothing,
  decision: nothing,
  restart: nothing,
  verification: nothing,
  notification: nothing,
  linesRead: nothing,
  reconnect: nothing,
  dockerRequest: nothing,
  eventSeen: nothing,
  heartbeat: nothing,
};
