/** The histograms. See metric.ts. */
import { OUTCOMES } from '../domain/decision.ts';
import { TIERS } from '../domain/diagnosis.ts';
import { DETECTORS } from '../domain/incident.ts';
import { RECEIVER_NAMES } from '../notifiers/registry.ts';
import { DIAGNOSIS_OUTCOMES } from '../pipeline/observer.ts';
import type { HistogramMetric } from './metric.ts';

export const HISTOGRAMS = {
  detectionLatency: {
    name: 'container_doctor.detection.latency',
    unit: 's',
    description: 'Time from the log line or engine event to the incident.',
    labels: { detector: DETECTORS },
    // The goal is a p95 of at most 1 s.
    boundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  diagnosisDuration: {
    name: 'container_doctor.diagnosis.duration',
    unit: 's',
    description: 'Duration of a diagnosis, by tier and outcome.',
    labels: { tier: TIERS, outcome: DIAGNOSIS_OUTCOMES },
    // Known problems and rules take milliseconds, a model with thinking up to a minute.
    boundaries: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120],
  },
  incidentMembers: {
    name: 'container_doctor.incident.members',
    unit: '{container}',
    description: 'Containers affected by one incident; 1 for most.',
    labels: {},
    boundaries: [1, 2, 3, 5, 10, 20, 50],
  },
  verificationDuration: {
    name: 'container_doctor.verification.duration',
    unit: 's',
    description: 'Time from the end of a restart to its outcome.',
    labels: { outcome: OUTCOMES },
    // By default a container must be stable for 30 s, and the deadline is 120 s.
    boundaries: [1, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300],
  },
  notificationDuration: {
    name: 'container_doctor.notification.duration',
    unit: 's',
    description: 'Duration of one attempt to send an alert.',
    labels: { integration: RECEIVER_NAMES },
    boundaries: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  dockerRequestDuration: {
    name: 'container_doctor.docker.request.duration',
    unit: 's',
    description: 'Duration of requests to the Docker engine.',
    labels: { operation: 'open', 'error.type': 'open' },
    // A listing takes milliseconds. A restart may take the stop timeout, 10 s by default, or longer.
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40],
  },
  genAiDuration: {
    name: 'gen_ai.client.operation.duration',
    unit: 's',
    description: 'GenAI operation duration.',
    labels: {
      'gen_ai.operation.name': 'open',
      'gen_ai.provider.name': 'open',
      'gen_ai.request.model': 'open',
      'error.type': 'open',
    },
    // From the GenAI semantic conventions.
    boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  },
  httpServerDuration: {
    name: 'http.server.request.duration',
    unit: 's',
    description: 'Duration of HTTP server requests.',
    labels: {
      'http.request.method': 'open',
      'http.response.status_code': 'open',
      'http.route': 'open',
      'url.scheme': 'open',
      'error.type': 'open',
    },
    // From the HTTP semantic conventions.
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
} as const satisfies Record<string, HistogramMetric>;
