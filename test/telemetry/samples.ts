import type { ContainerRef } from '../../src/domain/containers.ts';
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { Incident } from '../../src/domain/incident.ts';

export const container: ContainerRef = {
  id: 'c0ffee'.padEnd(64, '0'),
  name: 'shop-web-1',
  image: 'registry.example:5000/team/web:1.4',
  service: 'web',
  project: 'shop',
  labels: {},
};

export const incident: Incident = {
  id: 'inc-1',
  container,
  fingerprint: 'f00d',
  detector: 'oom',
  detectors: ['oom'],
  summary: 'killed for memory',
  patterns: ['oom'],
  openedAt: Date.UTC(2026, 10, 23, 3, 0, 0),
  lastSeenAt: Date.UTC(2026, 10, 23, 3, 5, 0),
  occurrences: 4,
  state: 'open',
  trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
};

export const diagnosis: Diagnosis = {
  rootCause: 'The heap outgrew the memory limit.',
  severity: 'high',
  suggestedFix: 'Raise the limit.',
  autoRestartSafe: true,
  configSuggestions: ['mem_limit: 512m'],
  likelyRecurring: true,
  estimatedImpact: 'Requests fail.',
  tier: 'claude',
  model: 'claude-haiku-5-5',
  rules: [],
  costUsd: 0.0012,
  at: Date.UTC(2026, 10, 23, 3, 0, 9),
  answeredAt: Date.UTC(2026, 10, 23, 3, 0, 9),
  afterFailedRestart: false,
};
