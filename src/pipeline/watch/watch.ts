/**
 * Follows every watched container: its log lines and what the engine reports of it.
 *
 * Events are subscribed to first, then containers are listed, so that nothing falls in between; the
 * listing is repeated now and then, because a stream can hang and an event can be missed.
 */
import type { ContainerRef, EngineEvent, ListedContainer } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl, ContainerSource, CursorStore } from '../ports.ts';
import { createAbsentees } from './absentees.ts';
import { reasonOf } from './backoff.ts';
import { createCursorBook } from './cursor-book.ts';
import { createEventFeed, type EventFeed } from './event-feed.ts';
import { createRoster, FIRST_LOOK_BACK_MS, type RosterHandlers } from './roster.ts';
import { clockOffset, setBackBetween } from './set-back.ts';
import { createWatchFilter, parseTargets } from './targets.ts';

export interface WatchHandlers extends RosterHandlers {
  /** Of watched containers only. */
  onEvent(event: EngineEvent): void;
  /** Of any container: an earlier run was told of it. It is the past that what comes now may belong to. */
  onPastEvent(event: EngineEvent): void;
  /** After every listing: the watched containers, and all that exist. */
  onListed(watched: readonly ListedContainer[], existing: readonly ListedContainer[]): void;
  /** They ran until the engine was lost, and are down since: told a minute after it is back, all at once. */
  onNotBack(containers: readonly ContainerRef[]): void;
}

export interface WatchOptions {
  readonly engine: ContainerSource & Pick<ContainerControl, 'tailLogs'>;
  readonly cursors: CursorStore;
  /** As `TARGET_CONTAINERS`. */
  readonly targets: string;
  /** The container that we run in. */
  readonly ownId?: string;
  /** Asked at every listing; what it says no to is left alone. By default every container. */
  isEnabled?(container: ContainerRef): boolean;
  readonly reconcileEveryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlers: WatchHandlers;
  /** Resolves when what came of the lines and events delivered so far is written down; default: at once. */
  written?(): Promise<void>;
}

export interface WatchStatus {
  /** Events are followed or about to be again, and the last listing came. */
  readonly connected: boolean;
  readonly watched: readonly ContainerRef[];
  /** What `targets` names and no container matches. */
  readonly missingTargets: readonly string[];
  readonly lastEventAt?: number;
  readonly lastReconcileAt?: number;
  /** Since the last listing came, or since the start. */
  readonly sinceReconcileMs: number;
}

export interface Watch {
  /** Resolves after the first listing, or when the first try has failed: then it goes on trying. Never rejects. */
  start(): Promise<void>;
  /**
   * Resolves when it is saved (or cannot be) that all was read which has been delivered by now: up to then it would be
   * delivered again to the next run.
   */
  saved(): Promise<void>;
  /** Closes all streams and saves where they stood. Idempotent. */
  stop(): Promise<void>;
  /** As in `status`. */
  isConnected(): boolean;
  status(): WatchStatus;
}

/** Events that wait for a first listing; engines themselves remember no more than some hundred. */
const MOST_EARLY = 4_096;
/** As long as a stop may take that somebody asked for, and a deployment counts as one of just now. */
const PAST_MS = 10 * 60_000;
/** How far the engine's clock may be ahead of ours. */
const CLOCK_SKEW_MS = 60_000;

