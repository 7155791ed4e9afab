/**
 * Finds the incident that another one suffers from. Evidence decides, never timing alone: the error of the victim says
 * that a dependency fails, the dependency graph connects the two, and the dependency has a problem of its own.
 */
import type { ContainerFacts, ContainerRef, EdgeEvidence, IncidentMember } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { ContainerControl, DiagnosisContext } from '../ports.ts';
import {
  canBeExternal,
  hostsIn,
  isDependencyFailure,
  isNameResolutionFailure,
  ownCauseIn,
} from './dependency-errors.ts';
import type { DependencyGraph } from './graph.ts';
import { type EngineTrouble, engineTrouble, isOf, rootOf, textsOf } from './trouble.ts';

export type Correlation =
  /** The problem is the container's own, as far as is known. */
  | { readonly kind: 'own' }
  /** It belongs to the incident `live.cause.root`. */
  | { readonly kind: 'member' }
  /** A host outside the engine does not answer. */
  | { readonly kind: 'external'; readonly host: string }
  /** It looks like a failing dependency, but no dependency is known to have a problem. */
  | { readonly kind: 'unknown'; readonly named?: string }
  /** A dependency was stopped or replaced, and is back. */
  | { readonly kind: 'passed'; readonly dependency: string };

export interface CorrelatorDeps {
  readonly graph: DependencyGraph;
  readonly incidents: Pick<OpenIncidents, 'open'>;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly control: Pick<ContainerControl, 'inspect'>;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  /** Opens an incident for a dependency that is away without a signal of its own. `what` continues its name. */
  openAbsence(dependency: ContainerRef, what: string): LiveIncident;
  onAttached(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): void;
}

export interface Correlator {
  /** To be called once the evidence of an incident is complete, before anybody is asked about it. */
  correlate(live: LiveIncident, context: DiagnosisContext): Promise<Correlation>;
  /** Attaches open incidents that turn out to suffer from this one. */
  adoptVictims(root: LiveIncident): void;
  membersOf(root: LiveIncident): readonly LiveIncident[];
}

/** A dependency's problem explains errors up to this long after it was last seen. */
const BEFORE_MS = 2 * 60_000;
/** Victims often speak first: an incident joins a cause that is seen at most this long after it was opened. */
export const AFTER_MS = 60_000;
/** The events of a dependency's end may arrive after the errors that it leads to. */
const INCIDENT_WAIT_MS = 3_000;
const POLL_MS = 100;
/** Others that cannot reach the same external host are awaited this long before it is asked about. */
const EXTERNAL_WAIT_MS = 2_000;
/** A dependency that somebody stops or replaces for less than this is not reported. */
export const ABSENCE_GRACE_MS = 30_000;
const ABSENCE_POLL_MS = 1_000;

interface Suspect {
  readonly container: ContainerRef;
  readonly incident?: LiveIncident;
  readonly trouble?: EngineTrouble;
}

