/** An incident of a shop's web service with all of its parts, for tests of prompts and alerts. */
import type { Alert } from '../../src/domain/alert.ts';
import type { ContainerFacts } from '../../src/domain/containers.ts';
import type { Attempt } from '../../src/domain/decision.ts';
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { Incident } from '../../src/domain/incident.ts';
import type { DiagnosisContext } from '../../src/pipeline/ports/model.ts';
import { aContainer, aDiagnosis, anIncident, someFacts } from './domain.ts';

export const NOON = Date.UTC(2026, 10, 23, 12, 0, 0);

export function sampleIncident(over: Partial<Incident> = {}): Incident {
  return anIncident({
    container: aContainer({ name: 'shop-web-1', image: 'shop/web:1.4.2', service: 'web', project: 'shop' }),
    summary: 'ERROR pool exhausted: 10 of 10 connections in use',
    patterns: ['level=error', 'exhausted'],
    openedAt: NOON,
    lastSeenAt: NOON + 2000,
    occurrences: 3,
    ...over,
  });
}

export function sampleFacts(over: Partial<ContainerFacts> = {}): ContainerFacts {
  return someFacts({
    startedAt: NOON - 3_600_000,
    memoryLimit: 256 * 2 ** 20,
    restartPolicy: 'unless-stopped',
    environmentNames: ['PATH', 'DB_POOL_SIZE'],
    ...over,
  });
}

export function sampleDiagnosis(over: Partial<Diagnosis> = {}): Diagnosis {
  return aDiagnosis({
    rootCause: 'The connection pool is exhausted because connections are never given back.',
    suggestedFix: 'Close connections in a finally block; raise DB_POOL_SIZE meanwhile.',
    configSuggestions: ['DB_POOL_SIZE=20', 'DB_IDLE_TIMEOUT=30s'],
    likelyRecurring: true,
    estimatedImpact: 'Checkout fails for all users.',
    costUsd: 0.0011,
    at: NOON + 3000,
    answeredAt: NOON + 3000,
    ...over,
  });
}

export function sampleAttempt(over: Partial<Attempt> = {}): Attempt {
  return {
    id: 'att-1',
    incidentId: 'inc-1',
    containerId: 'a'.repeat(64),
    containerName: 'shop-web-1',
    service: 'web',
    project: 'shop',
    startedAt: NOON + 4000,
    outcome: 'recovered',
    detail: 'healthy after 12 s',
    finishedAt: NOON + 16_000,
    ...over,
  };
}

export function sampleContext(over: Partial<DiagnosisContext> = {}): DiagnosisContext {
  return {
    incident: sampleIncident(),
    facts: sampleFacts(),
    evidence: ['ERROR pool exhausted: 10 of 10 connections in use\n    at Pool.acquire (pool.js:17:9)'],
    logLines: ['INFO request GET /cart 200', 'ERROR pool exhausted: 10 of 10 connections in use'],
    redactions: 0,
    restarts: [],
    ruleMatches: [],
    ...over,
  };
}

export function sampleAlert(over: Partial<Alert> = {}): Alert {
  return {
    id: 'alert-1',
    kind: 'diagnosed',
    at: NOON + 20_000,
    incident: sampleIncident(),
    diagnosis: sampleDiagnosis(),
    decision: { kind: 'notify', reason: 'auto_fix_off' },
    restartsLastHour: 0,
    excerpt: ['ERROR pool exhausted: 10 of 10 connections in use', '    at Pool.acquire (pool.js:17:9)'],
    ...over,
  };
}
