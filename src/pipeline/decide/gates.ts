import type { ContainerFacts } from '../../domain/containers.ts';
import type { DecisionReason, Gate } from '../../domain/decision.ts';
import { isOldNews } from '../../domain/incident.ts';
import { describeCause } from '../correlate/common-causes.ts';
import { processEnded } from '../detectors.ts';
import { isQuiet } from '../policy/quiet-hours.ts';
import { describeSource } from '../policy/resolve.ts';
import { POLICY_SETTINGS, type PolicyKey, type PolicySetting } from '../policy/settings.ts';
import type { DecideInput } from './decide-input.ts';

/** A person who stopped or restarted it this recently is probably still working on it. */
const OPERATOR_ACTIVE_MS = 2 * 60_000;
/** A problem this soon after a deployment was most likely caused by it. A restart would start the same version again. */
const JUST_DEPLOYED_MS = 5 * 60_000;

/** One condition for a restart. */
interface Condition {
  readonly name: string;
  readonly asks: string;
  /** `closedBy`: why it prevents a restart. Undefined: it cannot be evaluated without facts of the engine. */
  check(input: DecideInput): { readonly closedBy?: DecisionReason; readonly value: string } | undefined;
}

/** A condition on the facts of the engine. Without facts, an earlier gate is closed. */
function onFacts(
  name: string,
  asks: string,
  check: (facts: ContainerFacts, input: DecideInput) => { readonly closedBy?: DecisionReason; readonly value: string },
): Condition {
  return { name, asks, check: (input) => (input.facts === undefined ? undefined : check(input.facts, input)) };
}

const closedIf = (isClosed: boolean, closedBy: DecisionReason, value: string) =>
  isClosed ? { closedBy, value } : { value };

