/**
 * Finds the incident that another one suffers from. Evidence decides, never timing alone: the error of the victim says
 * that a dependency fails, the dependency graph connects the two, and the dependency has a problem of its own.
 */
import { type ContainerFacts, type ContainerRef, type EdgeEvidence, type Signal, serviceKey } from '../../domain.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { DiagnosisContext } from '../ports.ts';
import { absenceAssessment } from './absence.ts';
import { type AwaitReturn, createAwaitReturn } from './await-return.ts';
import { type CommonCause, createMeetingPoints } from './meeting-points.ts';
import { isAboutState, isOf, link, rootOf, statedCauseOf } from './members.ts';
import { BEFORE_MS, createSuspects, type Suspect, type SuspectsDeps } from './suspects.ts';
import { readSymptoms, type Symptoms, textsOf } from './symptoms.ts';

export type Correlation =
  /** The problem is the container's own, as far as is known. */
  | { readonly kind: 'own' }
  /** It belongs to the incident `live.cause.root`. */
  | { readonly kind: 'member' }
  /** A host outside the engine does not answer; or a dependency seems to fail, but none is known to have a problem. */
  | CommonCause
  /** A dependency was stopped or replaced; it is back, and the container is well. */
  | { readonly kind: 'passed'; readonly dependency: string };

export interface CorrelatorDeps extends SuspectsDeps {
  readonly incidents: SuspectsDeps['incidents'] & { open(): readonly LiveIncident[] };
  readonly stopping: AbortSignal;
  /** Resolves when the containers that existed at the start have been inspected. */
  readonly graphReady: Promise<void>;
  /** Opens an incident for a dependency that is away without a signal. `what` continues its name. */
  openAbsence(dependency: ContainerRef, what: string): LiveIncident;
  onAttached(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): void;
}

export interface Correlator {
  /**
   * To be called once the evidence of an incident is complete, before anybody is asked about it. Waits while a
   * dependency is away for a moment. Also attaches open incidents that turn out to suffer from this one.
   */
  correlate(live: LiveIncident, context: DiagnosisContext): Promise<Correlation>;
  /**
   * The same for an incident that was settled and repeats: a dependency that seemed well may not be so by now. Never
   * rejects.
   */
  lookAgain(live: LiveIncident, latest: Signal): Promise<void>;
  /** The incidents that belong to this one. */
  membersOf(root: LiveIncident): readonly LiveIncident[];
  /** An incident that an earlier run of the agent opened. */
  restore(live: LiveIncident): void;
}

/** Victims often speak first: an incident joins a cause that is seen at most this long after it was opened. */
export const AFTER_MS = 2 * 60_000;
/** The events of a dependency's end may arrive after the errors that it leads to. */
const INCIDENT_WAIT_MS = 3_000;
/** Others that name the same host are awaited this long before it is asked about. */
const OTHERS_WAIT_MS = 2_000;
/** Errors of two containers that name nobody, and that one dependency may explain. */
const ALIKE_WITHIN_MS = 10_000;
const GRAPH_WAIT_MS = 5_000;
const POLL_MS = 100;

const OWN = { kind: 'own' } as const;
const MEMBER = { kind: 'member' } as const;

