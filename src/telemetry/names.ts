/**
 * The contract: every metric, span and attribute name, in this one file. Dashboards and alerts are built
 * on them; changing one is a breaking change. Told to users in docs/telemetry.md.
 */
import {
  CLAUDE_OUTCOMES,
  DECISION_KINDS,
  DECISION_REASONS,
  DETECTORS,
  OUTCOMES,
  SEVERITIES,
  SKIP_REASONS,
  SUPPRESSIONS,
  TIERS,
} from '../domain.ts';
import { RECEIVER_NAMES } from '../notifiers/registry.ts';
import {
  DIAGNOSIS_OUTCOMES,
  HEADROOM_RESOURCES,
  NOTIFICATION_OUTCOMES,
  RECONNECT_CAUSES,
} from '../pipeline/observer.ts';

/** Name of the meter, the tracer and the logger. */
export const SCOPE = 'container-doctor';

export const SPANS = {
  incident: (container: string) => `incident ${container}`,
  collect: 'collect context',
  docker: (operation: string) => `docker ${operation}`,
  diagnose: 'diagnose',
  decide: 'decide',
  restart: (container: string) => `restart ${container}`,
  verify: 'verify',
  notify: (integration: string) => `notify ${integration}`,
} as const;

export const ATTRIBUTES = {
  containerId: 'container.id',
  containerName: 'container.name',
  imageName: 'container.image.name',
  imageTags: 'container.image.tags',
  service: 'container_doctor.service',
  project: 'container_doctor.project',
  incidentId: 'container_doctor.incident.id',
  fingerprint: 'container_doctor.fingerprint',
  detector: 'container_doctor.detector',
  occurrences: 'container_doctor.occurrences',
  contextLines: 'container_doctor.context.lines',
  contextBytes: 'container_doctor.context.bytes',
  contextRedactions: 'container_doctor.context.redactions',
  tier: 'container_doctor.diagnosis.tier',
  cached: 'container_doctor.diagnosis.cached',
  fallback: 'container_doctor.diagnosis.fallback',
  severity: 'container_doctor.severity',
  restartAdvised: 'container_doctor.restart_advised',
  model: 'gen_ai.response.model',
  costUsd: 'container_doctor.cost_usd',
  decision: 'container_doctor.decision',
  decisionReason: 'container_doctor.decision.reason',
  outcome: 'container_doctor.outcome',
  verifyStrategy: 'container_doctor.verify.strategy',
  integration: 'container_doctor.integration',
  tries: 'container_doctor.tries',
  httpStatus: 'http.response.status_code',
  errorType: 'error.type',
} as const;

/** Of what the stages find out, what stands on the incident's root span too, for whoever searches traces. */
export const ON_INCIDENT = [
  ATTRIBUTES.severity,
  ATTRIBUTES.decision,
  ATTRIBUTES.decisionReason,
  ATTRIBUTES.outcome,
] as const;

/** `error.type` of a failure that is in no closed list, as the semantic conventions have it. */
export const OTHER = '_OTHER';

/** What is exported over OTLP, where the user wants it. */
export const OTLP_SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type OtlpSignal = (typeof OTLP_SIGNALS)[number];

/** A label's closed list of values, or `open` where values are met at run time. */
type Values = readonly string[] | 'open';

export interface Metric {
  /** The OpenTelemetry name: the Prometheus name with dots, without unit and `_total`. */
  readonly name: string;
  /** UCUM; `usd` and annotations in braces beside it. */
  readonly unit: string;
  readonly about: string;
  readonly labels: Readonly<Record<string, Values>>;
  /** Label combinations that cannot happen, and so are not created at zero. */
  readonly impossible?: (labels: Readonly<Record<string, string>>) => boolean;
}

interface HistogramMetric extends Metric {
  /** Upper bounds, seconds. */
  readonly boundaries: readonly number[];
}

