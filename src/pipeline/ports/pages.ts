/** What the HTTP pages read, and the records that are kept for them. All text is redacted. */
import type { AlertKind } from '../../domain/alert.ts';
import type { ContainerRef, EdgeEvidence } from '../../domain/containers.ts';
import type { Aftermath, Attempt, Decision, DecisionReason, Gate, Outcome, Verdict } from '../../domain/decision.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { Detector, Incident, IncidentState } from '../../domain/incident.ts';

import type { ClaudeRequest } from './model.ts';
import type { IncidentCase } from './store.ts';

/** What an incident was diagnosed on. */
export interface IncidentEvidence {
  readonly collectedAt: number;
  /** Oldest first. */
  readonly signals: readonly {
    readonly at: number;
    readonly detector: Detector;
    readonly exitCode?: number;
    readonly patterns: readonly string[];
    readonly text: string;
  }[];
  /** The end of the log, newest last. */
  readonly excerpt: readonly { readonly text: string; readonly isEvidence: boolean }[];
  readonly facts?: Readonly<Record<string, string | number | boolean | null>>;
  readonly engineEvents: readonly { readonly at: number; readonly container: string; readonly what: string }[];
  /** Changes of the configuration, as sentences. */
  readonly changes: readonly string[];
  readonly graph?: {
    readonly containers: readonly {
      readonly name: string;
      readonly role: 'self' | 'member' | 'dependency' | 'dependant' | 'other';
      readonly state?: string;
    }[];
    readonly edges: readonly { readonly from: string; readonly to: string; readonly evidence: EdgeEvidence }[];
  };
}

export interface StoredQuestion {
  readonly incidentId: string;
  readonly at: number;
  readonly model: string;
  readonly strength: 'first' | 'strong';
  readonly text: string;
}

export interface StoredDecision extends Decision {
  readonly at: number;
  readonly because?: string;
  readonly gates: readonly Gate[];
}

export interface StoredAlert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly receiver: string;
  readonly at: number;
  readonly state: 'pending' | 'sent' | 'dropped';
  readonly finishedAt?: number;
  readonly error?: string;
}

export interface Deployment {
  readonly at: number;
  readonly container: ContainerRef;
  readonly previousImage?: string;
}

/** A time in which the agent saw nothing. */
export interface Absence {
  readonly kind: 'agent_stopped' | 'engine_unreachable';
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
}

/** Written while an incident is handled. */
export interface EvidenceStore {
  /** Replaces what was stored for the incident. */
  saveEvidence(incidentId: string, evidence: IncidentEvidence): Promise<void>;
  saveQuestion(question: StoredQuestion): Promise<void>;
}

export interface TimelineStore {
  /** A second one of the same container changes nothing. */
  saveDeployment(deployment: Deployment): Promise<void>;
  /** Replaces the absence that began at the same time. */
  saveAbsence(absence: Absence): Promise<void>;
}

export interface IncidentFilter {
  readonly state?: IncidentState;
  readonly container?: string;
  readonly service?: string;
  readonly project?: string;
  readonly host?: string;
  readonly severities?: readonly Severity[];
  readonly cause?: { readonly kind: 'own' | 'incident' | 'external' | 'unknown' } | { readonly incidentId: string };
  /** Opened at or after. */
  readonly from?: number;
  /** Opened before. */
  readonly to?: number;
  readonly search?: string;
}

/** The last incident of a page. */
export interface PagePosition {
  readonly openedAt: number;
  readonly id: string;
}

/** An incident with what a list shows. */
export interface ListedIncident extends IncidentCase {
  readonly resolvedAt?: number;
  readonly costUsd: number;
  readonly aftermath?: Aftermath;
  readonly verdict?: Verdict;
  readonly note?: string;
}

export interface IncidentRecords {
  /** Each list is in the order of time. */
  readonly decisions: readonly StoredDecision[];
  readonly questions: readonly StoredQuestion[];
  readonly requests: readonly ClaudeRequest[];
  readonly attempts: readonly Attempt[];
  readonly alerts: readonly StoredAlert[];
  readonly evidence?: IncidentEvidence;
}

export interface RelatedIncidents {
  /** The one that it belongs to. */
  readonly cause?: ListedIncident;
  /** Those that belong to it. */
  readonly members: readonly ListedIncident[];
  /** Earlier ones of the same problem, then of the same service; the newest first. */
  readonly similar: readonly ListedIncident[];
}

export interface TimelineIncident
  extends Pick<Incident, 'id' | 'state' | 'summary' | 'openedAt' | 'lastSeenAt'>,
    Pick<ContainerRef, 'service' | 'project'> {
  readonly containerName: string;
  readonly severity?: Severity;
  readonly endedAt?: number;
  readonly causeIncidentId?: string;
}

export interface StoredTimeline {
  readonly incidents: readonly TimelineIncident[];
  readonly restarts: readonly Omit<Attempt, 'containerId'>[];
  readonly deployments: readonly Deployment[];
  readonly absences: readonly Absence[];
}

export interface Spend {
  readonly usd: number;
  readonly requests: number;
}

/** Restarts, and restarts that a setting held back: equal ones are counted. */
export interface CountedCase extends Pick<ContainerRef, 'service' | 'project'> {
  readonly count: number;
  readonly reason: DecisionReason;
  readonly state: IncidentState;
  readonly outcome?: Outcome;
  readonly aftermath?: Aftermath;
  readonly verdict?: Verdict;
}

export interface StoredStats {
  readonly bySeverity: Readonly<Record<Severity, number>>;
  readonly undiagnosed: number;
  readonly open: number;
  /** Incidents that were diagnosed without a question. */
  readonly saved: {
    readonly known: number;
    readonly local: number;
    readonly rules: number;
    readonly correlation: number;
  };
  readonly asked: number;
  readonly cases: readonly CountedCase[];
  /** From the opening of an incident to its recovery by a restart, ms. */
  readonly recoveryTimes: readonly number[];
  /** By UTC day and model, in the order of the days. `day`: its start, epoch ms. */
  readonly spend: readonly (Spend & {
    readonly day: number;
    readonly model: string;
    readonly inputTokens: number;
    readonly outputTokens: number;
  })[];
  /** By UTC day and service, in the order of the days. */
  readonly services: readonly (Spend & { readonly day: number; readonly service: string })[];
}

/** `from` is inclusive, `to` is not. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** One host of those that share a database. */
export interface OnHost {
  readonly host?: string;
}

export interface PageStore {
  /** Newest first. `total`: all that match. */
  incidentPage(
    filter: IncidentFilter,
    page: { readonly limit: number; readonly after?: PagePosition },
  ): Promise<{ readonly incidents: readonly ListedIncident[]; readonly total: number }>;
  findIncident(id: string): Promise<ListedIncident | undefined>;
  incidentRecords(id: string): Promise<IncidentRecords>;
  relatedIncidents(incident: Incident): Promise<RelatedIncidents>;
  /** The newest `limit` incidents that were open in this time, oldest first. Default host: that of this agent. */
  timeline(
    range: TimeRange,
    of: { readonly service?: string; readonly container?: string } & OnHost,
    limit: number,
  ): Promise<StoredTimeline>;
  /** Default host: all of them. */
  stats(range: TimeRange & OnHost): Promise<StoredStats>;
}