export function createCorrelator(deps: CorrelatorDeps): Correlator {
  const { graph, incidents, lifecycle, control, clock, stopping } = deps;
  /** The incident that represents an external host. */
  const externals = new Map<string, LiveIncident>();

  const inspect = (container: ContainerRef): Promise<ContainerFacts | undefined | 'unanswered'> =>
    control.inspect(container.id, AbortSignal.timeout(2_000)).catch(() => 'unanswered' as const);

  const openIncidentsOf = (container: ContainerRef): readonly LiveIncident[] =>
    incidents.open().filter((live) => live.recoveredAt === undefined && isOf(live, container));

  /** An open incident of the container that can be a cause: about its state, with a cause of its own, or with a known one. */
  const causingIncident = (
    container: ContainerRef,
    victim: LiveIncident,
    stateIsBad: boolean,
  ): LiveIncident | undefined => {
    const candidates = openIncidentsOf(container).filter((live) => rootOf(live) !== victim);
    return candidates.find((live) => {
      const { detectors, lastSeenAt } = live.incident;
      const isRecent = lastSeenAt >= victim.incident.openedAt - BEFORE_MS;
      if (!isRecent && !stateIsBad) return false;
      if (live.cause !== undefined) return true;
      const aboutState = detectors.some((detector) => DETECTOR_INFO[detector].overOnlyIfRunning);
      return aboutState || ownCauseIn(live.evidence.map(({ record }) => record?.text ?? '')) !== undefined;
    });
  };

  const suspectOf = async (container: ContainerRef, victim: LiveIncident): Promise<Suspect | undefined> => {
    const facts = await inspect(container);
    const trouble =
      facts === 'unanswered'
        ? undefined
        : engineTrouble(facts, lifecycle.of(container.id), graph.networksOf(container.id), clock.now());
    const incident = causingIncident(container, victim, trouble !== undefined);
    return incident === undefined && trouble === undefined ? undefined : { container, incident, trouble };
  };

  /** Follows the graph from a container to the last dependency with a problem of its own. */
  const sinkOf = async (start: ContainerRef, victim: LiveIncident): Promise<Suspect | undefined> => {
    let sink = await suspectOf(start, victim);
    // A container that merely relays has no problem of its own; a container with one may have it from further down.
    const isOwnProblem = sink?.trouble !== undefined && !sink.trouble.deliberate;
    if (isOwnProblem && sink?.incident?.cause === undefined) return sink;
    for (const further of graph.reachableFrom(start.id)) {
      if (isOf(victim, further)) continue;
      const suspect = await suspectOf(further, victim);
      if (suspect?.trouble !== undefined || suspect?.incident !== undefined) {
        sink ??= suspect;
        break;
      }
    }
    return sink;
  };

  const attach = (live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): boolean => {
    if (live.cause !== undefined || rootOf(root) === live) return false;
    live.cause = { root, evidence };
    const top = rootOf(root);
    live.incident = { ...live.incident, cause: { kind: 'incident', incidentId: top.incident.id, evidence } };
    deps.onAttached(live, top, evidence);
    return true;
  };

  const join = async (live: LiveIncident, suspect: Suspect, evidence: EdgeEvidence): Promise<Correlation> => {
    const { container, trouble } = suspect;
    let incident = suspect.incident;
    const deadline = clock.monotonic() + INCIDENT_WAIT_MS;
    while (incident === undefined && clock.monotonic() < deadline && !stopping.aborted) {
      await clock.sleep(POLL_MS, stopping);
      incident = causingIncident(container, live, true);
    }
    if (incident === undefined) {
      const what = trouble === undefined ? undefined : await absence(container, live, trouble);
      if (what === undefined) return { kind: 'passed', dependency: container.name };
      incident = causingIncident(container, live, true) ?? deps.openAbsence(container, what);
    }
    if (live.cause !== undefined) return { kind: 'member' };
    return attach(live, incident, evidence) ? { kind: 'member' } : { kind: 'own' };
  };

  /** Waits whether the dependency comes back. Returns what it still is; undefined once it is back. */
  const absence = async (
    container: ContainerRef,
    victim: LiveIncident,
    first: EngineTrouble,
  ): Promise<string | undefined> => {
    let { what } = first;
    const deadline = clock.monotonic() + ABSENCE_GRACE_MS;
    while (clock.monotonic() < deadline && !stopping.aborted) {
      await clock.sleep(ABSENCE_POLL_MS, stopping);
      // Recreated under another id: the name now means the new container.
      const current = graph.current(container) ?? container;
      const suspect = await suspectOf(current, victim);
      if (suspect === undefined) return undefined;
      if (suspect.incident !== undefined) return suspect.trouble?.what ?? what;
      what = suspect.trouble?.what ?? what;
    }
    return what;
  };

  const correlateExternal = async (live: LiveIncident, key: string, host: string): Promise<Correlation> => {
    const known = externals.get(key);
    const isOpen = known !== undefined && known.recoveredAt === undefined && incidents.open().includes(known);
    if (isOpen && known !== live && known.incident.lastSeenAt >= live.incident.openedAt - BEFORE_MS) {
      if (isOf(known, live.incident.container)) return { kind: 'external', host };
      return attach(live, known, 'observed') ? { kind: 'member' } : { kind: 'own' };
    }
    externals.set(key, live);
    for (const [old, { recoveredAt }] of externals) if (recoveredAt !== undefined) externals.delete(old);
    await clock.sleep(EXTERNAL_WAIT_MS, stopping);
    return { kind: 'external', host };
  };

  /** The victim repeats the cause that a dependency states in its own log. */
  const relayedCause = (live: LiveIncident, texts: readonly string[]): LiveIncident | undefined => {
    const stated = ownCauseIn(texts);
    if (stated === undefined) return undefined;
    return graph
      .reachableFrom(live.incident.container.id)
      .flatMap(openIncidentsOf)
      .find(
        (other) =>
          rootOf(other) !== live &&
          other.incident.lastSeenAt >= live.incident.openedAt - BEFORE_MS &&
          ownCauseIn(other.evidence.map(({ record }) => record?.text ?? '')) === stated,
      );
  };

  return {
    async correlate(live, context) {
      if (live.cause !== undefined) return { kind: 'member' };
      if (live.known !== undefined) return { kind: 'own' };
      const { container, openedAt } = live.incident;
      const texts = textsOf(live, context.logLines, context.facts);
      const relayed = relayedCause(live, texts);
      if (relayed !== undefined) {
        const evidence = graph.evidenceOfPath(container.id, relayed.incident.container.id) ?? 'observed';
        if (attach(live, relayed, evidence)) return { kind: 'member' };
      }
      const failures = texts.filter(isDependencyFailure);
      if (failures.length === 0) return { kind: 'own' };

      const hosts = failures.flatMap(hostsIn);
      const named = [...new Set(hosts.flatMap((host) => graph.resolve(container, host, openedAt) ?? []))];
      live.suspects = new Set(named.map(({ id }) => id));
      const isLogged = live.evidence.some(({ record }) => record !== undefined);
      live.suffers = isLogged || named.length > 0;
      const starts = named.length > 0 ? named : graph.reachableFrom(container.id);
      for (const start of starts) {
        if (isOf(live, start)) continue;
        const sink = named.length > 0 ? await sinkOf(start, live) : await suspectOf(start, live);
        if (live.cause !== undefined) return { kind: 'member' };
        if (sink === undefined) continue;
        const evidence = graph.evidenceOfPath(container.id, sink.container.id) ?? 'observed';
        const correlation = await join(live, sink, evidence);
        if (correlation.kind !== 'own') return correlation;
      }

      const external = hosts.find(
        (host) => canBeExternal(host) && graph.resolve(container, host, openedAt) === undefined,
      );
      if (external !== undefined) {
        const host = external.port === undefined ? external.host : `${external.host}:${external.port}`;
        return correlateExternal(live, host, host);
      }
      if (named.length > 0 && failures.some(isNameResolutionFailure)) {
        return correlateExternal(live, NAME_RESOLUTION, NAME_RESOLUTION);
      }
      const isUnclear = live.suffers && starts.length > 0 && ownCauseIn(texts) === undefined;
      if (!isUnclear) live.suffers = false;
      return isUnclear ? { kind: 'unknown', named: named[0]?.name } : { kind: 'own' };
    },

    adoptVictims(root) {
      const { container } = root.incident;
      for (const live of incidents.open()) {
        const { suffers, suspects, cause, recoveredAt } = live;
        if (live === root || !suffers || cause !== undefined || recoveredAt !== undefined) continue;
        if (isOf(live, container) || root.incident.openedAt - live.incident.openedAt > AFTER_MS) continue;
        if (live.incident.lastSeenAt < root.incident.openedAt - BEFORE_MS) continue;
        const path = graph.evidenceOfPath(live.incident.container.id, container.id);
        const isSuspect =
          suspects !== undefined && suspects.size > 0
            ? suspects.has(container.id) || path !== undefined
            : path !== undefined;
        if (isSuspect) attach(live, root, path ?? 'observed');
      }
    },

    membersOf: (root) => incidents.open().filter((live) => live !== root && rootOf(live) === root),
  };
}

/** Shown as the host if containers that are well cannot be resolved. */
const NAME_RESOLUTION = 'name resolution (DNS)';

/** One entry per container, the most affected first. */
export function toMembers(members: readonly LiveIncident[]): readonly IncidentMember[] {
  const byContainer = new Map<string, IncidentMember>();
  for (const { incident } of members) {
    const { name: container } = incident.container;
    const occurrences = (byContainer.get(container)?.occurrences ?? 0) + incident.occurrences;
    byContainer.set(container, { container, occurrences });
  }
  return [...byContainer.values()].sort((a, b) => b.occurrences - a.occurrences);
}