export const COUNTERS = {
  errorsDetected: {
    name: 'container_doctor.errors.detected',
    unit: '{signal}',
    about: 'Signals of trouble, repeats included.',
    labels: { 'container.name': 'open', detector: DETECTORS },
  },
  errorsSuppressed: {
    name: 'container_doctor.errors.suppressed',
    unit: '{signal}',
    about: 'Signals that opened no incident, by why.',
    labels: { reason: SUPPRESSIONS },
  },
  incidents: {
    name: 'container_doctor.incidents',
    unit: '{incident}',
    about: 'Incidents diagnosed.',
    labels: { 'container.name': 'open', severity: SEVERITIES },
  },
  claudeRequests: {
    name: 'container_doctor.claude.requests',
    unit: '{request}',
    about: 'Requests that left for Claude, one a try.',
    labels: { model: 'open', outcome: CLAUDE_OUTCOMES },
  },
  claudeTokens: {
    name: 'container_doctor.claude.tokens',
    unit: '{token}',
    about: 'Tokens used.',
    labels: { model: 'open', kind: ['input', 'output', 'cache_read', 'cache_write'] },
  },
  claudeCost: {
    name: 'container_doctor.claude.cost',
    unit: 'usd',
    about: "US dollars spent, at the price table's rates.",
    labels: { model: 'open' },
  },
  diagnosesSkipped: {
    name: 'container_doctor.diagnoses.skipped',
    unit: '{diagnosis}',
    about: 'Diagnoses for which Claude was not asked, by why.',
    labels: { reason: SKIP_REASONS },
  },
  decisions: {
    name: 'container_doctor.decisions',
    unit: '{decision}',
    about: 'Decisions, by what and why.',
    labels: { decision: DECISION_KINDS, reason: Object.keys(DECISION_REASONS) },
    impossible: ({ decision, reason }) =>
      (decision === 'restart') !== (reason === 'restart_allowed') || (decision === 'ask') !== (reason === 'policy_ask'),
  },
  restarts: {
    name: 'container_doctor.restarts',
    unit: '{restart}',
    about: 'Restarts attempted, by how they ended.',
    labels: { 'container.name': 'open', outcome: OUTCOMES },
  },
  notifications: {
    name: 'container_doctor.notifications',
    unit: '{notification}',
    about: 'Alerts sent, tries that failed, and alerts given up.',
    labels: { integration: RECEIVER_NAMES, outcome: NOTIFICATION_OUTCOMES },
  },
  logReconnects: {
    name: 'container_doctor.log.reconnects',
    unit: '{reconnect}',
    about: 'Log streams opened again while their container ran on.',
    labels: { cause: RECONNECT_CAUSES },
  },
  telemetryExports: {
    name: 'container_doctor.telemetry.exports',
    unit: '{export}',
    about: 'Batches of telemetry sent over OTLP, and those that the collector did not take.',
    labels: { signal: OTLP_SIGNALS, outcome: ['ok', 'failed'] },
  },
} as const satisfies Record<string, Metric>;

/** Added to for each batch of log lines, and read at each collection: counting a line allocates nothing. */
export const TOTALS = {
  logLines: {
    name: 'container_doctor.log.lines',
    unit: '{line}',
    about: "Lines read from containers' logs.",
    labels: {},
  },
  logBytes: {
    name: 'container_doctor.log.bytes',
    unit: 'By',
    about: "Bytes read from containers' logs.",
    labels: {},
  },
} as const satisfies Record<string, Metric>;

