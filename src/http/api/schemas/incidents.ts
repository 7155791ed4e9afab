/** Schemas of the answers of `/api/v1/incidents` and `/api/v1/incidents/:id`. */
import { z } from 'zod';
import { ALERT_KINDS } from '../../../domain/alert.ts';
import {
  Cause,
  ClaudeOutcome,
  Count,
  Decision,
  Detector,
  Evidence,
  FailedCheck,
  Fallback,
  Kind,
  LocalFailure,
  Member,
  Outcome,
  Reason,
  Severity,
  State,
  Tier,
  Time,
  Usd,
  Verdict,
} from './parts.ts';
import { AuditEntry, RestartRequest, Snooze } from './people.ts';

export const IncidentSummary = z
  .object({
    id: z.string(),
    container: z.string(),
    service: z.string(),
    project: z.string().nullable(),
    host: z.string().nullable(),
    image: z.string(),
    fingerprint: z.string(),
    state: State,
    detector: Detector,
    detectors: z.array(Detector),
    summary: z.string(),
    patterns: z.array(z.string()).meta({ description: 'What was detected, for display' }),
    opened_at: Time,
    last_seen_at: Time,
    resolved_at: Time.nullable(),
    occurrences: Count,
    severity: Severity.nullable().meta({ description: 'Null until it is diagnosed' }),
    root_cause: z.string().nullable(),
    tier: Tier.nullable(),
    decision: Decision.nullable(),
    outcome: Outcome.nullable().meta({ description: 'Of the latest restart; null if none or being verified' }),
    cause: Cause.nullable(),
    members: z.array(Member),
    cost_usd: Usd.meta({ description: 'All requests for it, failed ones included' }),
    verdict: Verdict.nullable(),
    waits: z
      .object({ what: z.string().meta({ description: 'Completes "waits …"' }), until: Time })
      .nullable()
      .meta({ description: 'What its handling waits for, and how long at most' }),
  })
  .meta({ id: 'IncidentSummary' });

export const IncidentPage = z
  .object({
    incidents: z.array(IncidentSummary).meta({ description: 'Newest first' }),
    total: Count.meta({ description: 'All that match, on every page' }),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'IncidentPage' });

export const Diagnosis = z
  .object({
    root_cause: z.string(),
    severity: Severity,
    suggested_fix: z.string(),
    auto_restart_safe: z.boolean(),
    config_suggestions: z.array(z.string()),
    likely_recurring: z.boolean(),
    estimated_impact: z.string(),
    tier: Tier,
    model: z.string().nullable(),
    rules: z.array(z.string()),
    evidence: z.array(z.object({ id: z.string(), text: z.string() })).meta({
      description: 'The facts and lines that the model names as support of the cause',
    }),
    failed_checks: z.array(FailedCheck),
    fallback: Fallback.nullable(),
    local_failure: LocalFailure.nullable(),
    after_failed_restart: z.boolean(),
    cost_usd: Usd,
    at: Time,
    answered_at: Time.meta({ description: 'Before `at` if an earlier answer was reused' }),
  })
  .meta({ id: 'Diagnosis' });

export const Gate = z
  .object({
    name: z.string().meta({ description: 'Which condition' }),
    asks: z.string().meta({ description: 'The condition for a restart, as a sentence' }),
    state: z.enum(['open', 'closed', 'unknown']).meta({
      description: 'unknown: it could not be evaluated, because facts were missing',
    }),
    value: z.string().meta({ description: 'What it was decided on' }),
    reason: Reason.nullable().meta({ description: 'The reason of the decision if it is the first closed one' }),
  })
  .meta({ id: 'Gate' });

export const DecisionRecord = z
  .object({
    at: Time,
    kind: Kind,
    reason: Reason,
    explanation: z.string(),
    detail: z.string().nullable().meta({ description: 'The policy value and its source, or names' }),
    gates: z.array(Gate).meta({ description: 'In the order of evaluation; empty if they were not evaluated' }),
  })
  .meta({ id: 'DecisionRecord' });

export const SignalRecord = z
  .object({
    at: Time,
    detector: Detector,
    exit_code: z.int().nullable(),
    patterns: z.array(z.string()),
    text: z.string().meta({ description: 'The record or event, redacted and cut' }),
  })
  .meta({ id: 'SignalRecord' });

