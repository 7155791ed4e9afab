import type { Aftermath, ContainerRef, EngineEvent, ListedContainer, LogLine, Signal, Suppression } from '../domain.ts';
import { createContainerDetectors } from './detect/container-detectors.ts';
import type { Trouble } from './detect/trouble.ts';
import { DETECTOR_INFO } from './detectors.ts';
import { createGrouper } from './group/grouper.ts';
import { createAftermaths } from './incident/aftermath.ts';
import { createCountWriter } from './incident/count-writer.ts';
import { createLeftToEngine } from './incident/left-to-engine.ts';
import { createIncidents, type LiveIncident } from './incident/open-incidents.ts';
import { createWalk, type WalkDeps } from './incident/workflow.ts';
import { createLifecycle, type KnownFacts } from './lifecycle/lifecycle.ts';
import { withJobIdentity } from './lifecycle/one-off.ts';
import type { ReviewStore } from './ports.ts';

export interface PipelineDeps extends Omit<WalkDeps, 'incidents' | 'lifecycle' | 'onDecided' | 'handover' | 'giveUp'> {
  readonly store: WalkDeps['store'] & ReviewStore;
  newId(): string;
  /** What is known of a container from inspect; undefined if it was not inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
}

/** The loop: what watch delivers goes in, incidents walk. */
export interface Pipeline {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  onEvent(event: EngineEvent): void;
  /** An earlier run was told of it. */
  onPastEvent(event: EngineEvent): void;
  /** After every reconciliation, with all watched containers. */
  onListed(containers: readonly ListedContainer[]): void;
  onGone(container: ContainerRef): void;
  /** Takes up what an earlier run left open. Call it before the first line comes in. */
  resume(): Promise<void>;
  openIncidents(): number;
  /** Ends intake, lets answers under way come in, hands the rest over to the next start. Idempotent. */
  stop(): Promise<void>;
}

/** A crash is to be noticed within a second. */
const INSPECT_PATIENCE_MS = 500;
/** For answers that are already paid for, and restarts that the engine is already making. */
const STOP_PATIENCE_MS = 5_000;

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { clock, observer, logger, store } = deps;
  const handover = new AbortController();
  const giveUp = new AbortController();
  const lifecycle = createLifecycle({
    clock,
    graceMs: (container) => deps.policyOf(container).values.grace * 1000,
    factsOf: deps.factsOf,
    inspect: (id) => deps.control.inspect(id, AbortSignal.timeout(INSPECT_PATIENCE_MS)).catch(() => undefined),
    onLateSignals(signals) {
      if (!handover.signal.aborted) for (const signal of signals) take(signal);
    },
  });
  const grouper = createGrouper();
  const incidents = createIncidents({ newId: deps.newId, now: clock.now });
  const walk = createWalk({
    ...deps,
    incidents,
    lifecycle,
    onDecided(incident, decision, facts) {
      aftermaths.decided(incident, decision, facts);
      leftToEngine.decided(incident, decision);
    },
    handover: handover.signal,
    giveUp: giveUp.signal,
  });

  const aftermaths = createAftermaths(lifecycle, (incidentId, aftermath) =>
    start(saveAftermath(incidentId, aftermath)),
  );

  const leftToEngine = createLeftToEngine(deps.control);
  /** The engine was left to restart the container of this incident: has it given up? */
  const followUp = async (live: LiveIncident): Promise<void> => {
    if (!(await leftToEngine.gaveUp(live.incident)) || live.phase !== 'settled') return;
    await walk.decideAgain(live, 'engine_gave_up');
  };