export function createWatch(options: WatchOptions): Watch {
  const { engine, clock, logger, handlers, reconcileEveryMs } = options;
  const targets = parseTargets(options.targets);
  const isTarget = createWatchFilter(targets, options.ownId);
  const book = createCursorBook({
    store: options.cursors,
    clock,
    logger,
    written: options.written ?? (async () => {}),
  });
  const absentees = createAbsentees(clock);
  const startedAt = clock.now();
  const startOffset = clockOffset(clock);
  const roster = createRoster({
    engine,
    book,
    targets,
    isWanted: (container) => isTarget(container) && (options.isEnabled?.(container) ?? true),
    from: startedAt - FIRST_LOOK_BACK_MS,
    clock,
    logger,
    handlers,
    guarded,
  });
  const stopping = new AbortController();
  const firstTry = Promise.withResolvers<void>();

  let feed: EventFeed | undefined;
  /** Events that came before the first listing. */
  let early: EngineEvent[] | undefined = [];
  /** By an earlier run; epoch ms. */
  let handledUntil = Number.NEGATIVE_INFINITY;
  /** The event stream is open. */
  let following = false;
  /** It is open, or was and has not been tried for again. */
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

  /** A fault of ours in handling must not end the watching. */
  function guarded(doing: string, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      logger.error(`${doing} failed`, { error });
    }
  }

  function updateConnection(error?: unknown): void {
    const next = reachable && listed;
    if (next === connected) return;
    connected = next;
    if (next) {
      logger.info('connected to the Docker engine');
      roster.wake();
    } else {
      logger.warn('lost the Docker engine; trying again', { error });
      absentees.engineLost();
    }
  }

  function handleEvent(event: EngineEvent): void {
    if (stopping.signal.aborted) return;
    // Where the clock was set back since, times come again.
    if (event.time <= handledUntil && setBackBetween(startOffset, clockOffset(clock)) === 0) {
      guarded('onPastEvent', () => handlers.onPastEvent(event));
      return;
    }
    book.setEventsUntil(event.time);
    lastEventAt = clock.now();
    const told = roster.takeEvent(event);
    if (told !== undefined) {
      absentees.observe(told);
      guarded('onEvent', () => handlers.onEvent(told));
    }
  }

  const feedSince = (since: number): EventFeed =>
    createEventFeed({
      engine,
      clock,
      since,
      onEvent(event) {
        if (early === undefined) return handleEvent(event);
        early.push(event);
        if (early.length > MOST_EARLY) early.shift();
      },
      onConnected() {
        following = true;
        reachable = true;
        roster.untold.clear();
        updateConnection();
        void reconcile();
      },
      onRemembered: absentees.remembered,
      onLost(cause) {
        following = false;
        if (cause !== 'stalled') absentees.streamLost();
        guarded('onReconnect', () => handlers.onReconnect(cause));
      },
      onUnreachable(error) {
        reachable = false;
        firstTry.resolve();
        if (lastReconcileAt === undefined) logger.warn('the Docker engine cannot be reached; trying again', { error });
        updateConnection(error);
      },
    });

  async function reconcileOnce(): Promise<void> {
    const eventsBefore = roster.events;
    const untoldBefore = [...roster.untold];
    let containers: readonly ListedContainer[];
    try {
      containers = await engine.list(stopping.signal);
    } catch (error) {
      if (stopping.signal.aborted) return;
      listed = false;
      logger.debug('containers cannot be listed', { cause: reasonOf(error), error });
      updateConnection(error);
      firstTry.resolve();
      return;
    }
    if (stopping.signal.aborted) return;
    roster.takeListing(containers, eventsBefore);
    if (lastReconcileAt === undefined) {
      // A cursor's container may have been removed while nobody watched.
      book.forget(book.containerIds().filter((id) => !roster.exists(id)));
    }
    lastReconcileAt = clock.now();
    reconciledAt = clock.monotonic();
    const held = early ?? [];
    early = undefined;
    for (const event of held) handleEvent(event);
    roster.check();
    const ours = containers.filter(({ ref }) => roster.isWatched(ref.id));
    guarded('onListed', () => handlers.onListed(ours, containers));
    listed = true;
    updateConnection();
    firstTry.resolve();
    // Not before events come again: they may tell of it.
    const notBack = following ? absentees.listed(ours, (id) => roster.isNewsSince(id, eventsBefore)) : [];
    if (notBack.length > 0) guarded('onNotBack', () => handlers.onNotBack(notBack));
    // Events had time since the last listing to tell of it, and did not: their stream hangs.
    if (untoldBefore.some((id) => roster.untold.has(id))) {
      roster.untold.clear();
      feed?.reopen();
    }
  }

  /** One at a time; asked for meanwhile, it is done once more. */
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
      // Not waited for: stopping must not wait for an engine that hangs.
      if (!signal.aborted) void reconcile();
    }
  }

  /** Where events are asked for from. */
  function firstEventFrom(): number {
    const handled = book.eventsUntil();
    // Not where the clock was set back since.
    if (handled === undefined || handled > startedAt + CLOCK_SKEW_MS) return startedAt - FIRST_LOOK_BACK_MS;
    handledUntil = handled;
    return handled - PAST_MS;
  }

  return {
    async start() {
      if (loops !== undefined) return firstTry.promise;
      const { signal } = stopping;
      await book.load();
      feed = feedSince(firstEventFrom());
      loops = Promise.all([feed.run(signal), reconcileRepeatedly(signal), book.run(signal)]);
      await firstTry.promise;
    },

    saved: book.saved,

    stop() {
      stopped ??= (async () => {
        firstTry.resolve();
        stopping.abort();
        await roster.close();
        await loops;
      })();
      return stopped;
    },

    isConnected: () => connected,

    status: () => ({
      connected,
      watched: roster.watched(),
      missingTargets: roster.missingTargets(),
      lastEventAt,
      lastReconcileAt,
      sinceReconcileMs: clock.monotonic() - reconciledAt,
    }),
  };
}
