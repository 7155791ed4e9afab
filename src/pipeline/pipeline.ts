import type {
  Aftermath,
  ContainerFacts,
  ContainerRef,
  EngineEvent,
  ListedContainer,
  LogLine,
  Signal,
  Suppression,
} from '../domain.ts';
import { absenceAssessment, absenceSignal } from './correlate/absence.ts';
import { createCorrelator } from './correlate/correlate.ts';
import { createDependencies } from './correlate/dependencies.ts';
import type { Edge } from './correlate/graph.ts';
import { createContainerDetectors } from './detect/container-detectors.ts';
import type { LogError } from './detect/log-error.ts';
import { DETECTOR_INFO } from './detectors.ts';
import { createGrouper } from './group/grouper.ts';
import { createAftermaths } from './incident/aftermath.ts';
import { createCountWriter } from './incident/count-writer.ts';
import { createLeftToEngine } from './incident/left-to-engine.ts';
import { createOpenIncidents, type LiveIncident } from './incident/open-incidents.ts';
import { createWorkflow, type WorkflowDeps } from './incident/workflow.ts';
import { createWriteOrder } from './incident/write-order.ts';
import { createLifecycle, type KnownFacts } from './lifecycle/lifecycle.ts';
import { withJobIdentity } from './lifecycle/one-off.ts';
import type { DependencyStore, ReviewStore } from './ports.ts';

