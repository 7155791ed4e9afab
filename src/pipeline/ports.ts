/**
 * What the pipeline needs of the world, in domain types. Adapters implement these; only app.ts joins the two.
 */
import type {
  Aftermath,
  Alert,
  Attempt,
  ClaudeFailure,
  ClaudeRequest,
  ContainerFacts,
  Decision,
  Diagnosis,
  DiagnosisContext,
  EngineEvent,
  Finding,
  Incident,
  ListedContainer,
  LogCursor,
  LogLine,
  Outcome,
  ReviewedCase,
  TraceLink,
  Verdict,
} from '../domain.ts';

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
   * the cursor behind its last line. Resolves when the engine ends the stream or `signal` aborts. `setBackMs`: by
   * how much the clock was set back since `from` was reached.
   */
  followLogs(
    containerId: string,
    options: {
      readonly from: LogCursor | number;
      readonly setBackMs?: number;
      readonly signal: AbortSignal;
      onLines(lines: readonly LogLine[], cursor: LogCursor): void;
    },
  ): Promise<void>;
}

/** Used by collect, act and verify. Every method rejects with an EngineError on a fault. */
export interface ContainerControl {
  /** Undefined where the container does not exist. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** The last `count` lines of both streams in order, the newest last; [] where the container is gone. */
  tailLogs(containerId: string, count: number, signal?: AbortSignal): Promise<readonly LogLine[]>;
  /** Resolves when the engine says it is done: up to the stop timeout and more. Aborting does not stop the restart. */
  restart(containerId: string, signal?: AbortSignal): Promise<void>;
  list(signal?: AbortSignal): Promise<readonly ListedContainer[]>;
}

export interface CursorStore {
  loadCursors(): Promise<ReadonlyMap<string, LogCursor>>;
  saveCursors(cursors: ReadonlyMap<string, LogCursor>): Promise<void>;
  forgetCursors(containerIds: readonly string[]): Promise<void>;
}

/** Takes text, gives it back without secrets. */
export interface Redactor {
  /**
   * `secrets`: literal values to hide besides what the patterns find. Equal secrets within one call get
   * equal placeholders.
   */
  redact(
    texts: readonly string[],
    secrets: readonly string[],
  ): Promise<{ readonly texts: readonly string[]; readonly redactions: number }>;
}

/** One question to Claude, its tries included. */
export type ClaudeAnswer = {
  /** Every request that left, failed tries included; the last one is the one that counted. */
  readonly requests: readonly Omit<ClaudeRequest, 'incidentId' | 'containerName'>[];
} & (
  | {
      readonly kind: 'answered';
      readonly model: string;
      readonly finding: Finding;
      readonly confidence: 'low' | 'medium' | 'high';
    }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure }
);

export interface ClaudePort {
  /** Never rejects but when `signal` aborts. `strength` chooses the model. */
  ask(context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<ClaudeAnswer>;
}

/** Rolling windows and the ledger behind them. */
export interface Ledger {
  /** Writes down that Claude is about to be asked; counts toward the hourly cap from then on. */
  recordAsk(ask: { readonly at: number; readonly incidentId: string }): Promise<void>;
  recordRequests(requests: readonly ClaudeRequest[]): Promise<void>;
  asksSince(time: number): Promise<number>;
  spendSince(time: number): Promise<number>;
}

/** An incident with all that is known of its handling. */
export interface IncidentCase {
  readonly incident: Incident;
  readonly diagnosis?: Diagnosis;
  readonly decision?: Decision;
  readonly attempt?: Attempt;
  readonly outcome?: Outcome;
  /** When its alert was put into the outbox, or it was decided that none is due. */
  readonly settledAt?: number;
}

export interface IncidentStore {
  /** Inserts or updates by id. */
  saveIncident(incident: Incident): Promise<void>;
  /** Counts of many at once: repeats are written in batches. */
  saveOccurrences(
    counts: readonly { readonly id: string; readonly occurrences: number; readonly lastSeenAt: number }[],
  ): Promise<void>;
  saveDiagnosis(incidentId: string, diagnosis: Diagnosis): Promise<void>;
  saveDecision(incidentId: string, decision: Decision): Promise<void>;
  saveSettled(incidentId: string, at: number): Promise<void>;
  resolveIncident(incidentId: string, at: number): Promise<void>;
  openCases(): Promise<readonly IncidentCase[]>;
  /** The newest case of this problem with a diagnosis, open or not, and how a restart for it ended. */
  lastCase(key: {
    readonly project?: string;
    readonly service: string;
    readonly fingerprint: string;
  }): Promise<IncidentCase | undefined>;
}

export interface AttemptStore {
  beginAttempt(attempt: Attempt): Promise<void>;
  finishAttempt(
    id: string,
    end: { readonly outcome: Outcome; readonly detail: string; readonly finishedAt: number },
  ): Promise<void>;
  /** Of a service, newest last, those under way included. */
  attemptsSince(
    key: { readonly project?: string; readonly service: string },
    time: number,
  ): Promise<readonly Attempt[]>;
}

/** Alerts on their way out: one row per alert and receiver, written before anything is sent. */
export interface Outbox {
  /** False where this alert was written before, for whatever receivers: it is not this caller's to send. All rows are written in one transaction. */
  enqueue(alert: Alert, receivers: readonly string[], trace?: TraceLink): Promise<boolean>;
  /** Of one receiver, due at `now`, oldest first. */
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
  /** How many wait, by receiver; receivers with none may be missing. */
  pending(): Promise<ReadonlyMap<string, number>>;
}

/** How sending one alert went. */
export type SendResult =
  | { readonly kind: 'sent'; readonly status?: number }
  | { readonly kind: 'retry'; readonly afterMs?: number; readonly why: string; readonly status?: number }
  /** Trying again cannot help: a revoked webhook, a message the service will not take. */
  | { readonly kind: 'dropped'; readonly why: string; readonly status?: number };

/** A word about the agent itself, of no incident. */
export interface Notice {
  readonly title: string;
  readonly text: string;
}

export interface AlertSender {
  readonly integration: 'slack' | 'console';
  /** Between two of many messages, ms. */
  readonly paceMs: number;
  /** Never rejects. */
  send(alert: Alert, signal: AbortSignal): Promise<SendResult>;
  /** Never rejects. */
  sendNotice(notice: Notice, signal: AbortSignal): Promise<SendResult>;
}

/** For the HTTP pages: a diagnosed incident, newest last in lists. */
export interface HistoryStore {
  history(query: { readonly limit: number; readonly container?: string }): Promise<readonly IncidentCase[]>;
  totals(): Promise<{ readonly diagnoses: number; readonly restartsByContainer: ReadonlyMap<string, number> }>;
}

/** What became of what was decided, and what people think of it. */
export interface ReviewStore {
  /** The first one stands. */
  saveAftermath(incidentId: string, aftermath: Aftermath, at: number): Promise<void>;
  /** The last one stands. False where there is no such incident. */
  saveVerdict(
    incidentId: string,
    given: { readonly verdict: Verdict; readonly note?: string; readonly at: number },
  ): Promise<boolean>;
  /** Incidents that were restarted or would have been, oldest first; the newest `limit` of them. */
  reviewedCases(limit: number): Promise<readonly ReviewedCase[]>;
}

export interface Clock {
  /** The time of day, epoch ms: when something was. NTP or a person may set it forward or back. */
  now(): number;
  /** Milliseconds that only ever pass: how long something takes. They begin anywhere. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
