/** What a built-in rule says of one container, extended by what is known of those around it. */
import type { Assessment, Diagnosis } from '../../domain/diagnosis.ts';
import { processEnded } from '../detectors.ts';
import type { DependencyState, DiagnosisContext } from '../ports/model.ts';

/** More names would hide the cause. */
const MAX_NAMES = 5;

/** Names the containers that suffer from the problem, and dependencies that the container needs. */
export function withSurroundings(assessment: Assessment, context: DiagnosisContext): Assessment {
  const { members = [] } = context;
  const cause = [
    ...(members.length > 0 && isDown(context) ? [`${context.incident.container.name} is down.`] : []),
    assessment.rootCause,
    ...aboutMembers(context),
    ...aboutDependencies(context),
  ];
  return {
    ...assessment,
    rootCause: cause.join(' '),
    estimatedImpact: [assessment.estimatedImpact, ...impactOnOthers(context)].join(' '),
  };
}

/** A diagnosis that needed no question. */
export function diagnosisByRule(assessment: Assessment, now: number): Diagnosis {
  return { ...assessment, tier: 'rules', rules: [], costUsd: 0, at: now, answeredAt: now, afterFailedRestart: false };
}

function isDown({ incident, facts }: DiagnosisContext): boolean {
  return facts === undefined
    ? processEnded(incident.detectors)
    : facts.status === 'exited' || facts.status === 'dead' || facts.status === 'restarting';
}

function aboutMembers({ members = [] }: DiagnosisContext): readonly string[] {
  if (members.length === 0) return [];
  const names = enumerate(members.map(({ container }) => container));
  return [`${names} ${members.length === 1 ? 'suffers' : 'suffer'} from it.`];
}

function impactOnOthers(context: DiagnosisContext): readonly string[] {
  const { members = [], dependants = [] } = context;
  const others = isDown(context) && dependants.length > 0 ? [dependOnIt(dependants)] : [];
  if (members.length === 0) return others;
  const counted = members.map(
    ({ container, occurrences }) => `${container} (${occurrences} error${occurrences === 1 ? '' : 's'})`,
  );
  return [`Also affected: ${enumerate(counted)}.`, ...others];
}

function dependOnIt(dependants: readonly string[]): string {
  return `${enumerate(dependants)} ${dependants.length === 1 ? 'depends' : 'depend'} on it.`;
}

/** Where a dependency seems to fail, but none is known to have a problem. */
function aboutDependencies({ incident, dependencies = [] }: DiagnosisContext): readonly string[] {
  const { cause } = incident;
  if (cause?.kind === 'external') return [`It cannot reach ${cause.host}, which is not a container of this engine.`];
  if (cause?.kind !== 'unknown') return [];
  const well = dependencies.filter(isWell).map(({ container }) => container);
  if (well.length === 0) return [];
  const [is, has] = well.length === 1 ? ['is', 'has'] : ['are', 'have'];
  return [`${enumerate(well)}, on which it depends, ${is} running and ${has} no known problem.`];
}

function isWell({ state }: DependencyState): boolean {
  if (state === undefined || state === 'gone') return false;
  return state.status === 'running' && (state.health === 'healthy' || state.health === 'none');
}

/** `a, b and c`; `a, b, c, d, e and 4 more`. */
function enumerate(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES);
  const rest = names.length - shown.length;
  const parts = rest > 0 ? [...shown, `${rest} more`] : shown;
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}