/** In order: the first closed gate is the reason of the decision. */
const CONDITIONS: readonly Condition[] = [
  {
    name: 'snooze',
    asks: 'nobody has snoozed the problem',
    check: ({ snoozed }) => closedIf(snoozed === true, 'snoozed', snoozed ? 'snoozed' : 'not snoozed'),
  },
  {
    name: 'engine',
    asks: 'the engine has reported the state of the container',
    check: ({ engineAnswered, facts }) =>
      closedIf(
        !engineAnswered && !facts,
        'engine_unreachable',
        engineAnswered ? 'it has just now' : facts ? 'earlier' : 'no',
      ),
  },
  {
    name: 'container',
    asks: 'the container exists',
    check: ({ facts }) =>
      closedIf(
        !facts || facts.status === 'removing' || facts.status === 'dead',
        'container_gone',
        facts?.status ?? 'gone',
      ),
  },
  {
    name: 'severity',
    asks: 'the severity is high',
    check: ({ diagnosis: { severity } }) => closedIf(severity !== 'high', 'severity_too_low', severity),
  },
  {
    name: 'disk',
    asks: 'no rule found a full disk',
    check: ({ restartVetoed }) => closedIf(restartVetoed, 'disk_full', restartVetoed ? 'the disk is full' : 'none'),
  },
  {
    name: 'diagnosis',
    asks: 'the diagnosis says that a restart is safe and helps',
    check: ({ diagnosis }) =>
      closedIf(!diagnosis.autoRestartSafe, 'restart_not_safe', diagnosis.autoRestartSafe ? 'yes' : 'no'),
  },
  {
    name: 'evidence',
    asks: 'the evidence supports the diagnosis',
    check: ({ diagnosis: { failedChecks = [] } }) =>
      closedIf(failedChecks.length > 0, 'diagnosis_unsupported', failedChecks.join(', ') || 'no check failed'),
  },
  {
    name: 'local_model',
    asks: 'the model that gave the diagnosis may open a restart',
    check: ({ localModelUnproven }) =>
      closedIf(localModelUnproven, 'local_model_unproven', localModelUnproven ? 'not proven yet' : 'yes'),
  },
  {
    name: 'fresh_facts',
    asks: 'the engine answers now',
    check: ({ engineAnswered }) => closedIf(!engineAnswered, 'engine_unreachable', engineAnswered ? 'yes' : 'no'),
  },
  onFacts('orchestrator', 'no orchestrator owns it', ({ orchestrator }) =>
    closedIf(orchestrator !== undefined, 'orchestrator_owns', orchestrator ?? 'none'),
  ),
  {
    name: 'cause',
    asks: 'the problem is its own',
    check: ({ incident: { cause } }) =>
      closedIf(
        cause !== undefined,
        'dependency_down',
        cause === undefined ? 'as far as is known' : (describeCause(cause) ?? 'it belongs to another incident'),
      ),
  },
  {
    name: 'operator',
    asks: 'nobody has just stopped or restarted it',
    check: ({ stopRequestedAt, incident }) =>
      closedIf(
        stopRequestedAt !== undefined && stopRequestedAt >= incident.openedAt - OPERATOR_ACTIVE_MS,
        'operator_action',
        stopRequestedAt === undefined ? 'nobody' : `last at ${iso(stopRequestedAt)}`,
      ),
  },
  {
    name: 'replacement',
    asks: 'no new container is replacing it',
    check: ({ beingReplaced }) => closedIf(beingReplaced, 'recreate_in_progress', beingReplaced ? 'one is' : 'none'),
  },
  {
    name: 'other_restart',
    asks: 'it is not being restarted for another incident',
    check: ({ restarts: { otherIncidents } }) =>
      closedIf(otherIncidents === 'in_progress', 'restart_in_progress', otherIncidents.replace('_', ' ')),
  },
  {
    name: 'other_recovery',
    asks: 'a restart for another incident has not helped already',
    check: ({ restarts: { otherIncidents } }) =>
      closedIf(otherIncidents === 'recovered', 'already_recovered', otherIncidents.replace('_', ' ')),
  },
  onFacts('paused', 'it is not paused', ({ status }) => closedIf(status === 'paused', 'container_paused', status)),
  onFacts('engine_policy', 'the engine is not restarting it', (facts, { incident }) => {
    const isLooping = incident.detectors.includes('crash_loop') && facts.status === 'running' && engineRestarts(facts);
    return closedIf(
      facts.status === 'restarting' || isLooping,
      'engine_restarting',
      `${facts.status}, restart policy ${facts.restartPolicy}`,
    );
  }),
  onFacts('old_news', 'it was not started again before the problem was found', (facts, { incident }) => {
    // The process that had the problem is gone, and the new one has not had it.
    const startedSince = facts.startedAt > incident.lastSeenAt && facts.startedAt < incident.openedAt;
    return closedIf(
      facts.status === 'running' && isOldNews(incident) && startedSince,
      'already_recovered',
      startedAt(facts),
    );
  }),
  onFacts('started_again', 'it does not run again after its process ended', (facts, { incident }) =>
    closedIf(
      processEnded(incident.detectors) && facts.status === 'running' && facts.startedAt > incident.openedAt,
      engineRestarts(facts) ? 'engine_restarting' : 'already_recovered',
      `${facts.status}, ${startedAt(facts)}`,
    ),
  ),
  onFacts('health', 'its health check fails, if that was the problem', (facts, { incident }) =>
    closedIf(
      incident.detector === 'health' && facts.health === 'healthy',
      'already_recovered',
      facts.health === 'none' ? 'no health check' : facts.health,
    ),
  ),
  onFacts('main_process', 'its main process has the problem', (facts, { incident }) => {
    // A child process was killed for memory, and the main process still runs: a restart would stop a working process.
    const onlyChild = incident.detectors.includes('oom') && !processEnded(incident.detectors);
    return closedIf(
      facts.status === 'running' && onlyChild && facts.health !== 'unhealthy',
      'restart_not_safe',
      onlyChild ? 'only a child process was killed for memory' : 'yes',
    );
  }),
  onFacts('starting', 'it has finished starting', (facts, { policy, now }) => {
    const isRunning = facts.status === 'running';
    const inGrace = isWithin(policy.values.grace * 1000, facts.startedAt, now);
    return closedIf(
      isRunning && (facts.health === 'starting' || inGrace),
      'still_starting',
      `${startedAt(facts)}, ${named(policy, 'grace')}`,
    );
  }),
  {
    name: 'deployment',
    asks: 'it was not deployed in the last five minutes',
    check: ({ deployedAt, now }) =>
      closedIf(
        deployedAt !== undefined && isWithin(JUST_DEPLOYED_MS, deployedAt, now),
        'deployed_just_now',
        deployedAt === undefined ? 'no deployment seen' : `deployed at ${iso(deployedAt)}`,
      ),
  },
  {
    name: 'network',
    asks: 'no other running container uses its network',
    check: ({ networkDependants }) =>
      closedIf(networkDependants.length > 0, 'shared_network', networkDependants.join(', ') || 'none'),
  },
  {
    name: 'policy',
    asks: 'its policy allows restarts',
    check: ({ policy }) => {
      const { enable, maxRestartsPerHour, restart } = policy.values;
      if (!enable) return { closedBy: 'policy_never', value: named(policy, 'enable') };
      if (maxRestartsPerHour === 0) return { closedBy: 'policy_never', value: named(policy, 'maxRestartsPerHour') };
      return closedIf(restart === 'never', neverReason(policy), named(policy, 'restart'));
    },
  },
  {
    name: 'store',
    asks: 'the store can be written',
    check: ({ storeHealthy }) => closedIf(!storeHealthy, 'store_unavailable', storeHealthy ? 'yes' : 'no'),
  },
  {
    name: 'restart_limit',
    asks: 'its restart limit is not reached',
    check: ({ restarts: { lastHour }, policy }) =>
      closedIf(
        lastHour >= policy.values.maxRestartsPerHour,
        'restart_limit',
        `${lastHour} in the last hour, ${named(policy, 'maxRestartsPerHour')}`,
      ),
  },
  {
    name: 'host_restart_limit',
    asks: 'the restart limit of all containers together is not reached',
    check: ({ restarts: { hostLastHour }, maxRestartsPerHourHost }) =>
      closedIf(
        hostLastHour >= maxRestartsPerHourHost,
        'host_restart_limit',
        `${hostLastHour} in the last hour, at most ${maxRestartsPerHourHost}`,
      ),
  },
  {
    name: 'back_off',
    asks: 'no earlier restart that did not help requires a wait',
    check: ({ now, facts, restarts: { backOffUntil, couldNotStartAt } }) => {
      if (now < backOffUntil) return { closedBy: 'backing_off', value: `until ${iso(backOffUntil)}` };
      // The engine could not start it, and nobody has started it since: the same error would follow.
      const couldNotStart = facts && facts.status !== 'running' && facts.startedAt < couldNotStartAt;
      return couldNotStart
        ? { closedBy: 'backing_off', value: `the engine could not start it at ${iso(couldNotStartAt)}` }
        : { value: 'none' };
    },
  },
  // All reasons below are in HELD_BACK_REASONS.
  {
    name: 'quiet_hours',
    asks: 'these are not its quiet hours',
    check: ({ policy, now }) =>
      closedIf(isQuiet(policy.values.quietHours, now), 'quiet_hours', named(policy, 'quietHours')),
  },
  {
    name: 'mode',
    asks: 'its mode is to act',
    check: ({ policy }) => closedIf(policy.values.mode === 'observe', 'observe_mode', named(policy, 'mode')),
  },
  {
    name: 'auto_fix',
    asks: 'AUTO_FIX is on',
    check: ({ autoFix }) => closedIf(!autoFix, 'auto_fix_off', autoFix ? 'on' : 'off'),
  },
  {
    name: 'approval',
    asks: 'a person has approved it, or nobody has to',
    check: ({ policy, approved }) =>
      closedIf(
        policy.values.restart === 'ask' && !approved,
        'policy_ask',
        `${named(policy, 'restart')}${approved ? ', approved' : ''}`,
      ),
  },
];

