/**
 * Notices that the cause of an incident with members is over. Its members get a minute to recover; what still fails then
 * becomes an incident of its own: its connections may be stale, and now a restart can help.
 */
import type { ContainerRef, EngineEvent } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { ContainerControl } from '../ports.ts';
import { absenceAssessment } from './absence.ts';
import type { Correlator } from './correlate.ts';
import type { DependencyGraph } from './graph.ts';
import { isAboutState, isOf } from './members.ts';
import { RETURN_MS } from './suspects.ts';
import { engineTrouble } from './trouble.ts';

export interface Recoveries {
  observe(event: EngineEvent): void;
  /** Looks at the containers of all causes. To be called after every listing: some states change without an event. */
  check(): Promise<void>;
  /** The cause is over, by a restart that helped. */
  recovered(root: LiveIncident): Promise<void>;
  /** The incident has ended because it was quiet for long. */
  ended(root: LiveIncident): Promise<void>;
  /** Members of an incident that was over before the agent started. */
  orphaned(members: readonly LiveIncident[]): Promise<void>;
}

export interface RecoveriesDeps {
  readonly incidents: Pick<OpenIncidents, 'open'>;
  readonly correlator: Pick<Correlator, 'membersOf'>;
  readonly graph: Pick<DependencyGraph, 'networksOf' | 'current'>;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly control: Pick<ContainerControl, 'inspect'>;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  resolve(live: LiveIncident): Promise<void>;
  /** Resolves the incident and opens a new one of the same problem. */
  reopen(live: LiveIncident): Promise<void>;
}

const INSPECT_TIMEOUT_MS = 2_000;

export function createRecoveries(deps: RecoveriesDeps): Recoveries {
  const { correlator, graph, lifecycle, control, clock, stopping } = deps;

  /** Undefined if the engine does not answer. */
  const isContainerWell = async (container: ContainerRef): Promise<boolean | undefined> => {
    try {
      const facts = await control.inspect(container.id, AbortSignal.timeout(INSPECT_TIMEOUT_MS));
      const neededNetworks = graph.networksOf(container.id).slice(-1);
      const input = { facts, lifecycle: lifecycle.of(container.id), neededNetworks, now: clock.now() };
      return engineTrouble(input) === undefined;
    } catch {
      return undefined;
    }
  };

  /** All replicas, or the container that replaced it. */
  const isWell = async (container: ContainerRef): Promise<boolean | undefined> => {
    const all = await Promise.all(graph.current(container).map(isContainerWell));
    return all.includes(false) ? false : all.includes(undefined) ? undefined : true;
  };

  /** `since`: a member that was seen later still fails. */
  const release = async (members: readonly LiveIncident[], since: number): Promise<void> => {
    for (const live of members) {
      if (live.resolvedAt !== undefined) continue;
      const isDown = isAboutState(live) && (await isWell(live.incident.container)) === false;
      await (isDown || live.incident.lastSeenAt > since ? deps.reopen(live) : deps.resolve(live));
    }
  };

  const recovered = async (root: LiveIncident): Promise<void> => {
    const at = clock.now();
    root.recoveredAt = at;
    await clock.sleep(RETURN_MS, stopping);
    if (stopping.aborted || root.recoveredAt !== at) return;
    await release(correlator.membersOf(root), at + RETURN_MS / 2);
    const isAbsence = absenceAssessment(root.incident) !== undefined;
    if (isAbsence && root.resolvedAt === undefined) await deps.resolve(root);
  };

  const look = async (root: LiveIncident): Promise<void> => {
    const well = await isWell(root.incident.container);
    if (well === false) root.recoveredAt = undefined;
    else if (well && root.recoveredAt === undefined) await recovered(root);
  };

  const causes = (): readonly LiveIncident[] =>
    deps.incidents
      .open()
      .filter(
        (live) =>
          live.cause === undefined &&
          isAboutState(live) &&
          (absenceAssessment(live.incident) !== undefined || correlator.membersOf(live).length > 0),
      );

  return {
    observe({ container, action }) {
      const mayBeBack =
        action.kind === 'start' ||
        action.kind === 'unpause' ||
        (action.kind === 'health' && action.status === 'healthy');
      if (!mayBeBack) return;
      for (const root of causes()) if (isOf(root, container)) void look(root);
    },

    async check() {
      await Promise.all(causes().map(look));
    },

    recovered,

    async ended(root) {
      const members = correlator.membersOf(root);
      await release(members, root.incident.lastSeenAt + 2 * RETURN_MS);
    },

    async orphaned(members) {
      const since = clock.now() + RETURN_MS / 2;
      await clock.sleep(RETURN_MS, stopping);
      if (!stopping.aborted) await release(members, since);
    },
  };
}
