/**
 * Finds the incident that causes another one. Evidence decides, never timing alone: the victim's error says that a
 * dependency fails, the dependency graph connects the two, and the dependency has a problem of its own.
 */
import { type ContainerFacts, type ContainerRef, type EdgeEvidence, serviceKey } from '../../domain/containers.ts';
import type { LogRecord } from '../../domain/incident.ts';
import type { LiveIncident, Suffering } from '../incident/open-incidents.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import { absenceAssessment } from './absence.ts';
import { type AwaitReturn, createAwaitReturn } from './await-return.ts';
import { type CommonCause, createCommonCauses } from './common-causes.ts';
import type { Elsewhere } from './elsewhere.ts';
import { isAboutState, isOf, link, recordsOf, rootOf, statedCauseOf, sufferingOf } from './members.ts';
import type { Outage } from './outage.ts';
import { repeats } from './repeated-text.ts';
import { BEFORE_MS, createSuspects, type Suspect, type SuspectsDeps } from './suspects.ts';
import { readSymptoms, type Symptoms, textsOf } from './symptoms.ts';

export type Correlation =
  /** The problem is the container's own, as far as is known. */
  | { readonly kind: 'own' }
  /** It belongs to the incident `live.cause.root`. */
  | { readonly kind: 'member' }
  /** A host outside the engine does not answer; or a dependency seems to fail, but none is known to have a problem. */
  | CommonCause
  /** A dependency was briefly unavailable. It is back, and the container has recovered. */
  | { readonly kind: 'passed'; readonly dependency: string };

interface CorrelatorDeps extends SuspectsDeps {
  readonly incidents: SuspectsDeps['incidents'] & { open(): readonly LiveIncident[] };
  readonly elsewhere: Elsewhere;
  readonly stopping: AbortSignal;
  /** Resolves when the containers that existed at the start have been inspected. */
  readonly graphReady: Promise<void>;
  /** Opens an incident for a dependency that is unavailable without a signal. `what` follows its name in a sentence. */
  openAbsence(dependency: ContainerRef, what: string): LiveIncident;
  onAttached(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): void;
}

export interface Correlator {
  /**
   * Call it once the evidence of the incident is complete, before the diagnosis. Waits while a dependency is briefly
   * unavailable. Also attaches open incidents that this one explains.
   */
  correlate(live: LiveIncident, context: DiagnosisContext): Promise<Correlation>;
  /**
   * Looks again for the cause of a settled incident that repeats: a dependency that had no problem before may have one
   * now. Never rejects.
   */
  recheck(live: LiveIncident, latest: LogRecord, at: number): Promise<void>;
  /** The incidents that belong to this one. */
  membersOf(root: LiveIncident): readonly LiveIncident[];
  /** An incident that an earlier run of the agent opened. */
  restore(live: LiveIncident): void;
}

/** Victims often fail before their cause is detected: the longest time from their first error to its incident. */
export const AFTER_MS = 2 * 60_000;
/** The event that reports the end of a dependency may arrive after the errors that the end causes. */
const INCIDENT_WAIT_MS = 3_000;
/** How long to wait for other incidents with the same cause before the diagnosis. */
const OTHERS_WAIT_MS = 2_000;
/** Errors of two containers that begin within this time may be caused by a dependency that both have. */
const ALIKE_WITHIN_MS = 10_000;
const GRAPH_WAIT_MS = 5_000;
const POLL_MS = 100;

const OWN = { kind: 'own' } as const;
const MEMBER = { kind: 'member' } as const;

