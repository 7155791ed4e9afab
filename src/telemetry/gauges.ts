/** The gauges. See metric.ts. */
import { RECEIVER_NAMES } from '../notifiers/registry.ts';
import { ENGINE_SOURCES, RATE_LIMIT_RESOURCES } from '../pipeline/observer.ts';
import type { Metric } from './metric.ts';

/** Recorded when their values change. Absent until the first value. */
export const GAUGES = {
  anthropicLimit: {
    name: 'container_doctor.anthropic.ratelimit.limit',
    unit: '',
    description: 'Rate limit of the Anthropic API, from its latest response.',
    labels: { resource: RATE_LIMIT_RESOURCES },
  },
  anthropicRemaining: {
    name: 'container_doctor.anthropic.ratelimit.remaining',
    unit: '',
    description: 'Remaining rate limit of the Anthropic API, from its latest response.',
    labels: { resource: RATE_LIMIT_RESOURCES },
  },
  anthropicReset: {
    name: 'container_doctor.anthropic.ratelimit.reset.timestamp',
    unit: 's',
    description: 'When the rate limit of the Anthropic API is fully available again.',
    labels: { resource: RATE_LIMIT_RESOURCES },
  },
  anthropicObserved: {
    name: 'container_doctor.anthropic.ratelimit.observed.timestamp',
    unit: 's',
    description: 'When the Anthropic API last reported its rate limit.',
    labels: { resource: RATE_LIMIT_RESOURCES },
  },
  lastEvent: {
    name: 'container_doctor.last_event.timestamp',
    unit: 's',
    description: 'When the engine last sent an event.',
    labels: {},
  },
  heartbeat: {
    name: 'container_doctor.heartbeat.timestamp',
    unit: 's',
    description: 'When the containers were last listed and checked.',
    labels: {},
  },
} as const satisfies Record<string, Metric>;

/** Read at each collection. */
export const OBSERVED_GAUGES = {
  incidentsOpen: {
    name: 'container_doctor.incidents.open',
    unit: '{incident}',
    description: 'Incidents that are not resolved.',
    labels: { state: ['open'] },
  },
  rateLimitRemaining: {
    name: 'container_doctor.rate_limit.remaining',
    unit: '{diagnosis}',
    description: 'Diagnoses by Claude that are left in this rolling hour.',
    labels: {},
  },
  rateLimitLimit: {
    name: 'container_doctor.rate_limit.limit',
    unit: '{diagnosis}',
    description: 'Diagnoses by Claude that are allowed in a rolling hour.',
    labels: {},
  },
  budgetRemaining: {
    name: 'container_doctor.budget.remaining',
    unit: 'usd',
    description: 'Budget that is left in the window.',
    labels: { window: ['day'] },
  },
  budgetLimit: {
    name: 'container_doctor.budget.limit',
    unit: 'usd',
    description: 'Budget of the window.',
    labels: { window: ['day'] },
  },
  outboxPending: {
    name: 'container_doctor.outbox.pending',
    unit: '{notification}',
    description: 'Alerts waiting to be sent.',
    labels: { integration: RECEIVER_NAMES },
  },
  containersWatched: {
    name: 'container_doctor.containers.watched',
    unit: '{container}',
    description: 'Containers watched.',
    labels: {},
  },
  dockerConnected: {
    name: 'container_doctor.docker.connected',
    unit: '',
    description: '1 while the Docker engine answers, else 0.',
    labels: {},
  },
  sourceUp: {
    name: 'container_doctor.source.up',
    unit: '',
    description: '1 while the engine grants what the agent needs, 0 while it refuses or fails.',
    labels: { source: ENGINE_SOURCES },
  },
  agents: {
    name: 'container_doctor.agents',
    unit: '{agent}',
    description: 'Agents that share the database, this one included.',
    labels: { state: ['alive', 'silent'] },
  },
  storeHealthy: {
    name: 'container_doctor.store.healthy',
    unit: '',
    description: '1 while the store is writable, else 0.',
    labels: {},
  },
  storeStandby: {
    name: 'container_doctor.store.standby',
    unit: '',
    description: '1 while the standby file replaces the shared database, which is away, else 0.',
    labels: {},
  },
  claudeCircuitOpen: {
    name: 'container_doctor.claude.circuit_open',
    unit: '',
    description: '1 while requests to Claude are paused after repeated failures, else 0.',
    labels: {},
  },
  configReloaded: {
    name: 'container_doctor.config.last_reload.successful',
    unit: '',
    description: '0 if the last reload of the policy file failed, else 1.',
    labels: {},
  },
  buildInfo: {
    name: 'container_doctor.build_info',
    unit: '',
    description: 'Always 1; the labels name the versions.',
    labels: { version: 'open', node: 'open' },
  },
} as const satisfies Record<string, Metric>;

/** Standard Prometheus process metrics that OpenTelemetry's runtime instrumentation does not provide. */
export const PROCESS_METRICS = {
  cpu: { name: 'process.cpu', unit: 's', description: 'User and system CPU time.', labels: {} },
  memory: { name: 'process.resident_memory', unit: 'By', description: 'Resident memory size.', labels: {} },
  start: { name: 'process.start_time', unit: 's', description: 'When the process started.', labels: {} },
} as const satisfies Record<string, Metric>;
