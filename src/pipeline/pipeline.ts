import type { Aftermath, ContainerRef, EngineEvent, ListedContainer, LogLine, Signal, Suppression } from '../domain.ts';
import { createCountWriter } from './count-writer.ts';
import { createContainerDetectors } from './detect/container-detectors.ts';
import { createEventDetector } from './detect/engine-events.ts';
import type { LogError } from './detect/log-error.ts';
import { createGrouper } from './group/grouper.ts';
import { createIncidents, type LiveIncident } from './incidents.ts';
import { createAftermaths } from './policy/aftermath.ts';
import { createDeployments } from './policy/deployments.ts';
import { createGracePeriods } from './policy/grace.ts';
import type { ReviewStore } from './ports.ts';
import { createRestartWindows } from './restart-windows.ts';
import { createWalk, type WalkDeps } from './walk.ts';

export interface PipelineDeps
  extends Omit<
    WalkDeps,
    'incidents' | 'expectRestart' | 'stopRequestedAt' | 'deployedAt' | 'onDecided' | 'handover' | 'giveUp'
  > {
  readonly store: WalkDeps['store'] & ReviewStore;
  newId(): string;
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

/** For answers that are already paid for, and restarts that the engine is already making. */
const STOP_PATIENCE_MS = 5_000;

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { clock, observer, logger, store } = deps;
  const handover = new AbortController();
  const giveUp = new AbortController();
  const events = createEventDetector();
  const grouper = createGrouper();
  const incidents = createIncidents({ newId: deps.newId, now: clock.now });
  const restarts = createRestartWindows(clock);
  const deployments = createDeployments();
  const grace = createGracePeriods((signal) => deps.policyOf(signal.container).values.grace * 1000);
  const walk = createWalk({
    ...deps,
    incidents,
    expectRestart: restarts.expect,
    stopRequestedAt: events.stopRequestedAt,
    deployedAt: deployments.deployedAt,
    onDecided: (incident, decision, facts) => aftermaths.decided(incident, decision, facts),
    handover: handover.signal,
    giveUp: giveUp.signal,
  });

  const aftermaths = createAftermaths((incidentId, aftermath) => start(saveAftermath(incidentId, aftermath)));

  const walking = new Set<Promise<void>>();
  const start = (work: Promise<void>): void => {
    walking.add(work);
    void work.finally(() => walking.delete(work));
  };

  /** `repeatAs`: how it is counted where it opens nothing. */
  const take = (signal: Signal, repeatAs: Suppression = 'repeat'): void => {
    observer.signal(signal.detector, signal.container.name);
    if (grace.covers(signal)) observer.suppressed('grace');
    else open(signal, repeatAs);
  };

  const open = (signal: Signal, repeatAs: Suppression = 'repeat'): void => {
    const folded = incidents.fold(signal);
    if (folded.kind === 'opened') {
      observer.incidentOpened({ detector: signal.detector, latencyMs: Math.max(0, clock.now() - signal.at) });
      start(walk.handle(folded.live));
      return;
    }
    observer.suppressed(repeatAs);
    if (folded.newlyLooping && folded.live.phase === 'settled') start(walk.tellLoop(folded.live));
    counts.wake();
  };

  const takeTrouble = (container: ContainerRef, trouble: LogError): void => {
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
    recorded: (container) => {
      observer.signal('log', container.name);
      observer.suppressed('grace');
    },
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
      if (event.action.kind === 'start') {
        grace.started(event.containerId, event.time);
        detectors.started(event.containerId, event.time);
      }
      deployments.observe(event);
      const signals = events.observe(event, restarts.ours(event.containerId));
      const asked = event.action.kind === 'kill' && events.stopRequestedAt(event.containerId) === event.time;
      aftermaths.observe(event, asked);
      for (const signal of signals) take(signal);
    },

    onPastEvent(event) {
      events.recall(event);
      deployments.observe(event);
    },

    onListed(containers) {
      observer.heartbeat(clock.now());
      if (handover.signal.aborted) return;
      for (const signal of events.observeListed(containers, clock.now())) take(signal);
      for (const signal of grace.due(containers, clock.now())) open(signal);
      for (const ended of incidents.expire(clock.now(), containers)) start(end(ended));
    },

    onGone(container) {
      detectors.forget(container.id);
      events.forget(container.id);
      grace.forget(container.id);
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
    await store.resolveIncident(live.incident.id, clock.now()).catch((error: unknown) => {
      logger.error('the end of an incident could not be written down', { error: String(error) });
    });
  }
}