export function createCorrelator(deps: CorrelatorDeps): Correlator {
  const { graph, incidents, elsewhere, clock, stopping } = deps;
  const suspects = createSuspects(deps);
  const awaitReturn: AwaitReturn = createAwaitReturn({ ...deps, suspects });
  const commonCauses = createCommonCauses(incidents.open);

  const hasDependencies = (id: string): boolean => graph.dependenciesOf(id).length > 0;

  const attach = (live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): boolean => {
    if (!link(live, root, evidence)) return false;
    deps.onAttached(live, rootOf(root), evidence);
    return true;
  };

  const direct = ({ incident }: LiveIncident): readonly ContainerRef[] =>
    graph.dependenciesOf(incident.container.id).flatMap(({ to }) => graph.current(to));

  /** The container that the error names, if it has a problem; otherwise the nearest of its dependencies that has one. */
  const firstSuspectFrom = async (start: ContainerRef, victim: LiveIncident): Promise<Suspect | undefined> =>
    (await suspects.first([start], victim, true)) ?? suspects.first(graph.reachableFrom(start.id), victim, false);

  const findSuspect = async (live: LiveIncident, { named, external }: Symptoms): Promise<Suspect | undefined> => {
    for (const start of named) {
      const suspect = await firstSuspectFrom(start, live);
      if (suspect !== undefined) return suspect;
    }
    // The error names another host, so the container's other dependencies do not explain it.
    if (named.length > 0 || external !== undefined) return undefined;
    return suspects.first(graph.reachableFrom(live.incident.container.id), live, false);
  };

  const evidenceOf = ({ incident }: LiveIncident, { id }: ContainerRef): EdgeEvidence =>
    graph.evidenceOfPath(incident.container.id, id) ?? 'observed';

  const awaitIncident = async (
    container: ContainerRef,
    { silent }: Outage,
    live: LiveIncident,
  ): Promise<LiveIncident | undefined> => {
    const deadline = clock.monotonic() + (silent ? 0 : INCIDENT_WAIT_MS);
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
    const { container } = suspect;
    const attachTo = (root: LiveIncident) => (attach(live, root, evidenceOf(live, container)) ? MEMBER : OWN);
    if (suspect.incident !== undefined) return attachTo(suspect.incident);
    const awaited = await awaitIncident(container, suspect.outage, live);
    if (awaited !== undefined) return attachTo(awaited);
    const end = await awaitReturn.ofDependency(container, suspect.outage, live);
    if (live.cause !== undefined) return MEMBER;
    if (end.kind === 'back') return awaitReturn.ofVictim(live, container, end.at, facts);
    return attachTo(end.kind === 'incident' ? end.incident : deps.openAbsence(container, end.what));
  };

  /** The incident of a dependency whose own log states the cause that the victim repeats, or the same message. */
  const findRelayed = (
    live: LiveIncident,
    texts: readonly string[],
    stated: string | undefined,
  ): LiveIncident | undefined => {
    const reachable = new Set(graph.reachableFrom(live.incident.container.id).map(serviceKey));
    return incidents
      .open()
      .find(
        (other) =>
          reachable.has(serviceKey(other.incident.container)) &&
          other.incident.lastSeenAt >= live.incident.openedAt - BEFORE_MS &&
          ((stated !== undefined && statedCauseOf(other) === stated) || printsTheSame(live, texts, other)),
      );
  };

  /** A container that has ended has more than an error of its server. */
  const printsTheSame = (live: LiveIncident, texts: readonly string[], other: LiveIncident): boolean =>
    !isAboutState(live) &&
    Math.abs(other.burstAt - live.burstAt) <= ALIKE_WITHIN_MS &&
    repeats(texts, recordsOf(other));

  const shareCause = async (live: LiveIncident, cause: CommonCause): Promise<Correlation> => {
    live.incident = { ...live.incident, cause };
    if (attach(live, commonCauses.firstWith(cause, live), 'observed')) return MEMBER;
    await clock.sleep(OTHERS_WAIT_MS, stopping);
    return cause;
  };

  /**
   * The correlation if no dependency has a problem: one may have returned moments ago, or the cause is outside the engine
   * or not known.
   */
  const withoutSuspect = async (
    live: LiveIncident,
    symptoms: Symptoms,
    facts?: ContainerFacts,
  ): Promise<Correlation> => {
    const { named, external, nameServerFails } = symptoms;
    const mayBeBack = named.length > 0 || external !== undefined ? named : direct(live);
    for (const container of mayBeBack) {
      const at = await suspects.returnedAt(container);
      if (at !== undefined) return awaitReturn.ofVictim(live, container, at, facts);
    }
    const host = nameServerFails ?? external;
    if (host !== undefined) return shareCause(live, { kind: 'external', host });
    const name = named[0]?.name ?? symptoms.unresolved;
    // A container that has ended stays down even if its dependencies work again.
    if (facts?.status !== 'running') return OWN;
    if (name !== undefined) return shareCause(live, { kind: 'unknown', named: name });
    const common = await findCommonDependency(live);
    if (common !== undefined) return shareCause(live, { kind: 'unknown', named: common.name });
    const { id } = live.incident.container;
    const isUnknown =
      (symptoms.failure === 'unreachable' && graph.hasNeighbours(id)) ||
      (symptoms.failure === 'interrupted' && hasDependencies(id));
    return isUnknown ? { kind: 'unknown' } : OWN;
  };

  /** A direct dependency that this container shares with others whose errors began at the same time. */
  const findCommonDependency = async (live: LiveIncident): Promise<ContainerRef | undefined> => {
    const own = graph.dependenciesOf(live.incident.container.id);
    if (own.length === 0) return undefined;
    await clock.sleep(OTHERS_WAIT_MS, stopping);
    const others = incidents.open().filter((other) => isAlike(other, live));
    const needs = others.flatMap(({ incident, suffers }) =>
      suffers?.named.size ? [...suffers.named] : graph.dependenciesOf(incident.container.id).map(({ to }) => to.id),
    );
    const count = ({ id }: ContainerRef) => needs.filter((need) => need === id).length;
    const common = own.map(({ to }) => to).filter((dependency) => count(dependency) > 0);
    return common.sort((a, b) => count(b) - count(a))[0];
  };

  const isAlike = (other: LiveIncident, live: LiveIncident): boolean => {
    const suffering = sufferingOf(other);
    return (
      suffering !== undefined &&
      suffering.stated === undefined &&
      !isOf(other, live.incident.container) &&
      Math.abs(other.burstAt - live.burstAt) <= ALIKE_WITHIN_MS
    );
  };

  /** Undefined if no incident of another container can explain these symptoms, now or later. */
  const sufferingFrom = (
    { failure, stated, named, unresolved, external, nameServerFails }: Symptoms,
    { id }: ContainerRef,
  ): Suffering | undefined => {
    // Only a container with dependencies can relay the cause of another one.
    if (failure === undefined) {
      return stated !== undefined && hasDependencies(id) ? { named: new Set(), stated } : undefined;
    }
    const namesContainer = named.length > 0 || unresolved !== undefined;
    const mayBeExplained = external === undefined && (namesContainer || hasDependencies(id));
    // The name server may be a container whose incident opens later.
    if (!mayBeExplained && nameServerFails === undefined) return undefined;
    return { named: new Set(named.map((container) => container.id)) };
  };

  const find = async (live: LiveIncident, context: DiagnosisContext): Promise<Correlation> => {
    if (live.cause !== undefined) return MEMBER;
    if (absenceAssessment(live.incident) !== undefined) return OWN;
    await Promise.race([deps.graphReady, clock.sleep(GRAPH_WAIT_MS, stopping)]);
    const { container } = live.incident;
    const texts = textsOf(live, context);
    const at = live.evidence[0]?.at ?? live.incident.lastSeenAt;
    const symptoms = readSymptoms({ texts, at, container, facts: context.facts }, graph);
    const relayed = findRelayed(live, texts, symptoms.stated);
    if (relayed !== undefined && attach(live, relayed, evidenceOf(live, relayed.incident.container))) return MEMBER;
    live.suffers = sufferingFrom(symptoms, container);
    if (symptoms.failure === undefined) return OWN;
    for (const named of symptoms.named) graph.observe(container, named, clock.now());
    const there = await elsewhere.find(live, symptoms.hosts);
    // An error that names no container of this engine, but a service of another host, is about that one.
    if (symptoms.named.length === 0 && (await elsewhere.join(live, there))) return MEMBER;
    const suspect = await findSuspect(live, symptoms);
    if (live.cause !== undefined) return MEMBER;
    if (suspect !== undefined) return join(live, suspect, context.facts);
    if (await elsewhere.join(live, there, INCIDENT_WAIT_MS)) return MEMBER;
    return live.isReleased ? OWN : withoutSuspect(live, symptoms, context.facts);
  };

  const recheck = async (live: LiveIncident, { text }: LogRecord, at: number): Promise<void> => {
    const { container } = live.incident;
    const symptoms = readSymptoms({ texts: [text], at, container, facts: undefined }, graph);
    if (symptoms.failure === undefined) return;
    const suspect = await findSuspect(live, symptoms);
    if (suspect !== undefined) await join(live, suspect, undefined);
    else await elsewhere.join(live, await elsewhere.find(live, symptoms.hosts));
  };

  const adoptVictims = (root: LiveIncident): void => {
    const { container, openedAt } = root.incident;
    for (const live of incidents.open()) {
      const suffering = sufferingOf(live);
      if (suffering === undefined || isOf(live, container)) continue;
      if (openedAt - live.burstAt > AFTER_MS || live.incident.lastSeenAt < openedAt - BEFORE_MS) continue;
      if (isExplained(live, suffering, root)) attach(live, root, evidenceOf(live, container));
    }
  };

  /** Whether the problem of `root` explains the errors of `live`. */
  const isExplained = (live: LiveIncident, { named, stated }: Suffering, root: LiveIncident): boolean => {
    const { id } = root.incident.container;
    const needsIt = graph.evidenceOfPath(live.incident.container.id, id) !== undefined;
    if (stated !== undefined) return needsIt && statedCauseOf(root) === stated;
    const isCause = isAboutState(root) || root.incident.cause !== undefined || statedCauseOf(root) !== undefined;
    if (!isCause) return false;
    if (named.size === 0) return needsIt;
    return named.has(id) || [...named].some((other) => graph.evidenceOfPath(other, id) !== undefined);
  };

  return {
    async correlate(live, context) {
      const correlation = await find(live, context);
      if (!stopping.aborted) adoptVictims(live);
      // Another incident may have taken it in while this one waited.
      return live.cause === undefined ? correlation : MEMBER;
    },

    recheck,

    membersOf: (root) => incidents.open().filter((live) => live !== root && rootOf(live) === root),

    restore: (live) => void commonCauses.firstWith(live.incident.cause, live),
  };
}
