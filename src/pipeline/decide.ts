import type { ContainerFacts, Decision, DecisionReason, Diagnosis, Incident, Severity } from '../domain.ts';

export interface DecideInput {
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  /** Read after the diagnosis, not before. Absent where the container is gone. */
  readonly facts?: ContainerFacts;
  readonly policy: {
    readonly autoFix: boolean;
    readonly restartsPerHour: number;
    /** Less severe incidents are recorded, not told. */
    readonly minSeverity: Severity;
  };
  /** Restarts of the service by us in the last hour, whatever their outcome. */
  readonly restartsLastHour: number;
  /** A built-in rule saw a fact that a restart makes worse. */
  readonly restartVetoed: boolean;
  /** When a person or tool last asked the container to stop. */
  readonly stopRequestedAt?: number;
  /** A restart of ours since the incident opened has already been verified. */
  readonly restartedMeanwhile: boolean;
  /** Names of running containers that live in its network namespace. */
  readonly networkDependants: readonly string[];
  readonly storeHealthy: boolean;
}

/**
 * What is done about an incident: pure and total. The diagnosis can only lower; every gate must be open for
 * a restart, and the first closed one names the reason. AUTO_FIX comes last, so that its reason means "it
 * would have been restarted".
 */
export function decide(input: DecideInput): Decision {
  const closed = firstClosedGate(input);
  if (!closed) return { kind: 'restart', reason: 'restart_allowed' };
  const told = RANK[input.diagnosis.severity] >= RANK[input.policy.minSeverity];
  return { kind: told ? 'notify' : 'record', reason: closed };
}

const RANK: Record<Severity, number> = { low: 0, medium: 1, high: 2 };

function firstClosedGate(input: DecideInput): DecisionReason | undefined {
  const { diagnosis, facts, incident } = input;
  if (!facts || facts.status === 'removing' || facts.status === 'dead') return 'container_gone';
  if (diagnosis.severity !== 'high') return 'severity_too_low';
  if (input.restartVetoed) return 'disk_full';
  if (!diagnosis.autoRestartSafe) return 'restart_not_safe';
  if (input.stopRequestedAt !== undefined && input.stopRequestedAt >= incident.openedAt) return 'operator_action';
  if (input.restartedMeanwhile) return 'already_recovered';
  if (facts.status === 'paused') return 'container_paused';
  if (facts.status === 'restarting') return 'engine_restarting';
  if (isDeath(incident) && facts.status === 'running' && facts.startedAt > incident.openedAt) {
    return facts.restartPolicy === 'no' ? 'already_recovered' : 'engine_restarting';
  }
  if (incident.detector === 'health' && facts.health === 'healthy') return 'already_recovered';
  if (facts.status === 'running' && facts.health === 'starting') return 'still_starting';
  if (input.networkDependants.length > 0) return 'shared_network';
  if (!input.storeHealthy) return 'store_unavailable';
  if (input.restartsLastHour >= input.policy.restartsPerHour) return 'restart_limit';
  if (!input.policy.autoFix) return 'auto_fix_off';
  return undefined;
}

function isDeath(incident: Incident): boolean {
  return incident.detector === 'crash' || incident.detector === 'crash_loop' || incident.patterns.includes('crash');
}
