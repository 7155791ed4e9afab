/** Values of the domain for tests, with defaults: a test states only what matters to it. */
import type { ContainerFacts, ContainerRef } from '../../src/domain/containers.ts';
import type { Attempt } from '../../src/domain/decision.ts';
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { Incident, Signal } from '../../src/domain/incident.ts';
import type { DecideInput } from '../../src/pipeline/decide/decide-input.ts';
import type { RestartHistory } from '../../src/pipeline/decide/restart-history.ts';
import { type ResolvedPolicy, resolvePolicy } from '../../src/pipeline/policy/resolve.ts';
import { defaultPolicy, type Policy } from '../../src/pipeline/policy/settings.ts';
import type { RestartRequest } from '../../src/pipeline/ports/people.ts';

export function aContainer(over: Partial<ContainerRef> = {}): ContainerRef {
  return { id: 'a'.repeat(64), name: 'web-1', image: 'shop/web:1.4', service: 'web', labels: {}, ...over };
}

export function someFacts(over: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    status: 'running',
    exitCode: 0,
    oomKilled: false,
    error: '',
    startedAt: 0,
    finishedAt: 0,
    restartCount: 0,
    health: 'none',
    healthLog: [],
    memoryLimit: 0,
    restartPolicy: 'no',
    maximumRetryCount: 0,
    stopSignal: 15,
    stopTimeout: 10,
    tty: false,
    autoRemove: false,
    commandKey: '00000000',
    networkMode: 'bridge',
    topology: { networks: [], links: [], dependsOn: [], environmentHosts: [] },
    environmentNames: [],
    secretValues: [],
    ...over,
  };
}

export function aSignal(over: Partial<Signal> = {}): Signal {
  return {
    container: aContainer(),
    detector: 'log',
    at: 1_000,
    fingerprint: 'f1',
    summary: 'ERROR it broke',
    patterns: ['error'],
    ...over,
  };
}

export function anIncident(over: Partial<Incident> = {}): Incident {
  return {
    id: 'inc-1',
    container: aContainer(),
    fingerprint: 'f1',
    detector: 'log',
    detectors: [over.detector ?? 'log'],
    summary: 'ERROR it broke',
    patterns: ['error'],
    openedAt: 1_000,
    lastSeenAt: over.openedAt ?? 1_000,
    occurrences: 1,
    state: 'open',
    ...over,
  };
}

export function aDiagnosis(over: Partial<Diagnosis> = {}): Diagnosis {
  return {
    rootCause: 'it broke',
    severity: 'high',
    suggestedFix: 'fix it',
    autoRestartSafe: true,
    configSuggestions: [],
    likelyRecurring: false,
    estimatedImpact: 'it is down',
    tier: 'claude',
    model: 'claude-haiku-5-5',
    rules: [],
    costUsd: 0.001,
    at: 2_000,
    answeredAt: 2_000,
    afterFailedRestart: false,
    ...over,
  };
}

export const DEFAULT_POLICY: Policy = defaultPolicy({
  restart: 'auto',
  minSeverity: 'medium',
  maxRestartsPerHour: 3,
  verifyFor: 30,
  logLines: 50,
});

export function aPolicy(over: Partial<Policy> = {}, sources: Partial<ResolvedPolicy['sources']> = {}): ResolvedPolicy {
  const resolved = resolvePolicy(aContainer(), [], { ...DEFAULT_POLICY, ...over });
  return { ...resolved, sources: { ...resolved.sources, ...sources } };
}

export function anAttempt(over: Partial<Attempt> = {}): Attempt {
  return {
    id: 'att-1',
    incidentId: 'inc-1',
    containerId: 'a'.repeat(64),
    containerName: 'web-1',
    service: 'web',
    startedAt: 1_000,
    ...over,
  };
}

/** A restart that waits for a person. */
export function aRequest(over: Partial<RestartRequest> = {}): RestartRequest {
  return {
    id: 'req-1',
    incidentId: 'inc-1',
    containerId: aContainer().id,
    containerName: 'web-1',
    containerStartedAt: 0,
    requestedAt: 2_000,
    expiresAt: 902_000,
    state: 'waiting',
    ...over,
  };
}

export const NO_RESTARTS: RestartHistory = {
  lastHour: 0,
  hostLastHour: 0,
  otherIncidents: 'none',
  couldNotStartAt: 0,
  backOffUntil: 0,
};

/** Input that leads to a restart unless `over` prevents it. */
export function aRestartWith(over: Partial<DecideInput>): DecideInput {
  return {
    now: 3_000,
    incident: anIncident(),
    diagnosis: aDiagnosis({ severity: 'high', autoRestartSafe: true }),
    facts: someFacts({ status: 'running', startedAt: 0 }),
    autoFix: true,
    maxRestartsPerHourHost: 12,
    policy: aPolicy(),
    restarts: NO_RESTARTS,
    restartVetoed: false,
    localModelUnproven: false,
    beingReplaced: false,
    engineAnswered: true,
    networkDependants: [],
    storeHealthy: true,
    ...over,
  };
}
