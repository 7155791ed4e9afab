/** Connects the parts of this folder with the pipeline. */
import type { ContainerRef, EdgeEvidence, EngineEvent, ListedContainer } from '../../domain/containers.ts';
import type { LogRecord, Signal } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { CausesElsewhere } from '../ports/fleet.ts';
import type { DependencyStore, IncidentStore } from '../ports/store.ts';
import { absenceSignal } from './absence.ts';
import { type Correlator, createCorrelator } from './correlate.ts';
import { createDependencies, type Inspected } from './dependencies.ts';
import { createElsewhere, NOWHERE_ELSE } from './elsewhere.ts';
import type { DependencyGraph, Edge } from './graph.ts';
import { isAboutState, rootOf, sufferingOf, toMembers } from './members.ts';
import { createRecoveries } from './recoveries.ts';

export interface CorrelationDeps {
  readonly incidents: OpenIncidents;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  /** Not traced: a dependency may be inspected every second. */
  readonly control: Pick<ContainerControl, 'inspect'>;
  readonly store: DependencyStore & Pick<IncidentStore, 'saveIncident' | 'resolveIncident'>;
  /** Absent if no other agent can share the store. */
  readonly causesElsewhere?: CausesElsewhere;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  /** Opens an incident, or counts the signal in an open one. `isReleased`: see LiveIncident. */
  open(signal: Signal, isReleased?: boolean): LiveIncident;
  /** Runs background work that the agent waits for when it stops. */
  start(work: Promise<void>): void;
}

export interface Correlation {
  readonly correlator: Correlator;
  readonly graph: DependencyGraph;
  /** Undefined if no event or listing named it yet. */
  containerOf(containerId: string): ContainerRef | undefined;
  observe(event: EngineEvent): void;
  /** All containers that exist, watched or not: an error may name any of them. */
  listed(existing: readonly ListedContainer[]): void;
  inspected(containerId: string, facts: Inspected): void;
  /** The listed containers have been inspected once. */
  inspectedAll(): void;
  /** Handles a further signal of an open incident. True if the incident is a member of another one. */
  repeated(live: LiveIncident, signal: Signal): boolean;
  /** A restart has ended the problem. */
  recovered(live: LiveIncident): void;
  /** The incident has ended because it had no signal for long enough. */
  ended(live: LiveIncident): void;
  load(): Promise<void>;
  /** Incidents of an earlier run of the agent. */
  restore(left: readonly LiveIncident[]): void;
  edges(): readonly Edge[];
}

/** The least time between two checks of the dependencies of a repeating incident. */
const RECHECK_EVERY_MS = 15_000;

