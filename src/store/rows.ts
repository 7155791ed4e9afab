/** Conversions between rows and domain types, shared by several modules. */
import type { Selectable } from 'kysely';
import type { ContainerRef } from '../domain/containers.ts';
import type {
  Aftermath,
  Attempt,
  Decision,
  DecisionKind,
  DecisionReason,
  Outcome,
  Verdict,
} from '../domain/decision.ts';
import type { Diagnosis } from '../domain/diagnosis.ts';
import type {
  Detector,
  Incident,
  IncidentCause,
  IncidentMember,
  IncidentState,
  TraceLink,
} from '../domain/incident.ts';
import type { Actor, ActorSource } from '../pipeline/ports/people.ts';
import type { IncidentCase, PastCase } from '../pipeline/ports/store.ts';
import type { AttemptTable, Database, IncidentTable } from './schema/tables.ts';

/** Stands for "no compose project" in a column that is part of a key. */
export const NO_PROJECT = '';

/**
 * Replaces NUL characters and unpaired surrogates, which PostgreSQL rejects. JSON does not need it, since it escapes
 * both.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

export function traceOf(row: { trace_id: string | null; span_id: string | null }): { trace?: TraceLink } {
  return row.trace_id === null || row.span_id === null ? {} : { trace: { traceId: row.trace_id, spanId: row.span_id } };
}

export function traceColumns(trace: TraceLink | undefined): { trace_id: string | null; span_id: string | null } {
  return { trace_id: trace?.traceId ?? null, span_id: trace?.spanId ?? null };
}

export function projectOf(row: { project: string }): { project?: string } {
  return row.project === NO_PROJECT ? {} : { project: row.project };
}

export function actorOf(via: string | null, who: string | null, from: string | null): Actor | undefined {
  if (via === null || who === null) return undefined;
  return { via: via as ActorSource, who, ...(from !== null && { from }) };
}

export function attemptOf(row: Omit<Selectable<AttemptTable>, 'agent'>): Attempt {
  return { ...restartOf(row), containerId: row.container_id };
}

export function restartOf(row: Omit<Selectable<AttemptTable>, 'agent' | 'container_id'>): Omit<Attempt, 'containerId'> {
  return {
    id: row.id,
    incidentId: row.incident_id,
    containerName: row.container_name,
    service: row.service,
    ...projectOf(row),
    startedAt: row.started_at,
    ...(row.outcome !== null && { outcome: row.outcome as Outcome }),
    ...(row.detail !== null && { detail: row.detail }),
    ...(row.finished_at !== null && { finishedAt: row.finished_at }),
  };
}

function incidentOf(row: Selectable<IncidentTable>): Incident {
  const container: ContainerRef = {
    id: row.container_id,
    name: row.container_name,
    image: row.image,
    service: row.service,
    ...projectOf(row),
    labels: JSON.parse(row.labels) as Record<string, string>,
    ...(row.host !== null && { host: row.host }),
  };
  const detector = row.detector as Detector;
  const patterns = JSON.parse(row.patterns) as string[];
  return {
    id: row.id,
    container,
    fingerprint: row.fingerprint,
    detector,
    detectors: row.detectors === null ? detectorsOf({ detector, patterns }) : (JSON.parse(row.detectors) as Detector[]),
    summary: row.summary,
    patterns,
    openedAt: row.opened_at,
    lastSeenAt: row.last_seen_at,
    occurrences: row.occurrences,
    state: row.state as IncidentState,
    ...(row.cause !== null && { cause: JSON.parse(row.cause) as IncidentCause }),
    ...(row.members !== null && { members: JSON.parse(row.members) as IncidentMember[] }),
    ...traceOf(row),
  };
}

/** Before schema 4, an incident's patterns included one for each of these detectors. */
const DETECTOR_OF_PATTERN: Readonly<Record<string, Detector>> = {
  crash: 'crash',
  'crash loop': 'crash_loop',
  oom: 'oom',
  unhealthy: 'health',
  'log storm': 'storm',
};

/** The detectors of an incident that was stored before schema 4. */
export function detectorsOf({ detector, patterns }: Pick<Incident, 'detector' | 'patterns'>): readonly Detector[] {
  return [...new Set([detector, ...patterns.flatMap((pattern) => DETECTOR_OF_PATTERN[pattern] ?? [])])];
}

function decisionOf(row: Selectable<IncidentTable>): { decision?: Decision } {
  if (row.decision_kind === null || row.decision_reason === null) return {};
  return { decision: { kind: row.decision_kind as DecisionKind, reason: row.decision_reason as DecisionReason } };
}

/** Incidents, each with its newest restart attempt. */
export function selectCases(db: Database) {
  return db
    .selectFrom('incidents')
    .leftJoin('attempts', (join) =>
      join.on('attempts.id', '=', (eb) =>
        eb
          .selectFrom('attempts as newest')
          .select('newest.id')
          .whereRef('newest.incident_id', '=', 'incidents.id')
          .orderBy('newest.started_at', 'desc')
          .orderBy('newest.id', 'desc')
          .limit(1),
      ),
    )
    .selectAll('incidents')
    .select([
      'attempts.id as attempt_id',
      'attempts.container_id as attempt_container_id',
      'attempts.container_name as attempt_container_name',
      'attempts.project as attempt_project',
      'attempts.service as attempt_service',
      'attempts.started_at as attempt_started_at',
      'attempts.outcome as attempt_outcome',
      'attempts.detail as attempt_detail',
      'attempts.finished_at as attempt_finished_at',
    ]);
}

type CaseRow = Awaited<ReturnType<ReturnType<typeof selectCases>['execute']>>[number];

export function caseOf(row: CaseRow): IncidentCase {
  const attempt = attemptOfCase(row);
  return {
    incident: incidentOf(row),
    ...(row.diagnosis !== null && { diagnosis: JSON.parse(row.diagnosis) as Diagnosis }),
    ...decisionOf(row),
    ...(attempt !== undefined && { attempt }),
    ...(attempt?.outcome !== undefined && { outcome: attempt.outcome }),
    ...(row.settled_at !== null && { settledAt: row.settled_at }),
  };
}

/** A case with its review. */
export function pastCaseOf(
  row: CaseRow & { readonly aftermath: string | null; readonly verdict: string | null; readonly note: string | null },
): PastCase {
  return {
    ...caseOf(row),
    ...(row.aftermath !== null && { aftermath: row.aftermath as Aftermath }),
    ...(row.verdict !== null && { verdict: row.verdict as Verdict }),
    ...(row.note !== null && { note: row.note }),
  };
}

function attemptOfCase(row: CaseRow): Attempt | undefined {
  if (row.attempt_id === null) return undefined;
  return attemptOf({
    id: row.attempt_id,
    incident_id: row.id,
    container_id: row.attempt_container_id ?? '',
    container_name: row.attempt_container_name ?? '',
    project: row.attempt_project ?? NO_PROJECT,
    service: row.attempt_service ?? '',
    started_at: row.attempt_started_at ?? 0,
    outcome: row.attempt_outcome,
    detail: row.attempt_detail,
    finished_at: row.attempt_finished_at,
  });
}
