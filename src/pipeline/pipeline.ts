import type { ContainerFacts, ContainerRef, EngineEvent, LogLine } from '../domain/containers.ts';
import type { Aftermath } from '../domain/decision.ts';
import type { Signal, Suppression } from '../domain/incident.ts';
import { waitAtMost } from '../lib/time.ts';
import { type CorrelationDeps, createCorrelation } from './correlate/correlation.ts';
import type { Edge } from './correlate/graph.ts';
import { createContainerDetectors } from './detect/container-detectors.ts';
import type { LogError } from './detect/log-error.ts';
import { DETECTOR_INFO } from './detectors.ts';
import { createConfigurationHistory } from './diagnose/changes.ts';
import { createDependantsOf } from './diagnose/dependants.ts';
import { keepConfigurations } from './diagnose/kept-configurations.ts';
import { createSurroundings } from './diagnose/surroundings.ts';
import { createTimeline } from './diagnose/timeline.ts';
import { createGrouper, type ServiceHabit } from './group/grouper.ts';
import { logSignal } from './group/log-signal.ts';
import { createAftermaths } from './incident/aftermath.ts';
import { createCountWriter } from './incident/count-writer.ts';
import { createLeftToEngine } from './incident/left-to-engine.ts';
import { createOpenIncidents, type LiveIncident, type Wait } from './incident/open-incidents.ts';
import { createWorkflow, type WorkflowDeps } from './incident/workflow.ts';
import { createWriteOrder } from './incident/write-order.ts';
import { createLifecycle, type KnownFacts } from './lifecycle/lifecycle.ts';
import { withJobIdentity } from './lifecycle/one-off.ts';
import { createPeople, type People } from './people/people.ts';
import type { Snoozes } from './people/snoozes.ts';
import type { ContainerStats } from './ports/engine.ts';
import type { OnRequestChanged, PeopleActions, PeopleRecords } from './ports/people.ts';
import type { ConfigurationStore, DependencyStore, ReviewStore } from './ports/store.ts';
import type { Listing } from './watch/watch.ts';

