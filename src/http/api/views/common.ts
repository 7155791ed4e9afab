/** Conversions that several views share. */
import type { z } from 'zod';
import { type Attempt, DECISION_REASONS, type Decision } from '../../../domain/decision.ts';
import type { IncidentCause } from '../../../domain/incident.ts';
import type { Actor, AuditEntry, RestartRequest, Snooze } from '../../../pipeline/ports/people.ts';
import type { RestartAttempt } from '../schemas/incidents.ts';
import type { Cause, Decision as DecisionSchema } from '../schemas/parts.ts';
import type * as people from '../schemas/people.ts';

export function iso(time: number): string {
  return new Date(Math.min(Math.max(time, 0), 8.64e15)).toISOString();
}

export function isoOrNull(time: number | undefined): string | null {
  return time === undefined ? null : iso(time);
}

export function toDecision({ kind, reason }: Decision): z.output<typeof DecisionSchema> {
  return { kind, reason, explanation: DECISION_REASONS[reason] ?? reason };
}

export function toCause(cause: IncidentCause | undefined): z.output<typeof Cause> | null {
  if (cause === undefined) return null;
  switch (cause.kind) {
    case 'incident':
      return { kind: 'incident', incident_id: cause.incidentId, evidence: cause.evidence, host: cause.host ?? null };
    case 'external':
      return { kind: 'external', host: cause.host };
    case 'unknown':
      return { kind: 'unknown', named: cause.named ?? null };
    default:
      return cause satisfies never;
  }
}

export function toAttempt(attempt: Omit<Attempt, 'containerId'>): z.output<typeof RestartAttempt> {
  return {
    id: attempt.id,
    incident_id: attempt.incidentId,
    container: attempt.containerName,
    service: attempt.service,
    project: attempt.project ?? null,
    started_at: iso(attempt.startedAt),
    finished_at: isoOrNull(attempt.finishedAt),
    outcome: attempt.outcome ?? null,
    detail: attempt.detail ?? null,
  };
}

function toActor({ via, who, from }: Actor): z.output<typeof people.Actor> {
  return { via, who, from: from ?? null };
}

/** `host`: if the request does not name one. */
export function toRestartRequest(request: RestartRequest, host: string | undefined): people.RestartRequest {
  return {
    id: request.id,
    incident_id: request.incidentId,
    container: request.containerName,
    host: request.host ?? host ?? null,
    requested_at: iso(request.requestedAt),
    expires_at: iso(request.expiresAt),
    state: request.state,
    answered_by: request.answeredBy === undefined ? null : toActor(request.answeredBy),
    answered_at: isoOrNull(request.answeredAt),
  };
}

export function toSnooze(snooze: Snooze, host: string | undefined): people.Snooze {
  return {
    id: snooze.id,
    service: snooze.service.service,
    project: snooze.service.project ?? null,
    fingerprint: snooze.fingerprint ?? null,
    since: iso(snooze.since),
    until: iso(snooze.until),
    by: toActor(snooze.by),
    held_back: snooze.heldBack,
    host: snooze.host ?? host ?? null,
  };
}

export function toAuditEntry({ id, at, actor, action, result }: AuditEntry): people.AuditEntry {
  return { id, at: iso(at), actor: toActor(actor), action, result };
}