export function createCorrelator(deps: CorrelatorDeps): Correlator {
  const { graph, incidents, clock, stopping } = deps;
  const suspects = createSuspects(deps);
  const awaitReturn: AwaitReturn = createAwaitReturn({ ...deps, suspects });
  const meetingPoints = createMeetingPoints((live) => live.resolvedAt === undefined && incidents.open().includes(live));

  const attach = (live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): boolean => {
    if (!link(live, root, evidence)) return false;
    deps.onAttached(live, rootOf(root), evidence);
    return true;
  };

  /** Own dependencies first, so that the problem furthest down the path is found from the one that has it. */
  const sinkFrom = async (start: ContainerRef, victim: LiveIncident): Promise<Suspect | undefined> =>
    (await suspects.first([start], victim, true)) ?? suspects.first(graph.reachableFrom(start.id), victim, false);

  const findSuspect = async (live: LiveIncident, { named, external }: Symptoms): Promise<Suspect | undefined> => {
    for (const start of named) {
      if (isOf(live, start)) continue;
      const suspect = await sinkFrom(start, live);
      if (suspect !== undefined) return suspect;
    }
    // An error that names another host does not speak of these.
    if (named.length > 0 || external !== undefined) return undefined;
    return suspects.first(graph.reachableFrom(live.incident.container.id), live, false);
  };

  const awaitIncident = async (
    { container, trouble }: Suspect,
    live: LiveIncident,
  ): Promise<LiveIncident | undefined> => {
    const deadline = clock.monotonic() + (trouble?.silent ? 0 : INCIDENT_WAIT_MS);
    for (;;) {
      const incident = suspects.incidentOf(container, live, true);
      if (incident !== undefined || clock.monotonic() >= deadline || stopping.aborted) return incident;
      await clock.sleep(POLL_MS, stopping);
    }
  };

  const join = async (
    live: LiveIncident,
    suspect: Suspect,
    facts: ContainerFacts | undefined,
  ): Promise<Correlation> => {
    const { container, trouble } = suspect;
    let root = suspect.incident ?? (await awaitIncident(suspect, live));
    if (root === undefined && trouble !== undefined) {
      const end = await awaitReturn.ofDependency(container, trouble, live);
      if (live.cause !== undefined) return MEMBER;
      if (end.kind === 'back') return awaitReturn.ofVictim(live, container, end.at, facts);
      root = end.kind === 'incident' ? end.incident : deps.openAbsence(container, end.what);
    }
    if (live.cause !== undefined) return MEMBER;
    const evidence = graph.evidenceOfPath(live.incident.container.id, container.id) ?? 'observed';
    return root !== undefined && attach(live, root, evidence) ? MEMBER : OWN;
  };

  /** The victim repeats the cause that a dependency states in its own log. */
  const findRelayed = (live: LiveIncident, stated: string): LiveIncident | undefined => {
    const reachable = new Set(graph.reachableFrom(live.incident.container.id).map(serviceKey));
    return incidents
      .open()
      .find(
        (other) =>
          reachable.has(serviceKey(other.incident.container)) &&
          rootOf(other) !== live &&
          other.incident.lastSeenAt >= live.incident.openedAt - BEFORE_MS &&
          statedCauseOf(other) === stated,
      );
  };

  const meetOthers = async (live: LiveIncident, cause: CommonCause): Promise<Correlation> => {
    const first = meetingPoints.meet(cause, live);
    if (first !== live && rootOf(first) !== live) {
      live.incident = { ...live.incident, cause };
      return attach(live, first, 'observed') ? MEMBER : cause;
    }
    live.incident = { ...live.incident, cause };
    await clock.sleep(OTHERS_WAIT_MS, stopping);
    return live.cause === undefined ? cause : MEMBER;
  };

  const whoIsWell = async (live: LiveIncident, symptoms: Symptoms, facts?: ContainerFacts): Promise<Correlation> => {
    const { named, external, nameServerFails } = symptoms;
    for (const container of named) {
      const at = await suspects.returnedAt(container);
      if (at !== undefined) return awaitReturn.ofVictim(live, container, at, facts);
    }
    if (nameServerFails) return meetOthers(live, { kind: 'external', host: nameServerFails });
    if (external !== undefined) {
      live.suffers = undefined;
      return meetOthers(live, { kind: 'external', host: external });
    }
    const name = named[0]?.name ?? symptoms.unresolved;
    const { id } = live.incident.container;
    const hasDependencies = graph.dependenciesOf(id).length > 0;
    if (name === undefined && !hasDependencies) live.suffers = undefined;
    // A container that ended is down whatever its dependencies do by now.
    if (facts?.status !== 'running') return OWN;
    if (name !== undefined) return meetOthers(live, { kind: 'unknown', named: name });
    const common = await findCommonDependency(live);
    if (common !== undefined) return meetOthers(live, { kind: 'unknown', named: common.name });
    const isUnknown =
      (symptoms.failure === 'unreachable' && graph.hasNeighbours(id)) ||
      (symptoms.failure === 'interrupted' && hasDependencies);
    return isUnknown ? { kind: 'unknown' } : OWN;
  };

  /** A direct dependency of this container that another one, whose errors began at the same time, names or needs, too. */
  const findCommonDependency = async (live: LiveIncident): Promise<ContainerRef | undefined> => {
    const own = graph.dependenciesOf(live.incident.container.id);
    if (own.length === 0) return undefined;
    await clock.sleep(OTHERS_WAIT_MS, stopping);
    const others = incidents.open().filter((other) => isAlike(other, live));
    const needs = others.flatMap(({ incident, suffers }) =>
      suffers !== undefined && suffers.named.size > 0
        ? [...suffers.named]
        : graph.dependenciesOf(incident.container.id).map(({ to }) => to.id),
    );
    const count = (id: string) => needs.filter((need) => need === id).length;
    const [first] = own.map(({ to }) => to).sort((a, b) => count(b.id) - count(a.id));
    return first !== undefined && count(first.id) > 0 ? first : undefined;
  };

  const isAlike = (other: LiveIncident, live: LiveIncident): boolean =>
    !isOf(other, live.incident.container) &&
    other.suffers !== undefined &&
    other.suffers.stated === undefined &&
    Math.abs(other.burstAt - live.burstAt) <= ALIKE_WITHIN_MS;

  const find = async (live: LiveIncident, context: DiagnosisContext): Promise<Correlation> => {
    if (live.cause !== undefined) return MEMBER;
    if (absenceAssessment(live.incident) !== undefined) return OWN;
    await Promise.race([deps.graphReady, clock.sleep(GRAPH_WAIT_MS, stopping)]);
    const { container } = live.incident;
    const texts = textsOf(live, context);
    const at = live.evidence[0]?.at ?? live.incident.lastSeenAt;
    const symptoms = readSymptoms({ texts, at, container, facts: context.facts }, graph);
    if (symptoms.stated !== undefined) {
      const relayed = findRelayed(live, symptoms.stated);
      const evidence = relayed && graph.evidenceOfPath(container.id, relayed.incident.container.id);
      if (relayed !== undefined && attach(live, relayed, evidence ?? 'observed')) return MEMBER;
    }
    if (symptoms.failure === undefined) {
      // Only a container with dependencies can relay the cause of another one.
      const canRelay = symptoms.stated !== undefined && graph.dependenciesOf(container.id).length > 0;
      if (canRelay) live.suffers = { named: new Set(), stated: symptoms.stated };
      return OWN;
    }
    for (const named of symptoms.named) graph.observe(container, named, clock.now());
    if (!live.isReleased) live.suffers = { named: new Set(symptoms.named.map(({ id }) => id)) };
    const suspect = await findSuspect(live, symptoms);
    if (live.cause !== undefined) return MEMBER;
    if (suspect !== undefined) return join(live, suspect, context.facts);
    return live.isReleased ? OWN : whoIsWell(live, symptoms, context.facts);
  };

  const lookAgain = async (live: LiveIncident, { record, at }: Signal): Promise<void> => {
    const { container } = live.incident;
    const symptoms = readSymptoms({ texts: [record?.text ?? ''], at, container, facts: undefined }, graph);
    if (symptoms.failure === undefined) return;
    const suspect = await findSuspect(live, symptoms);
    if (suspect !== undefined && live.cause === undefined) await join(live, suspect, undefined);
  };

  const adoptVictims = (root: LiveIncident): void => {
    const { container, openedAt } = root.incident;
    for (const live of incidents.open()) {
      const { suffers, incident } = live;
      if (live === root || suffers === undefined || live.cause !== undefined || isOf(live, container)) continue;
      if (openedAt - live.burstAt > AFTER_MS || incident.lastSeenAt < openedAt - BEFORE_MS) continue;
      const evidence = graph.evidenceOfPath(incident.container.id, container.id);
      if (isExplained(live, root, evidence)) attach(live, root, evidence ?? 'observed');
    }
  };

  /** Whether the problem of `root` explains the errors of `live`. `path`: evidence of a path between the two. */
  const isExplained = ({ suffers }: LiveIncident, root: LiveIncident, path: EdgeEvidence | undefined): boolean => {
    if (suffers === undefined) return false;
    const { named, stated } = suffers;
    const { id } = root.incident.container;
    if (stated !== undefined) return path !== undefined && statedCauseOf(root) === stated;
    const isCause = isAboutState(root) || root.incident.cause !== undefined || statedCauseOf(root) !== undefined;
    if (!isCause) return false;
    if (named.size === 0) return path !== undefined;
    return named.has(id) || [...named].some((other) => graph.evidenceOfPath(other, id) !== undefined);
  };

  return {
    async correlate(live, context) {
      const correlation = await find(live, context);
      if (!stopping.aborted) adoptVictims(live);
      return correlation;
    },

    lookAgain,

    membersOf: (root) => incidents.open().filter((live) => live !== root && rootOf(live) === root),

    restore(live) {
      const { cause } = live.incident;
      if (cause !== undefined && cause.kind !== 'incident') meetingPoints.meet(cause, live);
    },
  };
}
