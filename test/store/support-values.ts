/** Complete domain values with overrides. Does not import vitest, because child processes use them too. */
import type { Alert } from '../../src/domain/alert.ts';
import type { ContainerRef } from '../../src/domain/containers.ts';
import type { Attempt } from '../../src/domain/decision.ts';
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { Incident } from '../../src/domain/incident.ts';
import type { ClaudeRequest } from '../../src/pipeline/ports/model.ts';

export const NOON = Date.UTC(2026, 10, 23, 12);
export const SECOND = 1_000;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export function container(overrides: Partial<ContainerRef> = {}): ContainerRef {
  return {
    id: 'c'.repeat(64),
    name: 'shop-api-1',
    image: 'registry.test/shop/api:1.4',
    service: 'api',
    project: 'shop',
    labels: { 'com.docker.compose.service': 'api', 'it’s': '“quoted”' },
    ...overrides,
  };
}

export function incident(overrides: Partial<Incident> = {}): Incident {
  return {
    id: 'incident-1',
    container: container(),
    fingerprint: 'fp-1',
    detector: 'log',
    detectors: [overrides.detector ?? 'log'],
    summary: 'connection pool exhausted',
    patterns: ['error', 'pool exhausted'],
    openedAt: NOON,
    lastSeenAt: NOON,
    occurrences: 1,
    state: 'open',
    trace: { traceId: 't'.repeat(32), spanId: 's'.repeat(16) },
    ...overrides,
  };
}

export function diagnosis(overrides: Partial<Diagnosis> = {}): Diagnosis {
  return {
    rootCause: 'the pool holds fewer connections than there are workers',
    severity: 'high',
    suggestedFix: 'raise the pool size',
    autoRestartSafe: true,
    configSuggestions: ['POOL_SIZE=20'],
    likelyRecurring: true,
    estimatedImpact: 'half of the requests fail',
    tier: 'claude',
    model: 'claude-haiku-5-5',
    rules: [],
    costUsd: 0.0012,
    at: NOON,
    answeredAt: NOON,
    afterFailedRestart: false,
    ...overrides,
  };
}

export function attempt(overrides: Partial<Attempt> = {}): Attempt {
  return {
    id: 'attempt-1',
    incidentId: 'incident-1',
    containerId: 'c'.repeat(64),
    containerName: 'shop-api-1',
    service: 'api',
    project: 'shop',
    startedAt: NOON,
    ...overrides,
  };
}

export function request(overrides: Partial<ClaudeRequest> = {}): ClaudeRequest {
  return {
    at: NOON,
    incidentId: 'incident-1',
    containerName: 'shop-api-1',
    model: 'claude-haiku-5-5',
    outcome: 'ok',
    tokens: { input: 1_800, output: 400, cacheRead: 0, cacheWrite: 0 },
    costUsd: 0.00038,
    ...overrides,
  };
}

export function alert(overrides: Partial<Alert> = {}): Alert {
  return {
    id: 'alert-1',
    kind: 'diagnosed',
    at: NOON,
    incident: incident(),
    diagnosis: diagnosis(),
    decision: { kind: 'restart', reason: 'restart_allowed' },
    restartsLastHour: 0,
    excerpt: ['ERROR pool exhausted'],
    ...overrides,
  };
}
