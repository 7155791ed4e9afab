/** Finds containers whose problem may cause the problems of others. */
import type { ContainerFacts, ContainerRef } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { DependencyGraph } from './graph.ts';
import { isAboutState, isOf, rootOf, statedCauseOf } from './members.ts';
import { type Outage, outageOf } from './outage.ts';

/** A container with a problem of its own: an incident, or an outage that has none yet. */
export type Suspect = { readonly container: ContainerRef } & (
  | { readonly incident: LiveIncident }
  | { readonly incident?: undefined; readonly outage: Outage }
);

export interface SuspectsDeps {
  readonly graph: DependencyGraph;
  readonly incidents: Pick<OpenIncidents, 'recent'>;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly control: Pick<ContainerControl, 'inspect'>;
  readonly clock: Clock;
}

export interface Suspects {
  /** The first that is a suspect. `named`: the victim's error names them; otherwise the problem must be recent. */
  first(containers: readonly ContainerRef[], victim: LiveIncident, named: boolean): Promise<Suspect | undefined>;
  /** An incident of the container that may cause the victim's. `stateIsBad`: the container is unavailable now. */
  incidentOf(container: ContainerRef, victim: LiveIncident, stateIsBad: boolean): LiveIncident | undefined;
  /** When the container came back after an end or a deployment, if that was less than RETURN_MS ago. */
  returnedAt(container: ContainerRef): Promise<number | undefined>;
}

/** The problem of a dependency explains errors up to this long after its last signal. */
export const BEFORE_MS = 2 * 60_000;
/** Clients reconnect within this time after a dependency is back. */
export const RETURN_MS = 60_000;
const INSPECT_TIMEOUT_MS = 2_000;
const INSPECT_AT_ONCE = 8;

/** The facts, which are undefined if the container does not exist. Undefined if the engine does not answer in time. */
export function inspectNow(
  control: Pick<ContainerControl, 'inspect'>,
  { id }: ContainerRef,
): Promise<{ readonly facts: ContainerFacts | undefined } | undefined> {
  return control.inspect(id, AbortSignal.timeout(INSPECT_TIMEOUT_MS)).then(
    (facts) => ({ facts }),
    () => undefined,
  );
}

/** Whether the problem of a dependency can explain the victim's. `stateIsBad`: the dependency is unavailable now. */
export function mayCause(
  live: LiveIncident,
  victim: LiveIncident,
  { stateIsBad, now }: { readonly stateIsBad: boolean; readonly now: number },
): boolean {
  const { lastSeenAt, cause } = live.incident;
  const endedAt = live.resolvedAt ?? live.recoveredAt ?? now;
  if (now - endedAt > RETURN_MS) return false;
  const isRecent = lastSeenAt >= victim.incident.openedAt - BEFORE_MS;
  if (!isRecent && !stateIsBad && cause === undefined) return false;
  return cause !== undefined || isAboutState(live) || statedCauseOf(live) !== undefined;
}

export function createSuspects({ graph, incidents, lifecycle, control, clock }: SuspectsDeps): Suspects {
  const incidentOf: Suspects['incidentOf'] = (container, victim, stateIsBad) =>
    incidents
      .recent()
      .find(
        (live) =>
          isOf(live, container) && rootOf(live) !== victim && mayCause(live, victim, { stateIsBad, now: clock.now() }),
      );

  /** Undefined if the container has no known problem, or if the engine does not answer. */
  const suspectOf = async (container: ContainerRef, victim: LiveIncident): Promise<Suspect | undefined> => {
    const answer = await inspectNow(control, container);
    const shared = graph.networksOf(victim.incident.container.id);
    const neededNetworks = graph.networksOf(container.id).filter((network) => shared.includes(network));
    const outage =
      answer && outageOf({ ...answer, lifecycle: lifecycle.of(container.id), neededNetworks, now: clock.now() });
    const incident = incidentOf(container, victim, outage !== undefined);
    return incident === undefined ? outage && { container, outage } : { container, incident };
  };

  /** Whether a problem of a dependency that no error names can explain the victim's errors. */
  const isPlausible = (suspect: Suspect, victim: LiveIncident): boolean => {
    if (suspect.incident !== undefined) return true;
    const { mayBeDone, since = clock.now() } = suspect.outage;
    return !mayBeDone && since >= victim.incident.openedAt - BEFORE_MS;
  };

  return {
    incidentOf,

    async first(containers, victim, named) {
      const others = containers.filter((container) => !isOf(victim, container));
      for (let i = 0; i < others.length; i += INSPECT_AT_ONCE) {
        const group = others.slice(i, i + INSPECT_AT_ONCE);
        const found = await Promise.all(group.map((container) => suspectOf(container, victim)));
        const suspect = found.find((one) => one !== undefined && (named || isPlausible(one, victim)));
        if (suspect !== undefined) return suspect;
      }
      return undefined;
    },

    async returnedAt(container) {
      const facts = (await inspectNow(control, container))?.facts;
      if (facts?.status !== 'running') return undefined;
      const { lastEnd, deployedAt } = lifecycle.of(container.id);
      if (lastEnd === undefined && deployedAt === undefined) return undefined;
      return clock.now() - facts.startedAt < RETURN_MS ? facts.startedAt : undefined;
    },
  };
}