export const HISTOGRAMS = {
  detectionLatency: {
    name: 'container_doctor.detection.latency',
    unit: 's',
    about: "From the line's or event's own time to the incident.",
    labels: { detector: DETECTORS },
    // The goal is a p95 of at most 1 s; the script this replaces took up to 77 s.
    boundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  diagnosisDuration: {
    name: 'container_doctor.diagnosis.duration',
    unit: 's',
    about: 'Assessment out what went wrong, by who was asked and how that ended.',
    labels: { tier: TIERS, outcome: DIAGNOSIS_OUTCOMES },
    // Memory and rules answer in milliseconds, a model with thinking within a minute.
    boundaries: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120],
  },
  verificationDuration: {
    name: 'container_doctor.verification.duration',
    unit: 's',
    about: 'From the end of a restart to the verdict on it.',
    labels: { outcome: OUTCOMES },
    // Stable for 30 s and a deadline of 120 s are the defaults.
    boundaries: [1, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300],
  },
  notificationDuration: {
    name: 'container_doctor.notification.duration',
    unit: 's',
    about: 'One try to send one alert.',
    labels: { integration: RECEIVER_NAMES },
    boundaries: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  dockerRequestDuration: {
    name: 'container_doctor.docker.request.duration',
    unit: 's',
    about: 'Calls of the Docker engine.',
    labels: { operation: 'open', 'error.type': 'open' },
    // A listing takes milliseconds, a restart its stop time-out of 10 s and more.
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40],
  },
  genAiDuration: {
    name: 'gen_ai.client.operation.duration',
    unit: 's',
    about: 'GenAI operation duration.',
    labels: {
      'gen_ai.operation.name': 'open',
      'gen_ai.provider.name': 'open',
      'gen_ai.request.model': 'open',
      'error.type': 'open',
    },
    // As the GenAI semantic conventions advise.
    boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  },
  httpServerDuration: {
    name: 'http.server.request.duration',
    unit: 's',
    about: 'Duration of HTTP server requests.',
    labels: {
      'http.request.method': 'open',
      'http.response.status_code': 'open',
      'http.route': 'open',
      'url.scheme': 'open',
      'error.type': 'open',
    },
    // As the HTTP semantic conventions advise.
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
} as const satisfies Record<string, HistogramMetric>;

/** Set where the thing happens; absent until it first did. */
export const GAUGES = {
  anthropicLimit: {
    name: 'container_doctor.anthropic.ratelimit.limit',
    unit: '',
    about: "The API's own rate limit, from its latest answer.",
    labels: { resource: HEADROOM_RESOURCES },
  },
  anthropicRemaining: {
    name: 'container_doctor.anthropic.ratelimit.remaining',
    unit: '',
    about: "What is left of the API's own rate limit, from its latest answer.",
    labels: { resource: HEADROOM_RESOURCES },
  },
  anthropicReset: {
    name: 'container_doctor.anthropic.ratelimit.reset.timestamp',
    unit: 's',
    about: "When the API's own rate limit is full again.",
    labels: { resource: HEADROOM_RESOURCES },
  },
  anthropicObserved: {
    name: 'container_doctor.anthropic.ratelimit.observed.timestamp',
    unit: 's',
    about: 'When the API last stated its rate limit.',
    labels: { resource: HEADROOM_RESOURCES },
  },
  lastEvent: {
    name: 'container_doctor.last_event.timestamp',
    unit: 's',
    about: 'When the engine last sent an event.',
    labels: {},
  },
  heartbeat: {
    name: 'container_doctor.heartbeat.timestamp',
    unit: 's',
    about: 'When the loop last went round.',
    labels: {},
  },
} as const satisfies Record<string, Metric>;

/** Read at each collection. */
export const OBSERVED_GAUGES = {
  incidentsOpen: {
    name: 'container_doctor.incidents.open',
    unit: '{incident}',
    about: 'Incidents not resolved.',
    labels: { state: ['open'] },
  },
  rateLimitRemaining: {
    name: 'container_doctor.rate_limit.remaining',
    unit: '{diagnosis}',
    about: 'Diagnoses that may still be asked of Claude in this rolling hour.',
    labels: {},
  },
  rateLimitLimit: {
    name: 'container_doctor.rate_limit.limit',
    unit: '{diagnosis}',
    about: 'Diagnoses that may be asked of Claude in a rolling hour.',
    labels: {},
  },
  budgetRemaining: {
    name: 'container_doctor.budget.remaining',
    unit: 'usd',
    about: 'What may still be spent in the window.',
    labels: { window: ['day'] },
  },
  budgetLimit: {
    name: 'container_doctor.budget.limit',
    unit: 'usd',
    about: 'What may be spent in the window.',
    labels: { window: ['day'] },
  },
  outboxPending: {
    name: 'container_doctor.outbox.pending',
    unit: '{notification}',
    about: 'Alerts waiting to be sent.',
    labels: { integration: RECEIVER_NAMES },
  },
  containersWatched: {
    name: 'container_doctor.containers.watched',
    unit: '{container}',
    about: 'Containers watched.',
    labels: {},
  },
  dockerConnected: {
    name: 'container_doctor.docker.connected',
    unit: '',
    about: '1 while the engine answers, 0 while it does not.',
    labels: {},
  },
  storeHealthy: {
    name: 'container_doctor.store.healthy',
    unit: '',
    about: '1 while the store can be written, 0 while it cannot.',
    labels: {},
  },
  claudeCircuitOpen: {
    name: 'container_doctor.claude.circuit_open',
    unit: '',
    about: '1 while Claude failed so often that it is left alone, 0 while it is asked.',
    labels: {},
  },
  configReloaded: {
    name: 'container_doctor.config.last_reload.successful',
    unit: '',
    about: '1 where the settings in force are the ones last read, 0 where those were bad.',
    labels: {},
  },
  buildInfo: {
    name: 'container_doctor.build_info',
    unit: '',
    about: 'Always 1; what is running.',
    labels: { version: 'open', node: 'open' },
  },
} as const satisfies Record<string, Metric>;

/** What Prometheus users expect of every process and OpenTelemetry's runtime instrumentation lacks. */
export const PROCESS_METRICS = {
  cpu: { name: 'process.cpu', unit: 's', about: 'User and system CPU time spent.', labels: {} },
  memory: { name: 'process.resident_memory', unit: 'By', about: 'Resident memory size.', labels: {} },
  start: { name: 'process.start_time', unit: 's', about: 'When the process started.', labels: {} },
} as const satisfies Record<string, Metric>;
