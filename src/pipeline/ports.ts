/** What the pipeline needs from adapters, in domain types. Only `app/` connects the two. */
import type {
  Aftermath,
  Alert,
  Assessment,
  Attempt,
  ClaudeFailure,
  ClaudeOutcome,
  ContainerFacts,
  Decision,
  Detector,
  Diagnosis,
  EdgeEvidence,
  EngineEvent,
  Incident,
  IncidentState,
  ListedContainer,
  LogLine,
  Outcome,
  ServiceRef,
  StreamName,
  TraceLink,
  Verdict,
} from '../domain.ts';

// ── the engine ──────────────────────────────────────────────────────────────

/**
 * A position in a container's log: the engine's timestamp of the last line read (RFC 3339 with nanoseconds, exactly as
 * received), and the number of lines read with this timestamp.
 */
export interface LogCursor {
  readonly at: string;
  readonly seen: number;
  /** The position of each stream: the engine orders lines within a stream only. Absent: both are at `at`. */
  readonly streams?: Readonly<Record<StreamName, { readonly at: string; readonly seen: number }>>;
  /**
   * Present if the engine's clock was set back: lines with timestamps after `at` and up to this time precede `at` in
   * the log and were read. New lines are then recognised by their position, not by their timestamp.
   */
  readonly readUpTo?: string;
}

/** Used by watch. Every method rejects with an EngineError on a fault. */
export interface ContainerSource {
  /** Every container, running or not. */
  list(signal?: AbortSignal): Promise<readonly ListedContainer[]>;
  /**
   * Delivers events from `since` (epoch ms, inclusive) on. Resolves when the connection ends or `signal`
   * aborts. `onConnected` is called once the engine has accepted the subscription.
   */
  events(options: {
    readonly since: number;
    readonly signal: AbortSignal;
    onConnected(): void;
    onEvent(event: EngineEvent): void;
  }): Promise<void>;
  /**
   * Delivers lines after `from` (a cursor: none twice; a number: epoch ms, inclusive), in batches, each with
   * the cursor after its last line. Resolves when the engine ends the stream or `signal` aborts. `clockStepBackMs`: how
   * far the clock has stepped back since `from` was reached. `maxBacklogLines`: the most lines delivered of those already
   * in the log, the newest; if others are skipped, `onSkipped` is called first, with the time of the first line delivered.
   */
  followLogs(
    containerId: string,
    options: {
      readonly from: LogCursor | number;
      readonly clockStepBackMs?: number;
      readonly maxBacklogLines?: number;
      readonly signal: AbortSignal;
      onSkipped?(before: number): void;
      onLines(lines: readonly LogLine[], cursor: LogCursor): void;
    },
  ): Promise<void>;
}

/** Used by collect, decide, restart and verify. Every method rejects with an EngineError on a fault. */
export interface ContainerControl {
  /** Undefined if the container does not exist. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** The last `count` lines of both streams in order, the newest last; [] if the container does not exist. */
  tailLogs(containerId: string, count: number, signal?: AbortSignal): Promise<readonly LogLine[]>;
  /** Resolves when the engine confirms it, which may take longer than the stop timeout. Aborting does not stop the restart. */
  restart(containerId: string, signal?: AbortSignal): Promise<void>;
  list(signal?: AbortSignal): Promise<readonly ListedContainer[]>;
}

/** What a running container uses at one moment, from the engine's statistics. */
export interface ResourceUse {
  /** Bytes, without the page cache that the kernel can drop. */
  readonly memory?: number;
  /** Bytes; the host's memory if the container has no limit. */
  readonly memoryLimit?: number;
  /** Processes and threads. */
  readonly pids?: number;
  /** Absent if it has no limit. */
  readonly pidsLimit?: number;
  /** Since the container was started. Absent without a CPU limit. */
  readonly cpuThrottling?: {
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledMs: number;
  };
}

/** Used by the question to a model. Rejects with an EngineError on a fault. */
export interface ContainerStats {
  /** Undefined if the container does not exist or does not run. */
  stats(containerId: string, signal?: AbortSignal): Promise<ResourceUse | undefined>;
}

export interface CursorStore {
  loadCursors(): Promise<ReadonlyMap<string, LogCursor>>;
  saveCursors(cursors: ReadonlyMap<string, LogCursor>): Promise<void>;
  forgetCursors(containerIds: readonly string[]): Promise<void>;
  /** Epoch ms up to which an earlier run read the logs of all its containers; undefined if there was none. */
  loadLastRun(): Promise<number | undefined>;
  saveLastRun(at: number): Promise<void>;
}

/** Removes secrets from text. */
export interface Redactor {
  /**
   * `secrets`: literal values to hide, in addition to what the patterns find. Within one call, equal secrets get equal
   * placeholders.
   */
  redact(
    texts: readonly string[],
    secrets: readonly string[],
  ): Promise<{ readonly texts: readonly string[]; readonly redactions: number }>;
}

// ── diagnosis ───────────────────────────────────────────────────────────────

