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
  /**
   * Stores that Claude is about to be asked. It counts toward the hourly cap from then on. Rejects with FleetLimitReached
   * if the agents that share the database have asked or spent enough.
   */
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

/** A case with what happened after it. */
export interface PastCase extends IncidentCase {
  readonly aftermath?: Aftermath;
  readonly verdict?: Verdict;
  readonly note?: string;
}

/** The newest case of a problem. */
export interface LastCase extends IncidentCase {
  /** A person called this diagnosis wrong, here or in another case that it was reused for. */
  readonly judgedWrong?: true;
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
  lastCase(key: ServiceRef & { readonly fingerprint: string }): Promise<LastCase | undefined>;
  /**
   * The newest diagnosed cases of the same problem, then those with the same masked message in other services, then
   * others of the same service. Without the incident itself.
   */
  resembling(
    incident: Pick<Incident, 'id' | 'fingerprint'> & { readonly container: ServiceRef },
    limit: number,
  ): Promise<readonly PastCase[]>;
}

export interface AttemptStore {
  /** Rejects with FleetLimitReached if the agents that share the database have restarted enough. */
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
  /**
   * Writes all rows in one transaction. False if the alert was enqueued before, for any receivers: do not send it again.
   * `following`: those of the receivers that follow the incident from now on.
   */
  enqueue(
    alert: Alert,
    receivers: readonly string[],
    trace?: TraceLink,
    following?: readonly string[],
  ): Promise<boolean>;
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

/** Alerts that a summary replaces. They wait in the outbox until a summary with them was accepted. */
export interface FloodStore {
  /** When the receiver accepted the first alert of each incident since then, oldest first; without summaries. */
  sentSince(receiver: string, since: number): Promise<readonly number[]>;
  /** The alert is no longer due by itself. */
  hold(delivery: { readonly alertId: string; readonly receiver: string }, flood: string): Promise<void>;
  /** All alerts of the flood, oldest first. `upTo`: for markSummarized. */
  held(receiver: string, flood: string): Promise<{ readonly alerts: readonly Alert[]; readonly upTo: number }>;
  markSummarized(receiver: string, flood: string, upTo: number, at: number): Promise<void>;
  /** Whether a receiver that follows the incident has accepted an alert about it alone. */
  isShown(receiver: string, incidentId: string): Promise<boolean>;
  /** As saved; undefined if nothing was. */
  loadFlood(receiver: string): Promise<string | undefined>;
  saveFlood(receiver: string, state: string): Promise<void>;
}

/** Which receivers follow which incidents: they have had an alert about it, and get its progress until its end. */
export interface FollowedIncidents {
  followersOf(incidentId: string): Promise<readonly string[]>;
  /** The incident with its followers, if the store has both. */
  followedCase(
    incidentId: string,
  ): Promise<{ readonly found: IncidentCase; readonly followers: readonly string[] } | undefined>;
  /** Ids of resolved incidents whose followers do not know it: an earlier run of the agent ended too early. */
  untoldResolutions(): Promise<readonly string[]>;
}

/**
 * What receivers keep of incidents, for example where the message is. It survives a restart of the agent and is deleted
 * with the incident. The text is theirs.
 */
export interface ReceiverMemory {
  recall(receiver: string, incidentId: string): Promise<string | undefined>;
  /** Replaces what was remembered for the incident. */
  remember(receiver: string, incident: Incident, value: string): Promise<void>;
  /** The newest value for an earlier incident of the same problem that was not yet resolved at `since`. */
  recallEarlier(
    receiver: string,
    incident: Incident,
    since: number,
  ): Promise<{ readonly incidentId: string; readonly value: string } | undefined>;
  /** The values for all incidents whose end the receiver does not know yet. */
  recallOpen(receiver: string): Promise<readonly { readonly incidentId: string; readonly value: string }[]>;
}

/** For the daily digest. */
export interface DigestStore {
  /** The newest `limit` incidents that were diagnosed since then, oldest first. */
  casesSince(time: number, limit: number): Promise<readonly IncidentCase[]>;
  /** US dollars. */
  spendBetween(from: number, to: number): Promise<number>;
  /** The date of the last digest that the receiver got; undefined if there was none. */
  loadDigest(receiver: string): Promise<string | undefined>;
  saveDigest(receiver: string, date: string): Promise<void>;
}

/** For the HTTP pages. Incidents with a diagnosis, newest last. */
export interface HistoryStore {
  /** `ofFleet`: of all agents that share the database, or of the one on `host`. */
  history(query: {
    readonly limit: number;
    readonly container?: string;
    readonly ofFleet?: true;
    readonly host?: string;
  }): Promise<readonly IncidentCase[]>;
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

/** What the engine does not know of dependencies: those that were read from error records, and earlier addresses. */
export interface DependencyStore {
  loadDependencies(): Promise<readonly ObservedDependency[]>;
  /** Replaces what was stored. */
  saveDependencies(dependencies: readonly ObservedDependency[]): Promise<void>;
  loadAddresses(): Promise<readonly KnownAddress[]>;
  /** Replaces what was stored. */
  saveAddresses(addresses: readonly KnownAddress[]): Promise<void>;
}

/** An address that a container has or had. Once it has ended or left the network, the engine no longer knows it. */
export interface KnownAddress {
  readonly containerId: string;
  readonly network: string;
  readonly address: string;
  /** Epoch ms. */
  readonly since: number;
}

export interface ObservedDependency {
  /** A service key. */
  readonly from: string;
  /** A service key. */
  readonly to: string;
  readonly lastSeenAt: number;
}

/** A person's judgement of a case. */
export interface GivenVerdict {
  readonly incidentId: string;
  readonly verdict: Verdict;
  /** Redacted. */
  readonly note?: string;
  readonly at: number;
  /** The model that diagnosed; absent for the rules. */
  readonly model?: string;
  /** Of the incident. */
  readonly trace?: TraceLink;
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
  /** Given after this time, oldest first. */
  verdictsSince(time: number): Promise<readonly GivenVerdict[]>;
  /** The time of the latest verdict that was passed on; undefined if none was. */
  loadVerdictsSeen(): Promise<number | undefined>;
  saveVerdictsSeen(at: number): Promise<void>;
  /** The newest `limit` diagnoses whose cases have a verdict. */
  judgedDiagnoses(limit: number): Promise<readonly { readonly diagnosis: Diagnosis; readonly verdict: Verdict }[]>;
}
