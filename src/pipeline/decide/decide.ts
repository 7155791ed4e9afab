import type { ContainerFacts } from '../../domain/containers.ts';
import type { Decision, DecisionReason } from '../../domain/decision.ts';
import type { Diagnosis, Severity } from '../../domain/diagnosis.ts';
import { type Incident, isOldNews } from '../../domain/incident.ts';
import { processEnded } from '../detectors.ts';
import { isQuiet } from '../policy/quiet-hours.ts';
import type { ResolvedPolicy } from '../policy/resolve.ts';
import type { RestartHistory } from './restart-history.ts';

export interface DecideInput {
  readonly now: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  /** Read after the diagnosis. Absent if the container is gone. */
  readonly facts?: ContainerFacts;
  /** The engine reported the facts and the network dependants just now. Otherwise they are older or missing. */
  readonly engineAnswered: boolean;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The limit of all services together. */
  readonly maxRestartsPerHourHost: number;
  readonly policy: Pick<ResolvedPolicy, 'values' | 'sources'>;
  readonly restarts: RestartHistory;
  /** A built-in rule found a fact that makes a restart harmful. */
  readonly restartVetoed: boolean;
  /** The diagnosis is a local model's that may not open a restart, and the built-in rules alone would not restart. */
  readonly localModelUnproven: boolean;
  /** When a person or tool last asked the container to stop. */
  readonly stopRequestedAt?: number;
  /** When it was created to replace another container of its service. */
  readonly deployedAt?: number;
  /** A deployment is replacing it with another container. */
  readonly beingReplaced: boolean;
  /** Names of running containers that use its network namespace. */
  readonly networkDependants: readonly string[];
  readonly storeHealthy: boolean;
  /** A person has approved this restart. Lifts `policy_ask`, nothing else. */
  readonly approved?: boolean;
  /** A person has snoozed the problem: no restart, no request to a person, no alert. */
  readonly snoozed?: boolean;
}

/** A person who stopped or restarted it this recently is probably still working on it. */
const OPERATOR_ACTIVE_MS = 2 * 60_000;
/** A problem this soon after a deployment was most likely caused by it. A restart would start the same version again. */
const JUST_DEPLOYED_MS = 5 * 60_000;

const RANK: Record<Severity, number> = { low: 0, medium: 1, high: 2 };

/**
 * Decides what to do about an incident. A pure function with a decision for every input. The container is restarted only
 * if no reason prevents it. Otherwise the first reason applies, in this order: the diagnosis, the facts from the engine,
 * the policy, the limits, and last what holds back a restart that is otherwise allowed. The diagnosis can prevent a
 * restart but never cause one. An approval lifts only the requirement of one.
 */
export function decide(input: DecideInput): Decision {
  if (input.snoozed) return { kind: 'record', reason: 'snoozed' };
  const reason = reasonAgainst(input);
  if (!reason) return { kind: 'restart', reason: input.approved ? 'approved_by_person' : 'restart_allowed' };
  if (reason === 'policy_ask') return { kind: 'ask', reason };
  const alerts = RANK[input.diagnosis.severity] >= RANK[input.policy.values.minSeverity];
  return { kind: alerts ? 'notify' : 'record', reason };
}

type WithFacts = DecideInput & { readonly facts: ContainerFacts };

function reasonAgainst(input: DecideInput): DecisionReason | undefined {
  const { facts } = input;
  if (facts === undefined) return input.engineAnswered ? 'container_gone' : 'engine_unreachable';
  const known = { ...input, facts };
  return (
    reasonInDiagnosis(known) ??
    reasonInFacts(known) ??
    reasonInPolicy(known) ??
    reasonInLimits(known) ??
    reasonToHoldBack(known)
  );
}

function reasonInDiagnosis(input: WithFacts): DecisionReason | undefined {
  const { facts, diagnosis, restartVetoed } = input;
  if (facts.status === 'removing' || facts.status === 'dead') return 'container_gone';
  if (diagnosis.severity !== 'high') return 'severity_too_low';
  if (restartVetoed) return 'disk_full';
  if (!diagnosis.autoRestartSafe) return 'restart_not_safe';
  if ((diagnosis.failedChecks ?? []).length > 0) return 'diagnosis_unsupported';
  if (input.localModelUnproven) return 'local_model_unproven';
  return undefined;
}

function reasonInFacts(input: WithFacts): DecisionReason | undefined {
  const { now, facts, incident, restarts, stopRequestedAt, deployedAt, policy } = input;
  if (!input.engineAnswered) return 'engine_unreachable';
  if (facts.orchestrator !== undefined) return 'orchestrator_owns';
  if (incident.cause !== undefined) return 'dependency_down';
  const running = facts.status === 'running';

  if (stopRequestedAt !== undefined && stopRequestedAt >= incident.openedAt - OPERATOR_ACTIVE_MS) {
    return 'operator_action';
  }
  if (input.beingReplaced) return 'recreate_in_progress';
  if (restarts.otherIncidents === 'in_progress') return 'restart_in_progress';
  if (restarts.otherIncidents === 'recovered') return 'already_recovered';

  if (facts.status === 'paused') return 'container_paused';
  if (facts.status === 'restarting') return 'engine_restarting';
  const engineRestarts = facts.restartPolicy !== 'no';
  if (incident.detectors.includes('crash_loop') && running && engineRestarts) return 'engine_restarting';
  // The process that had the problem is gone, and the new one has not had it.
  const startedSince = facts.startedAt > incident.lastSeenAt && facts.startedAt < incident.openedAt;
  if (running && isOldNews(incident) && startedSince) return 'already_recovered';
  if (processEnded(incident.detectors) && running && facts.startedAt > incident.openedAt) {
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

function reasonInPolicy({ policy: { values, sources } }: DecideInput): DecisionReason | undefined {
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

function reasonInLimits(input: WithFacts): DecisionReason | undefined {
  const { now, facts, storeHealthy, restarts, policy } = input;
  if (!storeHealthy) return 'store_unavailable';
  if (restarts.lastHour >= policy.values.maxRestartsPerHour) return 'restart_limit';
  if (restarts.hostLastHour >= input.maxRestartsPerHourHost) return 'host_restart_limit';
  if (now < restarts.backOffUntil) return 'backing_off';
  // The engine could not start it, and nobody has started it since: the same error would follow.
  if (facts.status !== 'running' && facts.startedAt < restarts.couldNotStartAt) return 'backing_off';
  return undefined;
}

/** All of them are in HELD_BACK_REASONS. */
function reasonToHoldBack({ now, autoFix, approved, policy: { values } }: DecideInput): DecisionReason | undefined {
  if (isQuiet(values.quietHours, now)) return 'quiet_hours';
  if (values.mode === 'observe') return 'observe_mode';
  if (!autoFix) return 'auto_fix_off';
  if (values.restart === 'ask' && !approved) return 'policy_ask';
  return undefined;
}

/** False for a time in the future: the clock was set back since, so the age is unknown. */
function isWithin(ms: number, since: number, now: number): boolean {
  return since <= now && now - since < ms;
}

/** A child process was killed for memory, and the main process still runs: a restart would stop a working process. */
function onlyChildKilled(incident: Incident): boolean {
  return incident.detectors.includes('oom') && !processEnded(incident.detectors);
}
