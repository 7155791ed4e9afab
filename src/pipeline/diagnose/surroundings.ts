/** Gathers what is known around a container that fails: who suffers from it, what it depends on, what happened before. */
import type { ContainerRef, EdgeEvidence } from '../../domain/containers.ts';
import { serviceKey } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import type { DependencyGraph } from '../correlate/graph.ts';
import { isOf } from '../correlate/members.ts';
import { processEnded } from '../detectors.ts';
import type { LiveIncident, OpenIncidents } from '../incident/open-incidents.ts';
import type { ContainerControl, ContainerStats, ResourceUse } from '../ports/engine.ts';
import type { AffectedContainer, DependencyState, DiagnosisContext, Surroundings } from '../ports/model.ts';
import type { ConfigurationHistory } from './changes.ts';
import type { Collector } from './collect.ts';
import type { Dependant, DependantsOf } from './dependants.ts';
import type { Timeline } from './timeline.ts';

export interface SurroundingsDeps {
  readonly graph: Pick<DependencyGraph, 'dependenciesOf'>;
  readonly dependantsOf: DependantsOf;
  readonly incidents: Pick<OpenIncidents, 'open'>;
  /** The incidents that belong to this one. */
  membersOf(root: LiveIncident): readonly LiveIncident[];
  readonly timeline: Pick<Timeline, 'of'>;
  readonly configurations: Pick<ConfigurationHistory, 'changesOf'>;
  /** Not traced: these calls are not steps of the incident's workflow. */
  readonly control: Pick<ContainerControl, 'inspect'> & ContainerStats;
  readonly redact: Collector['redact'];
  readonly clock: Clock;
  readonly stopping: AbortSignal;
}

export interface SurroundingsGatherer {
  /** To be called when an incident opens: asks the engine for what takes it longest. */
  prepare(live: LiveIncident): void;
  /** To be called when the incidents that belong to this one are known. Never rejects. */
  gather(live: LiveIncident, context: DiagnosisContext): Promise<Surroundings>;
}

/** The question goes without the parts that take longer. */
const PATIENCE_MS = 2_000;
/**
 * From when it is asked, which is when the incident opens: it settles in the meantime. Docker 20.10 usually answers in a
 * few ms, but takes 300 ms and more when eleven containers fail at once. How much memory is in use is not worth a delay:
 * with 400 ms here, the p95 of their questions was 737 ms after the log line, with 250 ms it is 546 ms.
 */
const STATS_PATIENCE_MS = 250;
/** Errors of dependants and the end of their dependency come together; who suffers is decided within a second. */
const MEMBERS_WAIT_MS = 1_500;
const POLL_MS = 50;
const MAX_DEPENDENCIES = 10;
const MAX_DEPENDANTS = 20;
const MAX_MEMBERS = 10;
const MAX_EDGES = 30;
/** Characters; redaction takes time for each, and the question shows only the head. */
const MAX_RECORD = 8_000;

