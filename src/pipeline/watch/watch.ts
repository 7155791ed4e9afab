/**
 * Follows every watched container: its log lines and its engine events.
 *
 * The agent subscribes to events first and then lists the containers, so that nothing is missed in between. The listing
 * is repeated regularly, because a stream can stall and an event can be missed.
 */
import type { ContainerRef, EngineEvent, LabelOrigin, ListedContainer } from '../../domain/containers.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl, ContainerSource } from '../ports/engine.ts';
import type { CursorStore } from '../ports/store.ts';
import { reasonOf, toReconnectCause } from './backoff.ts';
import { clockOffset, stepBackBetween } from './clock-steps.ts';
import {
  type ContainerListHandlers,
  createContainerList,
  FIRST_LOOK_BACK_MS,
  type SkippedLog,
} from './container-list.ts';
import { createEventFeed, type EventFeed } from './event-feed.ts';
import { createLogPositions } from './log-positions.ts';
import { createMissingContainers } from './missing-containers.ts';
import { createWatchFilter, parseTargets } from './targets.ts';

export interface Listing {
  /** All containers that exist. */
  readonly existing: readonly ListedContainer[];
  readonly watched: readonly ListedContainer[];
  /** Those of `watched` without an event since the listing was requested. For the others, it may be outdated. */
  readonly current: readonly ListedContainer[];
}

interface WatchHandlers extends ContainerListHandlers {
  /** For watched containers only. */
  onEvent(event: EngineEvent): void;
  /** An event of any container that an earlier run handled. It gives context for new events. */
  onPastEvent(event: EngineEvent): void;
  /** Called after every listing. */
  onListed(listing: Listing): void;
  /** They ran until the engine was lost and are still down a minute after it is back; all in one call. */
  onMissing(containers: readonly ContainerRef[]): void;
}

export interface WatchOptions {
  readonly engine: ContainerSource & Pick<ContainerControl, 'tailLogs'>;
  readonly cursors: CursorStore;
  /** The value of `TARGET_CONTAINERS`. */
  readonly targets: string;
  /** The agent's own container. */
  readonly ownId?: string;
  /** Checked at every listing; containers for which it is false are not watched. Default: all are. */
  isEnabled?(container: ContainerRef): boolean;
  /** Which labels of a container come from its image. Default: unknowable. */
  originOf?(containerId: string): LabelOrigin;
  readonly reconcileEveryMs: number;
  /** The most lines that are read of what each log held before the start, the newest. Default 100,000. */
  readonly maxBacklogLines?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlers: WatchHandlers;
  /** Resolves when the incidents of all lines and events delivered so far are saved. Default: at once. */
  incidentsSaved?(): Promise<void>;
}

interface WatchStatus {
  /** The event stream is open (or is being reopened for the first time), and the last listing succeeded. */
  readonly connected: boolean;
  readonly watched: readonly ContainerRef[];
  /** Targets that match no container. */
  readonly missingTargets: readonly string[];
  /** Logs with lines that were skipped within the last hour: they had too many after an absence. */
  readonly skippedLogs: readonly SkippedLog[];
  readonly lastEventAt?: number;
  readonly lastReconcileAt?: number;
  /** Since the last successful listing, or since the start. */
  readonly sinceReconcileMs: number;
}

export interface Watch {
  /** Resolves after the first listing or the first failed attempt; attempts go on after that. Never rejects. */
  start(): Promise<void>;
  /**
   * Resolves when the positions after all lines delivered so far are saved, or could not be. Lines after the last saved
   * position are delivered again to the next run.
   */
  saved(): Promise<void>;
  /** Closes all streams and saves their positions. Idempotent. */
  stop(): Promise<void>;
  /** See `WatchStatus.connected`. */
  isConnected(): boolean;
  status(): WatchStatus;
}