export interface PipelineDeps
  extends Omit<
    WorkflowDeps,
    | keyof People['forWorkflow']
    | 'incidents'
    | 'lifecycle'
    | 'correlator'
    | 'surroundings'
    | 'onDecided'
    | 'onRecovered'
    | 'stopping'
    | 'stopNow'
  > {
  /** The end of an incident is stored. */
  resolved(incidentId: string): Promise<void>;
  readonly store: WorkflowDeps['store'] & ReviewStore & DependencyStore & ConfigurationStore & PeopleRecords;
  readonly untracedControl: WorkflowDeps['untracedControl'] & ContainerStats;
  /** Resolves when the log positions known now have been saved. */
  positionsSaved(): Promise<void>;
  /** What is known of a container from inspect; undefined if it has not been inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
  readonly onRequestChanged?: OnRequestChanged;
  readonly causesElsewhere?: CorrelationDeps['causesElsewhere'];
}

/** Lines and engine events in, handled incidents out. */
export interface Pipeline {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  onEvent(event: EngineEvent): void;
  /** An event that an earlier run of the agent has already handled. */
  onPastEvent(event: EngineEvent): void;
  onListed(listing: Listing): void;
  onGone(container: ContainerRef): void;
  /** After every inspect. */
  onInspected(containerId: string, facts: ContainerFacts): void;
  /** All listed containers have been inspected. */
  onInspectedAll(): void;
  /** When the container replaced another one of its service; undefined if it did not. */
  deployedAt(containerId: string): number | undefined;
  /** Errors that the service of a container logs regularly. */
  habitsOf(container: ContainerRef): readonly ServiceHabit[];
  /** The known dependencies between containers. */
  dependencies(): readonly Edge[];
  /** Resumes the incidents of an earlier run. To be called before the first line. */
  resume(): Promise<void>;
  /** See WriteOrder. */
  incidentsSaved(): Promise<void>;
  openIncidents(): number;
  /** What the handling of open incidents waits for, by id. */
  waits(): ReadonlyMap<string, Wait>;
  readonly people: PeopleActions;
  /** Restarts that wait for a person. */
  waitingRequests(): number;
  snoozes(): number;
  setSnoozesElsewhere: Snoozes['setOthers'];
  /** Ends the intake, waits a few seconds for running work, and leaves the rest to the next run. Idempotent. */
  stop(): Promise<void>;
}

/** A busy Podman answers late. Without its answer, a stop by a person may be reported as a crash, and undone. */
const INSPECT_PATIENCE_MS = 5_000;
/** How long `stop` waits for paid answers and restarts in progress. */
const STOP_PATIENCE_MS = 5_000;

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { clock, observer, logger } = deps;
  const order = createWriteOrder(deps.store, { ...deps, beforeResolved: (id) => requests.withdraw(id) });
  const { store } = order;
  const stopping = new AbortController();
  const stopNow = new AbortController();
  const lifecycle = createLifecycle({
    clock,
    graceMs: (container) => deps.policyOf(container).values.grace * 1000,
    factsOf: deps.factsOf,
    inspect: (id) => deps.control.inspect(id, AbortSignal.timeout(INSPECT_PATIENCE_MS)).catch(() => 'no_answer'),
    onLateSignals(signals) {
      if (!stopping.signal.aborted) for (const signal of signals) take(signal);
    },
  });
  const grouper = createGrouper();
  const incidents = createOpenIncidents({ newId: deps.newId, now: clock.now });
  const correlation = createCorrelation({
    ...deps,
    store,
    incidents,
    lifecycle,
    control: deps.untracedControl,
    stopping: stopping.signal,
    open: (signal, isReleased) => open(signal, { isReleased }),
    start: (work) => start(work),
  });
  const people = createPeople({
    ...deps,
    store,
    lifecycle,
    open: incidents.open,
    workflow: () => workflow,
    stopping: stopping.signal,
    start: (work) => start(work),
  });
  const { requests, snoozes } = people;
  const timeline = createTimeline();
  const configurations = createConfigurationHistory();
  const keptConfigurations = keepConfigurations(configurations, store, logger);
  const workflow = createWorkflow({
    ...deps,
    surroundings: createSurroundings({
      graph: correlation.graph,
      dependantsOf: createDependantsOf(correlation.graph, clock),
      incidents,
      membersOf: correlation.correlator.membersOf,
      timeline,
      configurations,
      control: deps.untracedControl,
      redact: (...texts) => deps.collector.redact(...texts),
      clock,
      stopping: stopping.signal,
    }),
    store,
    incidents,
    lifecycle,
    correlator: correlation.correlator,
    onRecovered: correlation.recovered,
    ...people.forWorkflow,
    onDecided(incident, decision, facts) {
      aftermaths.decided(incident, decision, facts);
      leftToEngine.decided(incident, decision);
    },
    stopping: stopping.signal,
    stopNow: stopNow.signal,
  });

  const aftermaths = createAftermaths(lifecycle, (id, aftermath) => start(saveAftermath(id, aftermath)));

  const leftToEngine = createLeftToEngine(deps.control);
  /** Decides again if the restart was left to the engine and the engine has given up. */
  const followUp = async (live: LiveIncident): Promise<void> => {
    if (!(await leftToEngine.gaveUp(live.incident)) || live.phase !== 'settled') return;
    await workflow.decideAgain(live, 'engine_gave_up');
  };

  const running = new Set<Promise<void>>();
  const start = (work: Promise<void>): void => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  /** `repeatAs`: how the signal is counted if it opens no incident. */
  const take = (seen: Signal, repeatAs: Suppression = 'repeat'): void => {
    const container = identify(seen.container);
    const signal = container === seen.container ? seen : { ...seen, container };
    observer.signal(signal.detector, signal.container.name);
    const suppression = lifecycle.suppresses(signal);
    if (suppression === undefined) return void open(signal, { repeatAs });
    observer.suppressed(suppression);
    if (suppression === 'repeat' && incidents.countRepeat(signal)) counts.wake();
  };

  const open = (
    signal: Signal,
    { repeatAs = 'repeat', isReleased }: { readonly repeatAs?: Suppression; readonly isReleased?: boolean } = {},
  ): LiveIncident => {
    const folded = incidents.fold(signal);
    const { live } = folded;
    if (folded.kind === 'opened') {
      live.isReleased = isReleased;
      observer.incidentOpened({ detector: signal.detector, latencyMs: Math.max(0, clock.now() - signal.at) });
      order.opened(live.incident.id);
      if (snoozes.holdsBack(live.incident)) observer.suppressed('snoozed');
      start(workflow.handle(live));
      return live;
    }
    counts.wake();
    if (correlation.repeated(live, signal)) return live;
    observer.suppressed(snoozes.holdsBack(live.incident) ? 'snoozed' : repeatAs);
    if (live.phase === 'settled') {
      if (folded.newlyLooping) start(workflow.decideAgain(live, 'crash_loop'));
      else if (DETECTOR_INFO[signal.detector].processEnded) start(followUp(live));
    }
    return live;
  };

  const identify = (container: ContainerRef): ContainerRef => withJobIdentity(container, deps.factsOf(container.id));

  const takeLogError = (seen: ContainerRef, error: LogError): void => {
    const container = identify(seen);
    const grouped = grouper.assign(container, error, clock.monotonic());
    if (grouped.kind === 'habit') {
      observer.signal('log', container.name);
      observer.suppressed('habit');
      return;
    }
    take(logSignal(container, error, grouped), grouped.kind === 'overflow' ? 'overflow' : 'repeat');
  };

  const detectors = createContainerDetectors({
    emit: takeLogError,
    recorded: (container) => {
      observer.signal('log', container.name);
      observer.suppressed('grace');
    },
    clock,
    logger,
    stopped: stopping.signal,
    patternsOf: (container) => deps.policyOf(container).values,
  });
  const counts = createCountWriter(store, incidents.takeDirty, clock, logger);

  return {
    onLines(container, lines) {
      if (stopping.signal.aborted) return;
      observer.linesRead(
        lines.length,
        lines.reduce((bytes, line) => bytes + Buffer.byteLength(line.text), 0),
      );
      detectors.push(container, lines);
    },

    onEvent(event) {
      observer.engineEvent(event.time);
      if (stopping.signal.aborted) return;
      // The container's last output precedes its death.
      if (event.action.kind === 'die') detectors.complete(event.containerId);
      if (event.action.kind === 'start') detectors.started(event.containerId, event.time);
      const signals = lifecycle.observe(event);
      aftermaths.observe(event);
      requests.observe(event);
      correlation.observe(event);
      timeline.observe(event);
      for (const signal of signals) take(signal);
    },

    onPastEvent(event) {
      lifecycle.recall(event);
      timeline.observe(event);
    },

    onListed({ existing, watched, current }) {
      observer.heartbeat(clock.now());
      if (stopping.signal.aborted) return;
      for (const signal of lifecycle.observeListed(current, clock.now())) take(signal);
      for (const signal of lifecycle.due(current, clock.now())) open(signal);
      for (const live of incidents.open()) {
        if (live.phase === 'settled' && leftToEngine.isListedDown(live.incident, current)) start(followUp(live));
      }
      correlation.listed(existing);
      start(keptConfigurations.save());
      for (const ended of incidents.expire(clock.now(), watched)) start(end(ended));
    },

    onGone(container) {
      detectors.forget(container.id);
      lifecycle.forget(container.id);
    },

    async resume() {
      await Promise.all([correlation.load(), keptConfigurations.load()]);
      const cases = await store.openCases().catch((error: unknown) => {
        logger.error('open incidents could not be read and are not resumed', { error: String(error) });
        return [];
      });
      const adopted = cases.map((left) => {
        const phase = left.settledAt === undefined ? 'handling' : 'settled';
        return { left, live: incidents.adopt(left.incident, phase, left.diagnosis?.severity) };
      });
      correlation.restore(adopted.map(({ live }) => live));
      await people.load(adopted);
      for (const { left, live } of adopted) {
        if (left.settledAt === undefined) start(workflow.resume(live, left));
        else if (left.decision) aftermaths.decided(left.incident, left.decision);
      }
      people.resume(adopted);
    },

    onInspected(containerId, facts) {
      correlation.inspected(containerId, facts);
      const container = correlation.containerOf(containerId);
      if (container !== undefined) configurations.inspected(container, facts, clock.now());
    },
    onInspectedAll: correlation.inspectedAll,
    deployedAt: (containerId) => lifecycle.of(containerId).deployedAt,
    habitsOf: (container) => grouper.habits(container, clock),
    dependencies: correlation.edges,

    openIncidents: () => incidents.open().length,
    waits: () => new Map(incidents.open().flatMap(({ incident: { id }, wait }) => (wait ? [[id, wait]] : []))),
    people: people.actions,
    waitingRequests: requests.waiting,
    snoozes: snoozes.count,
    setSnoozesElsewhere: snoozes.setOthers,
    incidentsSaved: order.incidentsSaved,

    async stop() {
      if (stopping.signal.aborted) return;
      detectors.completeAll();
      lifecycle.settle();
      stopping.abort();
      await waitAtMost(STOP_PATIENCE_MS, Promise.allSettled([...running]), clock);
      stopNow.abort();
      await waitAtMost(500, Promise.allSettled([...running]), clock);
      await Promise.all([counts.flush(), snoozes.flush()]);
    },
  };

  async function saveAftermath(incidentId: string, aftermath: Aftermath): Promise<void> {
    await store.saveAftermath(incidentId, aftermath, clock.now()).catch((error: unknown) => {
      logger.error('the aftermath of an incident could not be stored', { error: String(error) });
    });
  }

  async function end(live: LiveIncident): Promise<void> {
    aftermaths.ended(live.incident);
    leftToEngine.ended(live.incident);
    correlation.ended(live);
    await store.resolveIncident(live.incident.id, clock.now()).catch((error: unknown) => {
      logger.error('the end of an incident could not be stored', { error: String(error) });
    });
  }
}