export interface PipelineDeps
  extends Omit<WorkflowDeps, 'incidents' | 'lifecycle' | 'correlator' | 'onDecided' | 'stopping' | 'stopNow'> {
  readonly store: WorkflowDeps['store'] & ReviewStore & DependencyStore;
  /** Resolves when the log positions known now have been saved. */
  positionsSaved(): Promise<void>;
  /** What is known of a container from inspect; undefined if it has not been inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
}

/** Lines and engine events in, handled incidents out. */
export interface Pipeline {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  onEvent(event: EngineEvent): void;
  /** An event that an earlier run of the agent has already handled. */
  onPastEvent(event: EngineEvent): void;
  /** After every reconciliation, with all watched containers. */
  onListed(containers: readonly ListedContainer[]): void;
  onGone(container: ContainerRef): void;
  /** After every inspect. */
  onInspected(containerId: string, facts: ContainerFacts): void;
  /** The known dependencies between containers. */
  dependencies(): readonly Edge[];
  /** Resumes the incidents of an earlier run. To be called before the first line. */
  resume(): Promise<void>;
  /** See WriteOrder. */
  incidentsSaved(): Promise<void>;
  openIncidents(): number;
  /** Ends the intake, waits a few seconds for running work, and leaves the rest to the next run. Idempotent. */
  stop(): Promise<void>;
}

/** A crash is to be noticed within a second. */
const INSPECT_PATIENCE_MS = 500;
/** For paid answers and restarts in progress. */
const STOP_PATIENCE_MS = 5_000;

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { clock, observer, logger } = deps;
  const order = createWriteOrder(deps.store, deps);
  const { store } = order;
  const stopping = new AbortController();
  const stopNow = new AbortController();
  const lifecycle = createLifecycle({
    clock,
    graceMs: (container) => deps.policyOf(container).values.grace * 1000,
    factsOf: deps.factsOf,
    inspect: (id) => deps.control.inspect(id, AbortSignal.timeout(INSPECT_PATIENCE_MS)).catch(() => undefined),
    onLateSignals(signals) {
      if (!stopping.signal.aborted) for (const signal of signals) take(signal);
    },
  });
  const grouper = createGrouper();
  const incidents = createOpenIncidents({ newId: deps.newId, now: clock.now });
  const dependencies = createDependencies(store, logger);
  const correlator = createCorrelator({
    graph: dependencies.graph,
    incidents,
    lifecycle,
    control: deps.untracedControl,
    clock,
    stopping: stopping.signal,
    openAbsence: (container, what) => openAbsence(container, what),
    onAttached({ incident }, _root, evidence) {
      for (let i = 0; i < incident.occurrences; i++) observer.correlated(evidence);
      observer.suppressed('dependency');
    },
  });
  const workflow = createWorkflow({
    ...deps,
    store,
    incidents,
    lifecycle,
    correlator,
    onDecided(incident, decision, facts) {
      aftermaths.decided(incident, decision, facts);
      leftToEngine.decided(incident, decision);
    },
    stopping: stopping.signal,
    stopNow: stopNow.signal,
  });

  const aftermaths = createAftermaths(lifecycle, (incidentId, aftermath) =>
    start(saveAftermath(incidentId, aftermath)),
  );

  const leftToEngine = createLeftToEngine(deps.control);
  /** The engine was left to restart the container of this incident: has it given up? */
  const followUp = async (live: LiveIncident): Promise<void> => {
    if (!(await leftToEngine.gaveUp(live.incident)) || live.phase !== 'settled') return;
    await workflow.decideAgain(live, 'engine_gave_up');
  };

  const running = new Set<Promise<void>>();
  const start = (work: Promise<void>): void => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  /** `repeatAs`: how it is counted where it opens nothing. */
  const take = (seen: Signal, repeatAs: Suppression = 'repeat'): void => {
    const container = identify(seen.container);
    const signal = container === seen.container ? seen : { ...seen, container };
    observer.signal(signal.detector, signal.container.name);
    const suppression = lifecycle.suppresses(signal);
    if (suppression === undefined) open(signal, repeatAs);
    else observer.suppressed(suppression);
  };

  const open = (signal: Signal, repeatAs: Suppression = 'repeat'): void => {
    const folded = incidents.fold(signal);
    if (folded.kind === 'opened') {
      observer.incidentOpened({ detector: signal.detector, latencyMs: Math.max(0, clock.now() - signal.at) });
      order.opened(folded.live.incident.id);
      start(workflow.handle(folded.live));
      return;
    }
    const { cause } = folded.live;
    if (cause !== undefined) {
      observer.correlated(cause.evidence);
      observer.suppressed('dependency');
      counts.wake();
      return;
    }
    observer.suppressed(repeatAs);
    if (folded.live.phase === 'settled') {
      if (folded.newlyLooping) start(workflow.decideAgain(folded.live, 'crash_loop'));
      else if (DETECTOR_INFO[signal.detector].processEnded) start(followUp(folded.live));
    }
    counts.wake();
  };

  /** No signal says that somebody stopped or paused a dependency; that others fail for it does. */
  const openAbsence = (container: ContainerRef, what: string): LiveIncident => {
    const signal = absenceSignal(container, what, clock.now());
    const folded = incidents.fold(signal);
    if (folded.kind === 'opened') {
      folded.live.known = absenceAssessment(container, what);
      observer.signal(signal.detector, container.name);
      observer.incidentOpened({ detector: signal.detector, latencyMs: 0 });
      order.opened(folded.live.incident.id);
      start(workflow.handle(folded.live));
    }
    return folded.live;
  };

  const identify = (container: ContainerRef): ContainerRef => withJobIdentity(container, deps.factsOf(container.id));

  const takeLogError = (seen: ContainerRef, error: LogError): void => {
    const container = identify(seen);
    const grouped = grouper.assign(container, error, clock.monotonic());
    const storm = grouped.kind === 'overflow';
    if (grouped.kind === 'habit') {
      observer.signal('log', container.name);
      observer.suppressed('habit');
      return;
    }
    const signal: Signal = {
      container,
      detector: storm ? 'storm' : 'log',
      at: error.record.time,
      fingerprint: grouped.fingerprint,
      summary: storm
        ? `log storm: more new kinds of errors than can be distinguished, such as ${error.summary}`
        : error.summary,
      patterns: storm ? [...error.patterns, 'log storm'] : error.patterns,
      record: error.record,
    };
    take(signal, storm ? 'overflow' : 'repeat');
  };

  const detectors = createContainerDetectors({
    emit: takeLogError,
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
      dependencies.seen(event.container);
      if (stopping.signal.aborted) return;
      // The container's last output precedes its death.
      if (event.action.kind === 'die') detectors.complete(event.containerId);
      const signals = lifecycle.observe(event);
      aftermaths.observe(event);
      for (const signal of signals) take(signal);
    },

    onPastEvent: lifecycle.recall,

    onListed(containers) {
      observer.heartbeat(clock.now());
      if (stopping.signal.aborted) return;
      for (const signal of lifecycle.observeListed(containers, clock.now())) take(signal);
      for (const signal of lifecycle.due(containers, clock.now())) open(signal);
      for (const live of incidents.open()) {
        if (live.phase === 'settled' && leftToEngine.isListedDown(live.incident, containers)) start(followUp(live));
      }
      dependencies.listed(containers);
      start(dependencies.save());
      for (const ended of incidents.expire(clock.now(), containers)) start(end(ended));
    },

    onGone(container) {
      detectors.forget(container.id);
      lifecycle.forget(container.id);
    },

    async resume() {
      await dependencies.load();
      const cases = await store.openCases().catch((error: unknown) => {
        logger.error('open incidents could not be read and are not resumed', { error: String(error) });
        return [];
      });
      for (const left of cases) {
        const live = incidents.adopt(
          left.incident,
          left.settledAt === undefined ? 'handling' : 'settled',
          left.diagnosis?.severity,
        );
        if (left.settledAt === undefined) start(workflow.resume(live, left));
        else if (left.decision) {
          aftermaths.decided(left.incident, left.decision);
          leftToEngine.decided(left.incident, left.decision);
        }
      }
    },

    onInspected: (containerId, facts) => dependencies.inspected(containerId, facts.topology),
    dependencies: () => dependencies.graph.edges(),

    openIncidents: () => incidents.open().length,
    incidentsSaved: order.incidentsSaved,

    async stop() {
      if (stopping.signal.aborted) return;
      detectors.completeAll();
      lifecycle.settle();
      stopping.abort();
      await Promise.race([Promise.allSettled([...running]), clock.sleep(STOP_PATIENCE_MS)]);
      stopNow.abort();
      await Promise.race([Promise.allSettled([...running]), clock.sleep(500)]);
      await counts.flush();
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
    start(workflow.releaseMembers(live));
    await store.resolveIncident(live.incident.id, clock.now()).catch((error: unknown) => {
      logger.error('the end of an incident could not be stored', { error: String(error) });
    });
  }
}