export const ExcerptLine = z
  .object({ text: z.string(), is_evidence: z.boolean() })
  .meta({ id: 'ExcerptLine', description: 'A line of the log when it was diagnosed, redacted' });

export const IncidentGraph = z
  .object({
    containers: z.array(
      z.object({
        name: z.string(),
        role: z.enum(['self', 'member', 'dependency', 'dependant', 'other']),
        state: z.string().nullable().meta({ description: 'As the engine reported it at that time' }),
      }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), evidence: Evidence })),
  })
  .meta({ id: 'IncidentGraph', description: 'The dependencies around it when it was diagnosed' });

export const Question = z
  .object({
    at: Time,
    model: z.string(),
    strength: z.enum(['first', 'strong']),
    text: z.string().meta({ description: 'As sent, redacted. Without the system prompt, which never changes' }),
  })
  .meta({ id: 'Question' });

export const ModelRequest = z
  .object({
    at: Time,
    model: z.string(),
    outcome: ClaudeOutcome,
    input_tokens: Count,
    output_tokens: Count,
    cache_read_tokens: Count,
    cache_write_tokens: Count,
    cost_usd: Usd,
  })
  .meta({ id: 'ModelRequest', description: 'One request that left; retries are requests of their own' });

export const RestartAttempt = z
  .object({
    id: z.string(),
    incident_id: z.string(),
    container: z.string(),
    service: z.string(),
    project: z.string().nullable(),
    started_at: Time,
    finished_at: Time.nullable(),
    outcome: Outcome.nullable().meta({ description: 'Null while it is verified' }),
    detail: z.string().nullable().meta({ description: 'What verification saw' }),
  })
  .meta({ id: 'RestartAttempt' });

export const SentAlert = z
  .object({
    id: z.string(),
    kind: z.enum(ALERT_KINDS),
    receiver: z.string(),
    at: Time,
    state: z.enum(['pending', 'sent', 'dropped']),
    finished_at: Time.nullable(),
    error: z.string().nullable().meta({ description: 'Why it was dropped' }),
  })
  .meta({ id: 'SentAlert' });

export const TimelineFact = z
  .object({ at: Time, container: z.string(), what: z.string() })
  .meta({ id: 'TimelineFact', description: 'An engine event before the diagnosis' });

export const Incident = IncidentSummary.extend({
  labels: z.record(z.string(), z.string()).meta({ description: 'The `container-doctor.*` labels' }),
  signals: z.array(SignalRecord).meta({ description: 'Oldest first' }),
  excerpt: z.array(ExcerptLine),
  facts: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .nullable()
    .meta({
      description: 'What the engine reported when it was diagnosed',
    }),
  engine_events: z.array(TimelineFact),
  changes: z.array(z.string()).meta({ description: 'Changes of the configuration before it, as sentences' }),
  graph: IncidentGraph.nullable(),
  questions: z.array(Question),
  requests: z.array(ModelRequest),
  diagnosis: Diagnosis.nullable(),
  decisions: z.array(DecisionRecord).meta({ description: 'Oldest first; the last one is in force' }),
  attempts: z.array(RestartAttempt).meta({ description: 'Oldest first' }),
  alerts: z.array(SentAlert).meta({ description: 'Oldest first, one for each receiver' }),
  restart_requests: z.array(RestartRequest).meta({ description: 'Restarts that waited or wait for a person' }),
  snoozes: z.array(Snooze).meta({ description: 'In force now, for it or its service' }),
  aftermath: z.enum(['came_back', 'restarted_by_person']).nullable(),
  note: z.string().nullable().meta({ description: 'Of the verdict' }),
  trace: z.object({ trace_id: z.string(), url: z.url().nullable() }).nullable(),
  cause_incident: IncidentSummary.nullable(),
  member_incidents: z.array(IncidentSummary),
  similar: z.array(IncidentSummary).meta({ description: 'Earlier incidents of the same problem, then of the service' }),
  audit: z.array(AuditEntry).meta({ description: 'What people did about it, oldest first' }),
}).meta({ id: 'Incident' });

export type IncidentSummary = z.output<typeof IncidentSummary>;
export type IncidentPage = z.output<typeof IncidentPage>;
export type Incident = z.output<typeof Incident>;
export type Gate = z.output<typeof Gate>;
