import type { z } from 'zod';
import { DECISION_REASONS } from '../../../domain/decision.ts';
import type { Diagnosis } from '../../../domain/diagnosis.ts';
import type {
  IncidentRecords,
  ListedIncident,
  RelatedIncidents,
  StoredDecision,
} from '../../../pipeline/ports/pages.ts';
import type { AuditEntry, RestartRequest, Snooze } from '../../../pipeline/ports/people.ts';
import type { DecisionRecord, Diagnosis as DiagnosisSchema, Incident, IncidentSummary } from '../schemas/incidents.ts';
import type { ApiSource } from '../source.ts';
import { iso, isoOrNull, toAttempt, toAuditEntry, toCause, toDecision, toRestartRequest, toSnooze } from './common.ts';

/** `host`: of the agent, for incidents that do not name theirs. */
export function toSummary(
  listed: ListedIncident,
  { host, waits }: { readonly host: string | undefined; readonly waits: ReturnType<ApiSource['waits']> },
): IncidentSummary {
  const { incident, diagnosis, decision, attempt, outcome } = listed;
  const { container } = incident;
  const wait = waits.get(incident.id);
  return {
    id: incident.id,
    container: container.name,
    service: container.service,
    project: container.project ?? null,
    host: container.host ?? host ?? null,
    image: container.image,
    fingerprint: incident.fingerprint,
    state: incident.state,
    detector: incident.detector,
    detectors: [...incident.detectors],
    summary: incident.summary,
    patterns: [...incident.patterns],
    opened_at: iso(incident.openedAt),
    last_seen_at: iso(incident.lastSeenAt),
    resolved_at: isoOrNull(listed.resolvedAt),
    occurrences: incident.occurrences,
    severity: diagnosis?.severity ?? null,
    root_cause: diagnosis?.rootCause ?? null,
    tier: diagnosis?.tier ?? null,
    decision: decision === undefined ? null : toDecision(decision),
    outcome: outcome ?? attempt?.outcome ?? null,
    cause: toCause(incident.cause),
    members: (incident.members ?? []).map(({ container, occurrences }) => ({ container, occurrences })),
    cost_usd: listed.costUsd,
    verdict: listed.verdict ?? null,
    waits: wait === undefined ? null : { what: wait.what, until: iso(wait.until) },
  };
}

export interface IncidentParts {
  readonly listed: ListedIncident;
  readonly records: IncidentRecords;
  readonly related: RelatedIncidents;
  readonly requests: readonly RestartRequest[];
  readonly snoozes: readonly Snooze[];
  readonly audit: readonly AuditEntry[];
  readonly host: string | undefined;
  readonly waits: ReturnType<ApiSource['waits']>;
  /** With `{trace_id}`. */
  readonly traceUrl: string | undefined;
}

const LABEL_PREFIX = 'container-doctor.';

export function toIncident(parts: IncidentParts): Incident {
  const { listed, records, related } = parts;
  const { incident, diagnosis } = listed;
  const { evidence } = records;
  const summary = (one: ListedIncident) => toSummary(one, parts);
  return {
    ...summary(listed),
    labels: Object.fromEntries(
      Object.entries(incident.container.labels).filter(([label]) => label.startsWith(LABEL_PREFIX)),
    ),
    signals: (evidence?.signals ?? []).map((signal) => ({
      at: iso(signal.at),
      detector: signal.detector,
      exit_code: signal.exitCode ?? null,
      patterns: [...signal.patterns],
      text: signal.text,
    })),
    excerpt: (evidence?.excerpt ?? []).map(({ text, isEvidence }) => ({ text, is_evidence: isEvidence })),
    facts: evidence?.facts ?? null,
    engine_events: (evidence?.engineEvents ?? []).map((event) => ({ ...event, at: iso(event.at) })),
    changes: [...(evidence?.changes ?? [])],
    graph: graphOf(evidence?.graph),
    questions: records.questions.map(({ at, model, strength, text }) => ({ at: iso(at), model, strength, text })),
    requests: records.requests.map(({ at, model, outcome, tokens, costUsd }) => ({
      at: iso(at),
      model,
      outcome,
      input_tokens: tokens.input,
      output_tokens: tokens.output,
      cache_read_tokens: tokens.cacheRead,
      cache_write_tokens: tokens.cacheWrite,
      cost_usd: costUsd,
    })),
    diagnosis: diagnosis === undefined ? null : toDiagnosis(diagnosis),
    decisions: records.decisions.map(toDecisionRecord),
    attempts: records.attempts.map(toAttempt),
    alerts: records.alerts.map((alert) => ({
      id: alert.id,
      kind: alert.kind,
      receiver: alert.receiver,
      at: iso(alert.at),
      state: alert.state,
      finished_at: isoOrNull(alert.finishedAt),
      error: alert.error ?? null,
    })),
    restart_requests: parts.requests.map((request) => toRestartRequest(request, incident.container.host ?? parts.host)),
    snoozes: parts.snoozes.map((snooze) => toSnooze(snooze, parts.host)),
    aftermath: listed.aftermath ?? null,
    note: listed.note ?? null,
    trace:
      incident.trace === undefined
        ? null
        : { trace_id: incident.trace.traceId, url: traceLink(parts.traceUrl, incident.trace.traceId) },
    cause_incident: related.cause === undefined ? null : summary(related.cause),
    member_incidents: related.members.map(summary),
    similar: related.similar.map(summary),
    audit: parts.audit.map(toAuditEntry),
  };
}

function traceLink(template: string | undefined, traceId: string): string | null {
  return template?.replaceAll('{trace_id}', encodeURIComponent(traceId)) ?? null;
}

function graphOf(graph: NonNullable<IncidentRecords['evidence']>['graph']): Incident['graph'] {
  if (graph === undefined) return null;
  return {
    containers: graph.containers.map(({ name, role, state }) => ({ name, role, state: state ?? null })),
    edges: graph.edges.map(({ from, to, evidence }) => ({ from, to, evidence })),
  };
}

function toDecisionRecord(decision: StoredDecision): z.output<typeof DecisionRecord> {
  const { at, kind, reason, because, gates } = decision;
  return {
    at: iso(at),
    kind,
    reason,
    explanation: DECISION_REASONS[reason] ?? reason,
    detail: because ?? null,
    gates: gates.map(({ name, asks, state, value, reason }) => ({ name, asks, state, value, reason: reason ?? null })),
  };
}

function toDiagnosis(diagnosis: Diagnosis): z.output<typeof DiagnosisSchema> {
  return {
    root_cause: diagnosis.rootCause,
    severity: diagnosis.severity,
    suggested_fix: diagnosis.suggestedFix,
    auto_restart_safe: diagnosis.autoRestartSafe,
    config_suggestions: [...diagnosis.configSuggestions],
    likely_recurring: diagnosis.likelyRecurring,
    estimated_impact: diagnosis.estimatedImpact,
    tier: diagnosis.tier,
    model: diagnosis.model ?? null,
    rules: [...diagnosis.rules],
    evidence: [...(diagnosis.evidence ?? [])],
    failed_checks: [...(diagnosis.failedChecks ?? [])],
    fallback: diagnosis.fallback ?? null,
    local_failure: diagnosis.localFailure ?? null,
    after_failed_restart: diagnosis.afterFailedRestart,
    cost_usd: diagnosis.costUsd,
    at: iso(diagnosis.at),
    answered_at: iso(diagnosis.answeredAt),
  };
}
