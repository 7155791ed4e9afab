/** The page `/history`: incidents with diagnosis, decision and outcome. */
import type { FailedCheck } from '../domain/checks.ts';
import type { DecisionKind, DecisionReason, Outcome } from '../domain/decision.ts';
import type { Diagnosis, Severity, Tier } from '../domain/diagnosis.ts';
import type { Detector, IncidentCause, IncidentMember, IncidentState } from '../domain/incident.ts';
import type { IncidentCase } from '../pipeline/ports/store.ts';

/** One entry of the JSON response. Times are ISO 8601. */
export interface HistoryEntry {
  readonly container: string;
  /** Null if it is not known. */
  readonly host: string | null;
  /** When the incident was diagnosed; before that, when it was opened. */
  readonly timestamp: string;
  readonly diagnosis: {
    readonly root_cause: string;
    readonly severity: Severity;
    readonly suggested_fix: string;
    readonly auto_restart_safe: boolean;
    readonly config_suggestions: readonly string[];
    readonly likely_recurring: boolean;
    readonly estimated_impact: string;
    readonly tier: Tier;
    readonly model: string | null;
    /** The facts and lines that the model names as support of the cause; absent if it names none. */
    readonly evidence?: readonly { readonly id: string; readonly text: string }[];
    /** The checks that the model's claims failed: then the log does not support the cause. Absent if none. */
    readonly failed_checks?: readonly FailedCheck[];
    /** Why Claude did not diagnose; absent if it did or was not to be asked. */
    readonly fallback?: NonNullable<Diagnosis['fallback']>;
    /** Why the local model gave no usable answer; absent if it did or was not asked. */
    readonly local_failure?: NonNullable<Diagnosis['localFailure']>;
  } | null;
  /** The patterns by which the incident was detected. */
  readonly patterns: readonly string[];
  /** Id of the incident. */
  readonly id: string;
  /** Null if tracing was off or the trace was not sampled. */
  readonly trace_id: string | null;
  readonly decision: DecisionKind | null;
  readonly reason: DecisionReason | null;
  /** Outcome of the restart; null if there was none or it is still being verified. */
  readonly outcome: Outcome | null;
  readonly occurrences: number;
  readonly cost_usd: number;
  readonly detector: Detector;
  readonly image: string;
  readonly state: IncidentState;
  /** Why the container is not the cause itself; null if it is, as far as known. */
  readonly cause: IncidentCause | null;
  /** Other containers that suffer from this problem, the most affected first. */
  readonly members: readonly IncidentMember[];
}

/** `host`: of the agent, for incidents that do not name theirs. */
export function toHistoryEntry(
  { incident, diagnosis, decision, attempt, outcome }: IncidentCase,
  host?: string,
): HistoryEntry {
  return {
    container: incident.container.name,
    host: incident.container.host ?? host ?? null,
    timestamp: new Date(diagnosis?.at ?? incident.openedAt).toISOString(),
    diagnosis: diagnosis === undefined ? null : toDiagnosis(diagnosis),
    patterns: incident.patterns,
    id: incident.id,
    trace_id: incident.trace?.traceId ?? null,
    decision: decision?.kind ?? null,
    reason: decision?.reason ?? null,
    outcome: outcome ?? attempt?.outcome ?? null,
    occurrences: incident.occurrences,
    cost_usd: diagnosis?.costUsd ?? 0,
    detector: incident.detector,
    image: incident.container.image,
    state: incident.state,
    cause: incident.cause ?? null,
    members: incident.members ?? [],
  };
}

function toDiagnosis(diagnosis: Diagnosis): NonNullable<HistoryEntry['diagnosis']> {
  return {
    root_cause: diagnosis.rootCause,
    severity: diagnosis.severity,
    suggested_fix: diagnosis.suggestedFix,
    auto_restart_safe: diagnosis.autoRestartSafe,
    config_suggestions: diagnosis.configSuggestions,
    likely_recurring: diagnosis.likelyRecurring,
    estimated_impact: diagnosis.estimatedImpact,
    tier: diagnosis.tier,
    model: diagnosis.model ?? null,
    ...(diagnosis.evidence === undefined ? {} : { evidence: diagnosis.evidence }),
    ...(diagnosis.failedChecks === undefined ? {} : { failed_checks: diagnosis.failedChecks }),
    ...(diagnosis.fallback === undefined ? {} : { fallback: diagnosis.fallback }),
    ...(diagnosis.localFailure === undefined ? {} : { local_failure: diagnosis.localFailure }),
  };
}

export interface HistoryQuery {
  readonly limit: number;
  readonly container?: string;
  readonly host?: string;
}

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 50;

/** The container names that Docker allows. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const HOST_NAME = /^[\w.:-]{1,255}$/;

/** Ignores unknown parameters. Returns an `error` for an invalid value of a known one. */
export function parseHistoryQuery(
  query: Readonly<Record<string, unknown>>,
): { readonly query: HistoryQuery } | { readonly error: string } {
  const { limit = String(DEFAULT_LIMIT), container, host } = query;
  if (typeof limit !== 'string' || !/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > MAX_LIMIT) {
    return invalid('limit', limit, `a whole number from 1 to ${MAX_LIMIT}`);
  }
  if (container !== undefined && (typeof container !== 'string' || !CONTAINER_NAME.test(container))) {
    return invalid('container', container, "a container's name");
  }
  if (host !== undefined && (typeof host !== 'string' || !HOST_NAME.test(host))) {
    return invalid('host', host, 'the name of a host');
  }
  return {
    query: {
      limit: Number(limit),
      ...(container === undefined ? {} : { container }),
      ...(host === undefined ? {} : { host }),
    },
  };
}

function invalid(name: string, value: unknown, allowed: string): { readonly error: string } {
  return { error: `${name} is ${JSON.stringify(value).slice(0, 100)}; allowed is ${allowed}` };
}