export function createCorrelation(deps: CorrelationDeps): Correlation {
  const { incidents, store, observer, logger, clock, stopping, start } = deps;
  const dependencies = createDependencies(store, logger);
  const graphReady = Promise.withResolvers<void>();

  const logged = (what: string, work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => logger.error(`${what} could not be stored`, { error: String(error) }));

  const save = (live: LiveIncident): void => {
    // While it is settling, its summary is not redacted yet, and the workflow saves it afterwards.
    if (live.phase !== 'settling') start(logged('an incident', store.saveIncident(live.incident)));
  };

  const resolve = async (live: LiveIncident): Promise<void> => {
    incidents.resolve(live);
    await logged('the end of an incident', store.resolveIncident(live.incident.id, clock.now()));
  };

  const absence = (container: ContainerRef, what: string): LiveIncident => {
    const signal = absenceSignal(container, what, clock.now());
    observer.signal(signal.detector, container.name);
    return deps.open(signal);
  };

  const onAttached = (live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): void => {
    for (let i = 0; i < live.incident.occurrences; i++) observer.correlated(evidence);
    observer.suppressed('dependency');
    save(live);
    if (root.isElsewhere) return;
    root.incident = { ...root.incident, members: toMembers(root, correlator.membersOf(root)) };
    save(root);
  };

  const elsewhere =
    deps.causesElsewhere === undefined
      ? NOWHERE_ELSE
      : createElsewhere({
          ...deps,
          causes: deps.causesElsewhere,
          graph: dependencies.graph,
          open: incidents.open,
          onAttached,
          onOver: (members) => start(recoveries.orphaned(members)),
        });

  const correlator = createCorrelator({
    ...deps,
    graph: dependencies.graph,
    elsewhere,
    graphReady: graphReady.promise,
    openAbsence: absence,
    onAttached,
  });

  const recoveries = createRecoveries({
    ...deps,
    correlator,
    graph: dependencies.graph,
    resolve,
    async reopen(live) {
      await resolve(live);
      const { container, detector, fingerprint, summary, patterns } = live.incident;
      const signal = live.evidence.at(-1) ?? { container, detector, fingerprint, summary, patterns };
      deps.open({ ...signal, fingerprint, at: clock.now() }, true);
    },
  });

  /** Only the errors of members show that an external host, or a dependency without a known problem, still fails. */
  const touchRoot = (live: LiveIncident): void => {
    const root = rootOf(live);
    if (root.incident.cause === undefined || isAboutState(root)) return;
    root.incident = { ...root.incident, lastSeenAt: Math.max(root.incident.lastSeenAt, live.incident.lastSeenAt) };
    root.dirty = true;
  };

  const mayStillSuffer = (live: LiveIncident): boolean => {
    const kind = live.incident.cause?.kind;
    // A host outside the engine may be another one of the fleet.
    const isOutside = kind === 'external' && deps.causesElsewhere !== undefined;
    return sufferingOf(live) !== undefined || kind === 'unknown' || isOutside;
  };

  const rechecking = new Set<LiveIncident>();
  /** A dependency that had no problem when the incident was opened may have one now that no signal reports. */
  const recheck = (live: LiveIncident, record: LogRecord, at: number): void => {
    const now = clock.monotonic();
    if (rechecking.has(live) || now - (live.recheckedAt ?? Number.NEGATIVE_INFINITY) < RECHECK_EVERY_MS) return;
    live.recheckedAt = now;
    rechecking.add(live);
    start(correlator.recheck(live, record, at).finally(() => rechecking.delete(live)));
  };

  return {
    correlator,
    graph: dependencies.graph,
    containerOf: dependencies.containerOf,

    observe(event) {
      dependencies.observe(event);
      if (!stopping.aborted) recoveries.observe(event);
    },

    listed(existing) {
      dependencies.listed(existing);
      if (stopping.aborted) return;
      start(dependencies.save());
      start(recoveries.check());
      start(elsewhere.check());
    },

    inspected: dependencies.inspected,
    inspectedAll() {
      graphReady.resolve();
      start(dependencies.save());
    },

    repeated(live, { record, at }) {
      if (live.cause === undefined) {
        if (live.phase === 'settled' && record !== undefined && mayStillSuffer(live)) recheck(live, record, at);
        return false;
      }
      observer.correlated(live.cause.evidence);
      observer.suppressed('dependency');
      touchRoot(live);
      return true;
    },

    recovered: (live) => start(recoveries.recovered(live)),
    ended: (live) => start(recoveries.ended(live)),
    load: dependencies.load,

    restore(left) {
      const byId = new Map(left.map((live) => [live.incident.id, live]));
      const orphans: LiveIncident[] = [];
      for (const live of left) {
        correlator.restore(live);
        const { cause } = live.incident;
        if (cause?.kind !== 'incident') continue;
        const root = byId.get(cause.incidentId);
        if (root === undefined) orphans.push(live);
        else if (rootOf(root) !== live) live.cause = { root, evidence: cause.evidence };
      }
      const relink = async (): Promise<void> => {
        const left = await elsewhere.restore(orphans);
        await recoveries.orphaned(left);
      };
      start(relink());
    },

    edges: () => dependencies.graph.edges(),
  };
}
