/**
 * Detects that the cause of other incidents is over. These members then have a minute to recover. A member that still
 * fails becomes an incident of its own: its connections may be stale, and now a restart can help.
 */
import type { ContainerRef, EngineEvent } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { ContainerControl } from '../ports/engine.ts';
import { absenceAssessment } from './absence.ts';
import type { Correlator } from './correlate.ts';
import type { DependencyGraph } from './graph.ts';
import { isAboutState, isOf } from './members.ts';
import { outageOf } from './outage.ts';
import { inspectNow, RETURN_MS } from './suspects.ts';

interface Recoveries {
  observe(event: EngineEvent): void;
  /** Inspects the containers of all causes. Call it after every listing: some states change without an event. */
  check(): Promise<void>;
  /** A restart has ended the problem. */
  recovered(root: LiveIncident): Promise<void>;
  /** The incident has ended because it had no signal for long enough. */
  ended(root: LiveIncident): Promise<void>;
  /** Members of an incident that was over before the agent started. */
  orphaned(members: readonly LiveIncident[]): Promise<void>;
}

interface RecoveriesDeps {
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

export function createRecoveries(deps: RecoveriesDeps): Recoveries {
  const { correlator, graph, lifecycle, control, clock, stopping } = deps;

  /** Undefined if the engine does not answer. */
  const isAvailable = async (container: ContainerRef, users: readonly string[]): Promise<boolean | undefined> => {
    const answer = await inspectNow(control, container);
    const neededNetworks = graph.networksOf(container.id).filter((network) => users.includes(network));
    const input = { lifecycle: lifecycle.of(container.id), neededNetworks, now: clock.now() };
    return answer && outageOf({ ...answer, ...input }) === undefined;
  };

  /** Whether all replicas, or the container that replaced it, are available again, on a network of a member. */
  const areAvailable = async (live: LiveIncident): Promise<boolean | undefined> => {
    const users = correlator.membersOf(live).flatMap(({ incident }) => graph.networksOf(incident.container.id));
    const containers = graph.current(live.incident.container);
    const all = await Promise.all(containers.map((container) => isAvailable(container, users)));
    return all.includes(false) ? false : all.includes(undefined) ? undefined : true;
  };

  /** Resolves or reopens the members. `since`: a member with a later signal still fails. */
  const release = async (members: readonly LiveIncident[], since: number): Promise<void> => {
    for (const live of members) {
      if (live.resolvedAt !== undefined) continue;
      const isDown = isAboutState(live) && (await areAvailable(live)) === false;
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

  const checkRoot = async (root: LiveIncident): Promise<void> => {
    const available = await areAvailable(root);
    if (available === false) root.recoveredAt = undefined;
    else if (available && root.recoveredAt === undefined) await recovered(root);
  };

  const causes = (): readonly LiveIncident[] =>
    deps.incidents
      .open()
      .filter(
        (live) =>
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
      for (const root of causes()) if (isOf(root, container)) void checkRoot(root);
    },

    async check() {
      await Promise.all(causes().map(checkRoot));
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
