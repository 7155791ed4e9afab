/** What the pipeline and the HTTP pages need from the store. */
import type { Alert } from '../../domain/alert.ts';
import type { ServiceRef } from '../../domain/containers.ts';
import type { Aftermath, Attempt, Decision, Gate, Outcome, Verdict } from '../../domain/decision.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { Detector, Incident, IncidentState, TraceLink } from '../../domain/incident.ts';
import type { LogCursor } from './engine.ts';
import type { ClaudeRequest } from './model.ts';

export interface CursorStore {
  loadCursors(): Promise<ReadonlyMap<string, LogCursor>>;
  saveCursors(cursors: ReadonlyMap<string, LogCursor>): Promise<void>;
  forgetCursors(containerIds: readonly string[]): Promise<void>;
  /** Epoch ms up to which an earlier run read the logs of all its containers; undefined if there was none. */
  loadLastRun(): Promise<number | undefined>;
  saveLastRun(at: number): Promise<void>;
}

/** The questions and requests to Claude, and sums over rolling windows. */
export interface Ledger {
  /** Stores that Claude is about to be asked. It counts toward the hourly cap from then on. */
  recordAsk(ask: { readonly at: number; readonly incidentId: string }): Promise<void>;
  recordRequests(requests: readonly ClaudeRequest[]): Promise<void>;
  asksSince(time: number): Promise<number>;
  /** US dollars. */
  spendSince(time: number): Promise<number>;
}

/** An incident and the results of its handling. */
export interface IncidentCase {
  readonly incident: Incident;
  readonly diagnosis?: Diagnosis;
  readonly decision?: Decision;
  readonly attempt?: Attempt;
  readonly outcome?: Outcome;
  /** When its handling ended: its alert is in the outbox, or it needs none. */
  readonly settledAt?: number;
}

/** A decision with what people see of it. */
export interface ExplainedDecision extends Decision {
  /** See Alert. */
  readonly because?: string;
  /** Absent if the decision did not evaluate them. */
  readonly gates?: readonly Gate[];
}

export interface IncidentStore {
  /** Inserts or updates by id. */
  saveIncident(incident: Incident): Promise<void>;
  /** Stores the counts of several incidents. */
  saveOccurrences(
    counts: readonly { readonly id: string; readonly occurrences: number; readonly lastSeenAt: number }[],
  ): Promise<void>;
  saveDiagnosis(incidentId: string, diagnosis: Diagnosis): Promise<void>;
  /** Replaces the decision in force; the earlier ones are kept as records. */
  saveDecision(incidentId: string, decision: ExplainedDecision): Promise<void>;
  saveSettled(incidentId: string, at: number): Promise<void>;
  /** It is handled again: if the agent is killed meanwhile, its next run resumes it. */
  saveUnsettled(incidentId: string): Promise<void>;
  resolveIncident(incidentId: string, at: number): Promise<void>;
  openCases(): Promise<readonly IncidentCase[]>;
  /** The newest incident of this problem that has a diagnosis, open or resolved. */
  lastCase(key: ServiceRef & { readonly fingerprint: string }): Promise<IncidentCase | undefined>;
}

export interface AttemptStore {
  beginAttempt(attempt: Attempt): Promise<void>;
  finishAttempt(
    id: string,
    end: { readonly outcome: Outcome; readonly detail: string; readonly finishedAt: number },
  ): Promise<void>;
  /** Of all services. */
  countAttemptsSince(time: number): Promise<number>;
  /** Of a service, newest last, including attempts in progress. */
  attemptsSince(service: ServiceRef, time: number): Promise<readonly Attempt[]>;
}

/** Alerts on their way out: one row per alert and receiver, written before anything is sent. */
export interface Outbox {
  /** Writes all rows in one transaction. False if the alert was enqueued before, for any receivers: do not send it again. */
  enqueue(alert: Alert, receivers: readonly string[], trace?: TraceLink): Promise<boolean>;
  /** The alerts that are due at `now` for one receiver, oldest first. */
  due(
    receiver: string,
    now: number,
    limit: number,
  ): Promise<readonly { readonly alert: Alert; readonly tries: number; readonly trace?: TraceLink }[]>;
  markSent(delivery: { readonly alertId: string; readonly receiver: string }, at: number): Promise<void>;
  markRetry(
    delivery: { readonly alertId: string; readonly receiver: string },
    nextAt: number,
    why: string,
  ): Promise<void>;
  markDropped(
    delivery: { readonly alertId: string; readonly receiver: string },
    at: number,
    why: string,
  ): Promise<void>;
  /** The number of waiting alerts by receiver. Receivers without any may be missing. */
  pending(): Promise<ReadonlyMap<string, number>>;
}

/** For the HTTP pages. Incidents with a diagnosis, newest last. */
export interface HistoryStore {
  history(query: { readonly limit: number; readonly container?: string }): Promise<readonly IncidentCase[]>;
  totals(): Promise<{ readonly diagnoses: number; readonly restartsByContainer: ReadonlyMap<string, number> }>;
}

/** An incident with a decision to restart, or to hold a restart back. */
export interface ReviewedCase {
  readonly incidentId: string;
  readonly containerName: string;
  readonly detector: Detector;
  readonly summary: string;
  readonly decidedAt: number;
  readonly decision: Decision;
  readonly state: IncidentState;
  /** Of the latest restart for it. */
  readonly outcome?: Outcome;
  readonly aftermath?: Aftermath;
  readonly verdict?: Verdict;
  readonly note?: string;
}

/** The configurations of services, as text that only their reader understands. Names and limits, no values. */
export interface ConfigurationStore {
  /** Undefined if nothing was stored. */
  loadConfigurations(): Promise<string | undefined>;
  /** Replaces what was stored. */
  saveConfigurations(json: string): Promise<void>;
}

/** Dependencies between services that were read from error records. */
export interface DependencyStore {
  loadDependencies(): Promise<readonly ObservedDependency[]>;
  /** Replaces what was stored. */
  saveDependencies(dependencies: readonly ObservedDependency[]): Promise<void>;
}

export interface ObservedDependency {
  /** A service key. */
  readonly from: string;
  /** A service key. */
  readonly to: string;
  readonly lastSeenAt: number;
}

/** What happened after a decision, and people's verdicts on it. */
export interface ReviewStore {
  /** Keeps the first one. */
  saveAftermath(incidentId: string, aftermath: Aftermath, at: number): Promise<void>;
  /** Replaces an earlier one. False if there is no such incident. */
  saveVerdict(
    incidentId: string,
    given: { readonly verdict: Verdict; readonly note?: string; readonly at: number },
  ): Promise<boolean>;
  /** The newest `limit` cases, oldest first. */
  reviewedCases(limit: number): Promise<readonly ReviewedCase[]>;
}