/** Evaluates the conditions for a restart, in order, one at a time. */
export function* gatesOf(input: DecideInput): Generator<Gate> {
  for (const { name, asks, check } of CONDITIONS) {
    const checked = check(input);
    if (checked === undefined) {
      yield { name, asks, state: 'unknown', value: 'the engine reported no facts' };
      continue;
    }
    const { closedBy, value } = checked;
    if (closedBy === undefined) yield { name, asks, state: 'open', value };
    else yield { name, asks, state: 'closed', value, reason: closedBy };
  }
}

function neverReason({ sources }: DecideInput['policy']): DecisionReason {
  switch (sources.restart.kind) {
    case 'stateful_image':
      return 'stateful_image';
    case 'unclear_label':
      return 'policy_unclear';
    default:
      return 'policy_never';
  }
}

/** A policy value with its source. */
function named({ values, sources }: DecideInput['policy'], key: PolicyKey): string {
  const { name, show } = POLICY_SETTINGS[key] as PolicySetting<unknown>;
  return `${name}: ${show(values[key])} (${describeSource(sources[key])})`;
}

function engineRestarts({ restartPolicy }: ContainerFacts): boolean {
  return restartPolicy !== 'no';
}

function startedAt(facts: ContainerFacts): string {
  return `started at ${iso(facts.startedAt)}`;
}

/** False for a time in the future: the clock was set back since, so the age is unknown. */
function isWithin(ms: number, since: number, now: number): boolean {
  return since <= now && now - since < ms;
}

function iso(time: number): string {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : 'an unknown time';
}