  const walking = new Set<Promise<void>>();
  const start = (work: Promise<void>): void => {
    walking.add(work);
    void work.finally(() => walking.delete(work));
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
      start(walk.handle(folded.live));
      return;
    }
    observer.suppressed(repeatAs);
    if (folded.live.phase === 'settled') {
      if (folded.newlyLooping) start(walk.decideAgain(folded.live, 'crash_loop'));
      else if (DETECTOR_INFO[signal.detector].processEnded) start(followUp(folded.live));
    }
    counts.wake();
  };

  const identify = (container: ContainerRef): ContainerRef => withJobIdentity(container, deps.factsOf(container.id));

  const takeTrouble = (seen: ContainerRef, trouble: Trouble): void => {
    const container = identify(seen);
    const grouped = grouper.assign(container, trouble, clock.monotonic());
    const storm = grouped.kind === 'overflow';
    if (grouped.kind === 'habit') {
      observer.signal('log', container.name);
      observer.suppressed('habit');
      return;
    }
    const signal: Signal = {
      container,
      detector: storm ? 'storm' : 'log',
      at: trouble.record.time,
      fingerprint: grouped.fingerprint,
      summary: storm
        ? `log storm: new kinds of errors faster than they can be told apart, e.g. ${trouble.summary}`
        : trouble.summary,
      patterns: storm ? [...trouble.patterns, 'log storm'] : trouble.patterns,
      record: trouble.record,
    };
    take(signal, storm ? 'overflow' : 'repeat');
  };

  const detectors = createContainerDetectors({
    emit: takeTrouble,
    clock,
    logger,
    stopped: handover.signal,
    patternsOf: (container) => deps.policyOf(container).values,
  });
  const counts = createCountWriter(store, incidents.takeDirty, clock, logger);

  return {
    onLines(container, lines) {
      if (handover.signal.aborted) return;
      observer.linesRead(
        lines.length,
        lines.reduce((bytes, line) => bytes + Buffer.byteLength(line.text), 0),
      );
      detectors.push(container, lines);
    },

    onEvent(event) {
      observer.eventSeen(event.time);
      if (handover.signal.aborted) return;
      // The last words of a container come before the news of its death.
      if (event.action.kind === 'die') detectors.complete(event.containerId);
      const signals = lifecycle.observe(event);
      aftermaths.observe(event);
      for (const signal of signals) take(signal);
    },

    onPastEvent: lifecycle.recall,

    onListed(containers) {
      observer.heartbeat(clock.now());
      if (handover.signal.aborted) return;
      for (const signal of lifecycle.observeListed(containers, clock.now())) take(signal);
      for (const signal of lifecycle.due(containers, clock.now())) open(signal);
      for (const live of incidents.open()) {
        if (live.phase === 'settled' && leftToEngine.isListedDown(live.incident, containers)) start(followUp(live));
      }
      for (const ended of incidents.expire(clock.now(), containers)) start(end(ended));
    },

    onGone(container) {
      detectors.forget(container.id);
      lifecycle.forget(container.id);
    },

    async resume() {
      const cases = await store.openCases().catch((error: unknown) => {
        logger.error('open incidents could not be read, they are not taken up', { error: String(error) });
        return [];
      });
      for (const left of cases) {
        const live = incidents.adopt(
          left.incident,
          left.settledAt === undefined ? 'handling' : 'settled',
          left.diagnosis?.severity,
        );
        if (left.settledAt === undefined) start(walk.resume(live, left));
        else if (left.decision) aftermaths.decided(left.incident, left.decision);
      }
    },

    openIncidents: () => incidents.open().length,

    async stop() {
      if (handover.signal.aborted) return;
      detectors.completeAll();
      lifecycle.settle();
      handover.abort();
      await Promise.race([Promise.allSettled([...walking]), clock.sleep(STOP_PATIENCE_MS)]);
      giveUp.abort();
      await Promise.race([Promise.allSettled([...walking]), clock.sleep(500)]);
      await counts.flush();
    },
  };

  async function saveAftermath(incidentId: string, aftermath: Aftermath): Promise<void> {
    await store.saveAftermath(incidentId, aftermath, clock.now()).catch((error: unknown) => {
      logger.error('what became of an incident could not be written down', { error: String(error) });
    });
  }

  async function end(live: LiveIncident): Promise<void> {
    aftermaths.ended(live.incident);
    leftToEngine.ended(live.incident);
    await store.resolveIncident(live.incident.id, clock.now()).catch((error: unknown) => {
      logger.error('the end of an incident could not be written down', { error: String(error) });
    });
  }
}
