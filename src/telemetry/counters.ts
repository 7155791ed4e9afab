/** The counters. See metric.ts. */
import { EDGE_EVIDENCE } from '../domain/containers.ts';
import { DECISION_KINDS, DECISION_REASONS, OUTCOMES, RESTART_REASONS } from '../domain/decision.ts';
import { CLAUDE_OUTCOMES, SEVERITIES, SKIP_REASONS } from '../domain/diagnosis.ts';
import { DETECTORS, SUPPRESSIONS } from '../domain/incident.ts';
import { RECEIVER_NAMES } from '../notifiers/registry.ts';
import {
  APPROVAL_OUTCOMES,
  APPROVAL_SOURCES,
  CAUSE_OUTCOMES,
  NOTIFICATION_OUTCOMES,
  RECONNECT_CAUSES,
} from '../pipeline/observer.ts';
import type { Metric } from './metric.ts';

/** The kinds of telemetry that can be exported over OTLP. */
const OTLP_SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type OtlpSignal = (typeof OTLP_SIGNALS)[number];

/**
 * Counters labelled with a container's name. container-counters.ts implements them, so that their series can be
 * dropped.
 */
export const CONTAINER_COUNTERS = {
  errorsDetected: {
    name: 'container_doctor.errors.detected',
    unit: '{signal}',
    description: 'Signals detected, including repeats.',
    labels: { 'container.name': 'open', detector: DETECTORS },
  },
  incidents: {
    name: 'container_doctor.incidents',
    unit: '{incident}',
    description: 'Incidents diagnosed.',
    labels: { 'container.name': 'open', severity: SEVERITIES },
  },
  restarts: {
    name: 'container_doctor.restarts',
    unit: '{restart}',
    description: 'Restart attempts, by outcome.',
    labels: { 'container.name': 'open', outcome: OUTCOMES },
  },
} as const satisfies Record<string, Metric>;

export const COUNTERS = {
  correlatedSignals: {
    name: 'container_doctor.correlated.signals',
    unit: '{signal}',
    description: "Signals that belong to another container's incident, by how the dependency is known.",
    labels: { evidence: EDGE_EVIDENCE },
  },
  causes: {
    name: 'container_doctor.cause',
    unit: '{incident}',
    description: 'Incidents that affect several containers, by how the cause was found.',
    labels: { outcome: CAUSE_OUTCOMES },
  },
  errorsSuppressed: {
    name: 'container_doctor.errors.suppressed',
    unit: '{signal}',
    description: 'Signals that opened no incident, by reason.',
    labels: { reason: SUPPRESSIONS },
  },
  claudeRequests: {
    name: 'container_doctor.claude.requests',
    unit: '{request}',
    description: 'Requests sent to Claude, including retries.',
    labels: { model: 'open', outcome: CLAUDE_OUTCOMES },
  },
  claudeTokens: {
    name: 'container_doctor.claude.tokens',
    unit: '{token}',
    description: 'Tokens used.',
    labels: { model: 'open', kind: ['input', 'output', 'cache_read', 'cache_write'] },
  },
  claudeCost: {
    name: 'container_doctor.claude.cost',
    unit: 'usd',
    description: 'US dollars spent, at the rates of the price table.',
    labels: { model: 'open' },
  },
  diagnosesSkipped: {
    name: 'container_doctor.diagnoses.skipped',
    unit: '{diagnosis}',
    description: 'Diagnoses made without asking Claude, by reason.',
    labels: { reason: SKIP_REASONS },
  },
  decisions: {
    name: 'container_doctor.decisions',
    unit: '{decision}',
    description: 'Decisions, by kind and reason.',
    labels: { decision: DECISION_KINDS, reason: Object.keys(DECISION_REASONS) },
    impossible: ({ decision, reason }) =>
      (decision === 'restart') !== RESTART_REASONS.some((allowed) => allowed === reason) ||
      (decision === 'ask') !== (reason === 'policy_ask'),
  },
  approvals: {
    name: 'container_doctor.approvals',
    unit: '{request}',
    description: 'Answers to requests for a restart, and requests that expired or were withdrawn.',
    labels: { outcome: APPROVAL_OUTCOMES, source: APPROVAL_SOURCES },
    impossible: ({ outcome, source }) => (outcome === 'expired') !== (source === 'none'),
  },
  notifications: {
    name: 'container_doctor.notifications',
    unit: '{notification}',
    description: 'Alerts sent, failed attempts, and alerts dropped.',
    labels: { integration: RECEIVER_NAMES, outcome: NOTIFICATION_OUTCOMES },
  },
  logReconnects: {
    name: 'container_doctor.log.reconnects',
    unit: '{reconnect}',
    description: 'Log streams reopened while their container was running.',
    labels: { cause: RECONNECT_CAUSES },
  },
  telemetryExports: {
    name: 'container_doctor.telemetry.exports',
    unit: '{export}',
    description: 'Batches of telemetry exported over OTLP, by outcome.',
    labels: { signal: OTLP_SIGNALS, outcome: ['ok', 'failed'] },
  },
} as const satisfies Record<string, Metric>;

/**
 * Plain numbers, incremented once per batch of log lines and read at each collection, so that counting allocates
 * nothing.
 */
export const TOTALS = {
  logLines: {
    name: 'container_doctor.log.lines',
    unit: '{line}',
    description: 'Log lines read from containers.',
    labels: {},
  },
  logBytes: {
    name: 'container_doctor.log.bytes',
    unit: 'By',
    description: 'Bytes of log lines read from containers.',
    labels: {},
  },
} as const satisfies Record<string, Metric>;
