import {
  type ContainerFacts,
  type Decision,
  type DecisionReason,
  type Diagnosis,
  type Incident,
  isOldNews,
  type Severity,
} from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import { isQuiet } from '../policy/quiet-hours.ts';
import type { ResolvedPolicy } from '../policy/resolve.ts';
import type { RestartHistory } from './restart-history.ts';

export interface DecideInput {
  readonly now: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  /** Read after the diagnosis, not before. Absent where the container is gone. */
  readonly facts?: ContainerFacts;
  /** Whether the engine told these facts, and who else depends on the container; otherwise they are older or missing. */
  readonly engineAnswered: boolean;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The limit of all services together. */
  readonly maxRestartsPerHourHost: number;
  readonly policy: Pick<ResolvedPolicy, 'values' | 'sources'>;
  readonly restarts: RestartHistory;
  /** A built-in rule saw a fact that a restart makes worse. */
  readonly restartVetoed: boolean;
  /** When a person or tool last asked the container to stop. */
  readonly stopRequestedAt?: number;
  /** When it was created in the place of another container of its service. */
  readonly deployedAt?: number;
  /** Compose is putting another container in its place. */
  readonly beingReplaced: boolean;
  /** Names of running containers that live in its network namespace. */
  readonly networkDependants: readonly string[];
  readonly storeHealthy: boolean;
}

/** Who has just stopped or restarted it is likely still at it. */
const OPERATOR_AT_IT_MS = 2 * 60_000;
/** What breaks so soon after a deployment was most likely brought by it; a restart brings the same again. */
const JUST_DEPLOYED_MS = 5 * 60_000;

const RANK: Record<Severity, number> = { low: 0, medium: 1, high: 2 };

/**
 * What is done about an incident: pure and total. The diagnosis can only lower; every gate must be open for
 * a restart, and the first closed one names the reason. First what the incident is, then what the engine
 * says, then what policy forbids, then limits. `quiet_hours`, `observe_mode`, `auto_fix_off` and
 * `policy_ask` come last, in this order: each means "it would have been restarted but for this".
 */
export function decide(input: DecideInput): Decision {
  const reason =
    diagnosisAgainst(input) ?? factAgainst(input) ?? policyAgainst(input) ?? limitAgainst(input) ?? heldBack(input);
  if (!reason) return { kind: 'restart', reason: 'restart_allowed' };
  if (reason === 'policy_ask') return { kind: 'ask', reason };
  const told = RANK[input.diagnosis.severity] >= RANK[input.policy.values.minSeverity];
  return { kind: told ? 'notify' : 'record', reason };
}

function diagnosisAgainst(input: DecideInput): DecisionReason | undefined {
  const { facts, engineAnswered, diagnosis, restartVetoed } = input;
  if (!engineAnswered && !facts) return 'engine_unreachable';
  if (!facts || facts.status === 'removing' || facts.status === 'dead') return 'container_gone';
  if (diagnosis.severity !== 'high') return 'severity_too_low';
  if (restartVetoed) return 'disk_full';
  if (!diagnosis.autoRestartSafe) return 'restart_not_safe';
  return undefined;
}

function factAgainst(input: DecideInput): DecisionReason | undefined {
  const { now, facts, incident, restarts, stopRequestedAt, deployedAt, policy } = input;
  if (!input.engineAnswered) return 'engine_unreachable';
  if (!facts) return 'container_gone';
  if (facts.orchestrator !== undefined) return 'orchestrator_owns';
  if (incident.cause !== undefined) return 'dependency_down';
  const running = facts.status === 'running';

  if (stopRequestedAt !== undefined && stopRequestedAt >= incident.openedAt - OPERATOR_AT_IT_MS) {
    return 'operator_action';
  }
  if (input.beingReplaced) return 'recreate_in_progress';
  if (restarts.meanwhile === 'under_way') return 'restart_in_progress';
  if (restarts.meanwhile === 'recovered') return 'already_recovered';

  if (facts.status === 'paused') return 'container_paused';
  if (facts.status === 'restarting') return 'engine_restarting';
  const engineRestarts = facts.restartPolicy !== 'no';
  if (incident.detectors.includes('crash_loop') && running && engineRestarts) return 'engine_restarting';
  // The process that had the problem is gone, and the new one has not had it.
  const startedSince = facts.startedAt > incident.lastSeenAt && facts.startedAt < incident.openedAt;
  if (running && isOldNews(incident) && startedSince) return 'already_recovered';
  if (processEnded(incident) && running && facts.startedAt > incident.openedAt) {
    return engineRestarts ? 'engine_restarting' : 'already_recovered';
  }
  if (incident.detector === 'health' && facts.health === 'healthy') return 'already_recovered';

  if (running && onlyChildKilled(incident) && facts.health !== 'unhealthy') return 'restart_not_safe';

  if (running && facts.health === 'starting') return 'still_starting';
  if (running && isWithin(policy.values.grace * 1000, facts.startedAt, now)) return 'still_starting';
  if (deployedAt !== undefined && isWithin(JUST_DEPLOYED_MS, deployedAt, now)) return 'deployed_just_now';
  if (input.networkDependants.length > 0) return 'shared_network';
  return undefined;
}

function policyAgainst({ policy: { values, sources } }: DecideInput): DecisionReason | undefined {
  if (!values.enable || values.maxRestartsPerHour === 0) return 'policy_never';
  if (values.restart !== 'never') return undefined;
  switch (sources.restart.kind) {
    case 'stateful_image':
      return 'stateful_image';
    case 'unclear_label':
      return 'policy_unclear';
    default:
      return 'policy_never';
  }
}

function limitAgainst(input: DecideInput): DecisionReason | undefined {
  const { now, storeHealthy, restarts, policy } = input;
  if (!storeHealthy) return 'store_unavailable';
  if (restarts.lastHour >= policy.values.maxRestartsPerHour) return 'restart_limit';
  if (restarts.hostLastHour >= input.maxRestartsPerHourHost) return 'host_restart_limit';
  if (now < restarts.backOffUntil) return 'backing_off';
  return undefined;
}

function heldBack({ now, autoFix, policy: { values } }: DecideInput): DecisionReason | undefined {
  if (isQuiet(values.quietHours, now)) return 'quiet_hours';
  if (values.mode === 'observe') return 'observe_mode';
  if (!autoFix) return 'auto_fix_off';
  if (values.restart === 'ask') return 'policy_ask';
  return undefined;
}

/** Not of what is to come: then the clock was set back since, nobody knows how long ago. */
function isWithin(ms: number, since: number, now: number): boolean {
  return since <= now && now - since < ms;
}

/** A process in the container was killed for memory and its main process runs on: a restart would end what works. */
function onlyChildKilled(incident: Incident): boolean {
  return incident.detectors.includes('oom') && !processEnded(incident);
}

function processEnded({ detectors }: Incident): boolean {
  return detectors.some((detector) => DETECTOR_INFO[detector].processEnded);
}