/** Events held until the first listing. Engines themselves remember a few hundred. */
const MAX_HELD_EVENTS = 4_096;
/** How far back past events are requested: as long as a requested stop or a deployment explains later events. */
const PAST_MS = 10 * 60_000;
/** A log is read at about this many lines a second: one log after an absence costs a second. */
const MAX_BACKLOG_LINES = 100_000;
/** How far the engine's clock may be ahead of the agent's. */
const CLOCK_SKEW_MS = 60_000;

export function createWatch(options: WatchOptions): Watch {
  const { engine, clock, logger, handlers, reconcileEveryMs } = options;
  const targets = parseTargets(options.targets);
  const isTarget = createWatchFilter(targets, options.ownId, options.originOf);
  const positions = createLogPositions({
    store: options.cursors,
    clock,
    logger,
    incidentsSaved: options.incidentsSaved ?? (async () => {}),
    connectedAt: () => lastReconcileAt,
  });
  const missing = createMissingContainers(clock);
  const startedAt = clock.now();
  const startOffset = clockOffset(clock);
  const containers = createContainerList({
    engine,
    positions,
    targets,
    isWanted: (container) => isTarget(container) && (options.isEnabled?.(container) ?? true),
    from: firstLineFrom,
    maxBacklogLines: options.maxBacklogLines ?? MAX_BACKLOG_LINES,
    clock,
    logger,
    handlers,
    guarded,
  });
  const stopping = new AbortController();
  const firstAttempt = Promise.withResolvers<void>();

  let feed: EventFeed | undefined;
  /** Events that arrived before the first listing; undefined after it. */
  let heldEvents: EngineEvent[] | undefined = [];
  /** Epoch ms up to which an earlier run handled events. */
  let handledUntil = Number.NEGATIVE_INFINITY;
  /** The event stream is open. */
  let following = false;
  /** The event stream is open, or was lost and no attempt to reopen it has failed yet. */
  let reachable = false;
  let listed = false;
  let connected = false;
  let lastEventAt: number | undefined;
  let lastReconcileAt: number | undefined;
  let reconciledAt = clock.monotonic();
  let reconciling: Promise<void> | undefined;
  let reconcileAgain = false;
  let loops: Promise<unknown> | undefined;
  let stopped: Promise<void> | undefined;

  /** A bug in a handler must not end the watch. */
  function guarded(name: string, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      logger.error(`${name} failed`, { error });
    }
  }

  function updateConnection(error?: unknown): void {
    const next = reachable && listed;
    if (next === connected) return;
    connected = next;
    if (next) {
      logger.info('connected to the Docker engine');
      containers.wake();
    } else {
      logger.warn('lost the Docker engine; reconnecting', { error });
      missing.engineLost();
    }
  }

  function handleEvent(event: EngineEvent): void {
    if (stopping.signal.aborted) return;
    // After a step back of the clock, new events may have times up to `handledUntil`.
    if (event.time <= handledUntil && stepBackBetween(startOffset, clockOffset(clock)) === 0) {
      guarded('onPastEvent', () => handlers.onPastEvent(event));
      return;
    }
    positions.setEventsUntil(event.time);
    lastEventAt = clock.now();
    const watchedEvent = containers.applyEvent(event);
    if (watchedEvent !== undefined) {
      missing.observe(watchedEvent);
      guarded('onEvent', () => handlers.onEvent(watchedEvent));
    }
  }

  const feedSince = (since: number): EventFeed =>
    createEventFeed({
      engine,
      clock,
      since,
      onEvent(event) {
        if (heldEvents === undefined) return handleEvent(event);
        heldEvents.push(event);
        if (heldEvents.length > MAX_HELD_EVENTS) heldEvents.shift();
      },
      onConnected() {
        following = true;
        reachable = true;
        containers.unreported.clear();
        updateConnection();
        void reconcile();
      },
      onReplayed: missing.eventReplayed,
      onLost(end) {
        following = false;
        if (end !== 'stalled') missing.streamLost();
        guarded('onReconnect', () => handlers.onReconnect(toReconnectCause(end)));
      },
      onUnreachable(error) {
        reachable = false;
        firstAttempt.resolve();
        if (lastReconcileAt === undefined) logger.warn('the Docker engine cannot be reached; retrying', { error });
        updateConnection(error);
      },
    });

  async function reconcileOnce(): Promise<void> {
    const eventsBefore = containers.events;
    const unreportedBefore = [...containers.unreported];
    let existing: readonly ListedContainer[];
    try {
      existing = await engine.list(stopping.signal);
    } catch (error) {
      if (stopping.signal.aborted) return;
      listed = false;
      logger.debug('containers cannot be listed', { cause: reasonOf(error), error });
      updateConnection(error);
      firstAttempt.resolve();
      return;
    }
    if (stopping.signal.aborted) return;
    containers.applyListing(existing, eventsBefore);
    // Containers may have been removed while the agent was not running.
    if (lastReconcileAt === undefined) {
      positions.forget(positions.containerIds().filter((id) => !containers.exists(id)));
    }
    lastReconcileAt = clock.now();
    reconciledAt = clock.monotonic();
    const held = heldEvents ?? [];
    heldEvents = undefined;
    for (const event of held) handleEvent(event);
    containers.check();
    const watched = existing.filter(({ ref }) => containers.isWatched(ref.id));
    const isOutdated = (id: string) => containers.hasEventSince(id, eventsBefore);
    const current = watched.filter(({ ref }) => !isOutdated(ref.id));
    guarded('onListed', () => handlers.onListed({ existing, watched, current }));
    listed = true;
    updateConnection();
    firstAttempt.resolve();
    // Only while events arrive: they may explain why a container is down.
    const stillDown = following ? missing.listed(watched, isOutdated) : [];
    if (stillDown.length > 0) guarded('onMissing', () => handlers.onMissing(stillDown));
    // No event reported these changes since the listing before: the event stream has stalled.
    if (unreportedBefore.some((id) => containers.unreported.has(id))) {
      containers.unreported.clear();
      feed?.reopen();
    }
  }

  /** Runs one reconciliation at a time. A call during one runs another after it. */
  async function reconcile(): Promise<void> {
    reconcileAgain = true;
    reconciling ??= (async () => {
      while (reconcileAgain && !stopping.signal.aborted) {
        reconcileAgain = false;
        await reconcileOnce().catch((error) => logger.error('a reconciliation failed', { error }));
      }
      reconciling = undefined;
    })();
    await reconciling;
  }

  async function reconcileRepeatedly(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(reconcileEveryMs, signal);
      // Not awaited: an engine that hangs must not delay the stop.
      if (!signal.aborted) void reconcile();
    }
  }

  /** Epoch ms from which logs without a saved position are read. */
  function firstLineFrom(): number {
    const lastRun = positions.lastRunUntil();
    // A time in the future means that the clock has stepped back since.
    return lastRun === undefined || lastRun > startedAt ? startedAt - FIRST_LOOK_BACK_MS : lastRun;
  }

  /** Epoch ms from which events are requested. */
  function firstEventFrom(): number {
    const handled = positions.eventsUntil();
    // A time in the future means that the clock has stepped back since.
    if (handled === undefined || handled > startedAt + CLOCK_SKEW_MS) return startedAt - FIRST_LOOK_BACK_MS;
    handledUntil = handled;
    return handled - PAST_MS;
  }

  return {
    async start() {
      if (loops !== undefined) return firstAttempt.promise;
      const { signal } = stopping;
      await positions.load();
      feed = feedSince(firstEventFrom());
      loops = Promise.all([feed.run(signal), reconcileRepeatedly(signal), positions.run(signal)]);
      await firstAttempt.promise;
    },

    saved: positions.saved,

    stop() {
      stopped ??= (async () => {
        firstAttempt.resolve();
        stopping.abort();
        await containers.close();
        await loops;
      })();
      return stopped;
    },

    isConnected: () => connected,

    status: () => ({
      connected,
      watched: containers.watched(),
      missingTargets: containers.missingTargets(),
      skippedLogs: containers.skippedLogs(),
      lastEventAt,
      lastReconcileAt,
      sinceReconcileMs: clock.monotonic() - reconciledAt,
    }),
  };
}
