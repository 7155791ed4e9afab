/** Gathers everything that a decision depends on, as it is now, and decides. */
import type { ContainerFacts, ListedContainer } from '../../domain/containers.ts';
import type { Attempt, Decision, Gate } from '../../domain/decision.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { Clock } from '../../lib/time.ts';
import { decideWithGates } from '../decide/decide.ts';
import type { DecideInput } from '../decide/decide-input.ts';
import { isUnproven } from '../decide/local-trust.ts';
import { restartHistory } from '../decide/restart-history.ts';
import { isBeingReplaced } from '../lifecycle/deployment.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { describeActor } from '../people/describe.ts';
import type { Snoozes } from '../people/snoozes.ts';
import type { PolicyOf, ResolvedPolicy } from '../policy/resolve.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { Actor, RestartRequest } from '../ports/people.ts';
import { SPANS, type Tracing } from '../tracing.ts';
import { decisionDetail } from './decision-detail.ts';
import type { LiveIncident } from './open-incidents.ts';

export interface EvaluationDeps {
  readonly control: Pick<ContainerControl, 'inspect' | 'list'>;
  readonly store: { healthy(): boolean };
  readonly tracing: Tracing;
  readonly clock: Clock;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The most restarts of all containers together, in any hour. */
  readonly maxRestartsPerHourHost: number;
  /** Whether a restart may follow from this local model's answer that the built-in rules alone would not allow. */
  localModelMayRestart(model: string): Promise<boolean>;
  /** The policy in force now. */
  readonly policyOf: PolicyOf;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly snoozes: Pick<Snoozes, 'of'>;
  /** Restarts of its service by the agent, oldest first. */
  restartsLastHour(live: LiveIncident): Promise<readonly Attempt[]>;
  restartsOnHost(): Promise<number>;
}

export interface Evaluated {
  readonly decision: Decision;
  readonly gates: readonly Gate[];
  readonly facts?: ContainerFacts;
  readonly policy: ResolvedPolicy;
  readonly because?: string;
}

/** A request that a person approves, and who does. */
export interface Approved {
  readonly request: RestartRequest;
  readonly by?: Actor;
}

export type Evaluate = (
  live: LiveIncident,
  diagnosed: { readonly context: DiagnosisContext; readonly diagnosis: Diagnosis },
  approved?: Approved,
) => Promise<Evaluated>;

export function createEvaluation(deps: EvaluationDeps): Evaluate {
  const { control, store, tracing, clock } = deps;
  return async (live, { context, diagnosis }, approved) => {
    const { incident } = live;
    const { id } = incident.container;
    const answer = await Promise.all([control.inspect(id), control.list()]).catch(() => undefined);
    const [facts, listed] = answer ?? [context.facts, []];
    const dependants = networkDependants(listed, id);
    // A listing shows the image's id once its tag has moved; policies match by name.
    const container = { ...incident.container, image: facts?.image || incident.container.image };
    const policy = deps.policyOf(container);
    const lifecycle = deps.lifecycle.of(id);
    const restarts = await deps.restartsLastHour(live);
    const input: DecideInput = {
      now: clock.now(),
      incident,
      diagnosis,
      facts,
      engineAnswered: answer !== undefined,
      autoFix: deps.autoFix,
      maxRestartsPerHourHost: deps.maxRestartsPerHourHost,
      policy,
      restarts: restartHistory(incident, restarts, await deps.restartsOnHost(), clock.now()),
      restartVetoed: context.ruleMatches.some((match) => match.vetoesRestart),
      localModelUnproven: await isUnproven(diagnosis, context.ruleMatches, deps.localModelMayRestart),
      stopRequestedAt: lifecycle.stoppedByPersonAt,
      deployedAt: lifecycle.deployedAt,
      beingReplaced: isBeingReplaced(container, listed),
      networkDependants: dependants,
      storeHealthy: store.healthy(),
      approved: approved !== undefined && isAbout(approved.request, id, facts, clock.now()),
      snoozed: deps.snoozes.of(incident) !== undefined,
    };
    const { decision, gates } = tracing.span(
      SPANS.decide,
      () => decideWithGates(input),
      ({ decision }) => ({ decision }),
    );
    const approvedBy = approved?.by && describeActor(approved.by);
    const because = decisionDetail(decision, { incident, facts, policy, networkDependants: dependants, approvedBy });
    return { decision, gates, facts, policy, because };
  };
}

/** Whether the request is about the container as it is now. */
function isAbout(
  { containerId, containerStartedAt, expiresAt }: RestartRequest,
  id: string,
  facts: ContainerFacts | undefined,
  now: number,
): boolean {
  return containerId === id && containerStartedAt === facts?.startedAt && now < expiresAt;
}

/** Running containers in this one's network namespace, which a restart would leave without a network. */
function networkDependants(listed: readonly ListedContainer[], containerId: string): string[] {
  return listed
    .filter((other) => other.networkMode === `container:${containerId}` && other.status === 'running')
    .map((other) => other.ref.name);
}