/** What is known around the container that fails. A part is absent if nothing is known of it. All text is redacted. */
export interface Surroundings {
  /** Other containers that suffer from the incident, the most affected first. */
  readonly members?: readonly AffectedContainer[];
  /** Names of further containers that depend on this one directly, whether or not they have noticed. */
  readonly dependants?: readonly string[];
  /** What the container depends on directly, whether or not it has a problem. */
  readonly dependencies?: readonly DependencyState[];
  /** The dependencies between all of these containers, by name. */
  readonly edges?: readonly { readonly from: string; readonly to: string; readonly evidence: EdgeEvidence }[];
  /** Engine events of these containers in the last minutes, oldest first. */
  readonly timeline?: readonly TimelineEntry[];
  readonly changes?: ServiceChanges;
  readonly resources?: ResourceUse;
}

export interface AffectedContainer {
  /** Its name. */
  readonly container: string;
  readonly occurrences: number;
  /** Its first error record, or a description of its first signal. Absent if it could not be redacted in time. */
  readonly record?: string;
}

export interface DependencyState {
  /** Its name. */
  readonly container: string;
  readonly evidence: EdgeEvidence;
  /** Absent if the engine did not say; `gone` if the container does not exist. */
  readonly state?: Pick<ContainerFacts, 'status' | 'health' | 'startedAt' | 'finishedAt' | 'exitCode'> | 'gone';
}

export interface TimelineEntry {
  readonly at: number;
  /** Its name. */
  readonly container: string;
  /** In our own words; continues the name. */
  readonly what: string;
}

/** How the configuration of a service differs from the one that worked before. */
export interface ServiceChanges {
  /** Empty if nothing has changed since `from`. */
  readonly changes: readonly ConfigurationChange[];
  /** When the earlier configuration was last seen; without a change, since when the present one is known. */
  readonly from: number;
  /** When the present configuration was first seen. */
  readonly to: number;
}

export interface ConfigurationChange {
  /** In our own words. */
  readonly setting: string;
  readonly before?: string;
  readonly after?: string;
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
}

/** The input of a diagnosis. All text in it is redacted. */
export interface DiagnosisContext extends Surroundings {
  readonly incident: Incident;
  /** Absent if the container no longer exists or the engine did not answer. */
  readonly facts?: ContainerFacts;
  /** The records of its signals, oldest first. */
  readonly evidence: readonly string[];
  /** Of the last crash, if any. */
  readonly exitCode?: number;
  /** The kernel killed the main process because the container reached its memory limit. */
  readonly killedForMemory?: boolean;
  /** The end of the container's log, newest last. */
  readonly logLines: readonly string[];
  readonly redactions: number;
  readonly restarts: readonly Attempt[];
  readonly ruleMatches: readonly RuleMatch[];
  /** The diagnosis that did not help; set if the problem came back after a restart. */
  readonly previous?: Diagnosis;
}

/** A built-in rule that matched. */
export interface RuleMatch {
  readonly rule: string;
  readonly assessment: Assessment;
  /** It found a fact that makes a restart harmful. */
  readonly vetoesRestart: boolean;
}

export interface TokenUsage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** One request to the API. */
export interface ClaudeRequest {
  readonly at: number;
  readonly incidentId: string;
  readonly containerName: string;
  readonly model: string;
  readonly outcome: ClaudeOutcome;
  readonly tokens: TokenUsage;
  readonly costUsd: number;
  /** From sending it to the end of the response; not stored. */
  readonly durationMs?: number;
}

/** The answer to one question to Claude. A question takes several requests if it is retried. */
export type ClaudeAnswer = {
  /** All requests for it, oldest first. The last one determined the answer. */
  readonly requests: readonly Omit<ClaudeRequest, 'incidentId' | 'containerName'>[];
} & (
  | {
      readonly kind: 'answered';
      readonly model: string;
      readonly assessment: Assessment;
      readonly confidence: 'low' | 'medium' | 'high';
    }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure }
);

export interface ClaudePort {
  /** Call it when a question is likely: loads what is loaded on demand. */
  prepare?(): void;
  /** Rejects only if `signal` aborts. `strength` selects the model. */
  ask(context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<ClaudeAnswer>;
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

export interface IncidentStore {
  /** Inserts or updates by id. */
  saveIncident(incident: Incident): Promise<void>;
  /** Stores the counts of several incidents. */
  saveOccurrences(
    counts: readonly { readonly id: string; readonly occurrences: number; readonly lastSeenAt: number }[],
  ): Promise<void>;
  saveDiagnosis(incidentId: string, diagnosis: Diagnosis): Promise<void>;
  saveDecision(incidentId: string, decision: Decision): Promise<void>;
  saveSettled(incidentId: string, at: number): Promise<void>;
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

/** The result of sending one message. */
export type SendResult =
  | { readonly kind: 'sent'; readonly status?: number }
  | { readonly kind: 'retry'; readonly afterMs?: number; readonly why: string; readonly status?: number }
  /** Trying again cannot help: a revoked webhook, a message that the service rejects. */
  | { readonly kind: 'dropped'; readonly why: string; readonly status?: number };

/** A message about the agent itself. It belongs to no incident. */
export interface Notice {
  readonly title: string;
  readonly text: string;
  /** The host that it is about, if known. */
  readonly host?: string;
}

/** A service or place that alerts are sent to. */
export interface Receiver {
  /** Its name in the outbox, in metrics and in /health. */
  readonly name: string;
  /** The least time between two messages of a queue that has built up, ms. */
  readonly paceMs: number;
  /** Never rejects. */
  send(alert: Alert, signal: AbortSignal): Promise<SendResult>;
  /** Never rejects. */
  sendNotice(notice: Notice, signal: AbortSignal): Promise<SendResult>;
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
