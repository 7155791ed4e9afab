/** Waits for a dependency that is briefly unavailable: restarted by hand, replaced by a deployment, or starting. */
import type { ContainerFacts, ContainerRef } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import { waitUntil } from '../incident/waiting.ts';
import type { Correlation } from './correlate.ts';
import type { DependencyGraph } from './graph.ts';
import type { Outage } from './outage.ts';
import { RETURN_MS, type Suspects } from './suspects.ts';

type Absence =
  | { readonly kind: 'back'; readonly at: number }
  | { readonly kind: 'incident'; readonly incident: LiveIncident }
  /** It is still unavailable. `what` follows its name in a sentence. */
  | { readonly kind: 'away'; readonly what: string };

export interface AwaitReturn {
  /** Waits until the dependency is back or has an incident, but no longer than a restart or replacement takes. */
  ofDependency(container: ContainerRef, outage: Outage, victim: LiveIncident): Promise<Absence>;
  /** The dependency has been back since `backAt`. Waits to see whether the victim recovers, too. */
  ofVictim(
    victim: LiveIncident,
    dependency: ContainerRef,
    backAt: number,
    facts: ContainerFacts | undefined,
  ): Promise<Correlation>;
}

/** A shorter absence is not reported: somebody restarts or replaces the dependency. */
const ABSENCE_GRACE_MS = 30_000;
/** A start takes longer: a database may replay its log first. */
const START_GRACE_MS = 2 * 60_000;
const POLL_MS = 1_000;

export function createAwaitReturn(deps: {
  readonly suspects: Suspects;
  readonly graph: Pick<DependencyGraph, 'current'>;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
}): AwaitReturn {
  const { suspects, graph, clock, stopping } = deps;
  return {
    async ofDependency(container, first, victim) {
      let outage = first;
      const begun = clock.monotonic();
      while (!stopping.aborted && victim.cause === undefined) {
        const waited = clock.monotonic() - begun;
        const longest = outage.isStart ? START_GRACE_MS : ABSENCE_GRACE_MS;
        if (waited >= longest) break;
        const until = clock.now() - waited + longest;
        const wait = { what: `for ${container.name}, which ${outage.what}`, until };
        await waitUntil(victim, wait, deps, POLL_MS);
        // If it was recreated, its service has a container with another id.
        const suspect = await suspects.first(graph.current(container), victim, true);
        if (suspect === undefined) return { kind: 'back', at: clock.now() };
        if (suspect.incident !== undefined) return { kind: 'incident', incident: suspect.incident };
        outage = suspect.outage;
      }
      return { kind: 'away', what: outage.what };
    },

    async ofVictim(victim, dependency, backAt, facts) {
      // It is down although its dependency is back: a restart can help now.
      if (facts?.status !== 'running') {
        victim.isReleased = true;
        return { kind: 'own' };
      }
      const until = backAt + RETURN_MS;
      await waitUntil(victim, { what: `to see whether it works again with ${dependency.name}`, until }, deps);
      if (victim.cause !== undefined) return { kind: 'member' };
      const stillFails = victim.incident.lastSeenAt > backAt + RETURN_MS / 2;
      if (!stillFails) return { kind: 'passed', dependency: dependency.name };
      victim.isReleased = true;
      return { kind: 'own' };
    },
  };
}