export function createSurroundings(deps: SurroundingsDeps): SurroundingsGatherer {
  const { graph, control, clock } = deps;
  const asked = new WeakMap<LiveIncident, Promise<ResourceUse | undefined>>();

  const stateOf = async (to: ContainerRef, evidence: EdgeEvidence, signal: AbortSignal): Promise<DependencyState> => {
    const facts = await inTime(
      control.inspect(to.id, signal).then((found) => found ?? ('gone' as const)),
      signal,
    );
    if (facts === undefined || facts === 'gone') return { container: to.name, evidence, state: facts };
    const { status, health, startedAt, finishedAt, exitCode } = facts;
    return { container: to.name, evidence, state: { status, health, startedAt, finishedAt, exitCode } };
  };

  const askForStats = ({ incident }: LiveIncident): Promise<ResourceUse | undefined> => {
    const signal = AbortSignal.timeout(STATS_PATIENCE_MS);
    return inTime<ResourceUse | undefined>(control.stats(incident.container.id, signal), signal);
  };

  const resourceUse = (live: LiveIncident): Promise<ResourceUse | undefined> => {
    const answer = asked.get(live) ?? askForStats(live);
    // A later round needs later figures.
    asked.delete(live);
    return answer;
  };

  const affected = async (
    members: readonly LiveIncident[],
    context: DiagnosisContext,
    signal: AbortSignal,
  ): Promise<readonly AffectedContainer[]> => {
    const records = members.map(firstRecord);
    const containers = members.map(({ incident }) => incident.container);
    const redacted = members.length === 0 ? [] : await inTime(deps.redact(records, containers, context), signal);
    return members.map(({ incident }, i) => ({
      container: incident.container.name,
      occurrences: incident.occurrences,
      record: redacted?.[i],
    }));
  };

  /** Dependants have incidents that are being looked at: they may turn out to belong to this one. */
  const awaitMembers = async (live: LiveIncident, dependants: ReadonlySet<string>): Promise<void> => {
    const isUndecided = (other: LiveIncident): boolean =>
      other !== live &&
      other.cause === undefined &&
      other.phase !== 'settled' &&
      other.severity === undefined &&
      dependants.has(other.incident.container.id);
    const deadline = clock.monotonic() + MEMBERS_WAIT_MS;
    while (deps.incidents.open().some(isUndecided) && clock.monotonic() < deadline && !deps.stopping.aborted) {
      await clock.sleep(POLL_MS, deps.stopping);
    }
  };

  const gather = async (live: LiveIncident, context: DiagnosisContext): Promise<Surroundings> => {
    const { container } = live.incident;
    const dependants = deps.dependantsOf(container.id);
    if (dependants.length > 0) await awaitMembers(live, new Set(dependants.map((one) => one.container.id)));
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const direct = graph.dependenciesOf(container.id).slice(0, MAX_DEPENDENCIES);
    const members = byContainer(live, deps.membersOf(live)).slice(0, MAX_MEMBERS);
    const group = [container, ...members.map(({ incident }) => incident.container), ...direct.map(({ to }) => to)];
    // An engine that has just not answered is not asked again.
    const answers = context.facts !== undefined;
    const runs = context.facts?.status === 'running' || context.facts?.status === 'paused';
    const [affectedContainers, dependencies, resources] = await Promise.all([
      affected(members, context, signal),
      Promise.all(
        direct.map(({ to, evidence }) => (answers ? stateOf(to, evidence, signal) : { container: to.name, evidence })),
      ),
      runs ? resourceUse(live) : undefined,
    ]);
    return {
      members: affectedContainers,
      dependants: directDependants(dependants, members),
      dependencies,
      edges: edgesWithin(group, graph),
      timeline: deps.timeline.of(group, clock.now()),
      changes: deps.configurations.changesOf(container, clock.now()),
      resources,
    };
  };

  return {
    prepare(live) {
      if (!processEnded(live.incident.detectors)) asked.set(live, askForStats(live));
    },
    gather,
  };
}

/** Names of those that depend on the container itself and are not known to suffer. */
function directDependants(dependants: readonly Dependant[], members: readonly LiveIncident[]): readonly string[] {
  const suffering = new Set(members.map(({ incident }) => incident.container.id));
  return dependants
    .filter(({ container, distance }) => distance === 1 && !suffering.has(container.id))
    .slice(0, MAX_DEPENDANTS)
    .map(({ container }) => container.name);
}

/** Undefined if it fails, or is not done when `signal` aborts. */
function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const giveUp = () => resolve(undefined);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, giveUp).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Whole, because half a secret would not be recognised. */
function firstRecord({ evidence, incident }: LiveIncident): string {
  const first = evidence.find(({ record }) => record !== undefined) ?? evidence[0];
  const candidates = [first?.record?.text, first?.summary, incident.summary];
  return candidates.find((text) => text !== undefined && text.length <= MAX_RECORD) ?? '';
}

/** One incident per service besides the root's own: the first. The most affected come first. */
function byContainer(root: LiveIncident, members: readonly LiveIncident[]): readonly LiveIncident[] {
  const found = new Map<string, LiveIncident>();
  for (const live of members) {
    if (isOf(root, live.incident.container)) continue;
    const key = serviceKey(live.incident.container);
    const before = found.get(key);
    if (before === undefined || live.incident.openedAt < before.incident.openedAt) found.set(key, live);
  }
  return [...found.values()].sort((a, b) => b.incident.occurrences - a.incident.occurrences);
}

function edgesWithin(
  group: readonly ContainerRef[],
  graph: Pick<DependencyGraph, 'dependenciesOf'>,
): Surroundings['edges'] {
  const ids = new Set(group.map(({ id }) => id));
  return [...ids]
    .flatMap((id) => graph.dependenciesOf(id))
    .filter(({ to }) => ids.has(to.id))
    .slice(0, MAX_EDGES)
    .map(({ from, to, evidence }) => ({ from: from.name, to: to.name, evidence }));
}
