/**
 * Follows every watched container: its log lines and what the engine reports of it.
 *
 * Events are subscribed to first, then containers are listed, so that nothing falls in between; the
 * listing is repeated now and then, because a stream can hang and an event can be missed.
 */
import type { ContainerRef, EngineEvent, ListedContainer, LogLine } from '../../domain.ts';
import type { Clock, ContainerControl, ContainerSource, CursorStore, Logger } from '../ports.ts';
import { type ReconnectCause, reasonOf } from './backoff.ts';
import { createCursorBook } from './cursor-book.ts';
import { createEventFeed } from './event-feed.ts';
import { createLogFollower, type LogFollower } from './log-follower.ts';
import { createWatchFilter, parseTargets } from './targets.ts';

/** How far back is looked where nothing is known of an earlier run: what made someone start the doctor. */
export const FIRST_LOOK_BACK_MS = 60_000;

export interface WatchHandlers {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  /** Of watched containers only. */
  onEvent(event: EngineEvent): void;
  /** The watched containers, after every listing. */
  onListed(containers: readonly ListedContainer[]): void;
  /** It was removed, or is no longer one of those to watch; its last lines came before. */
  onGone(container: ContainerRef): void;
  onReconnect(cause: ReconnectCause): void;
  /** Whenever it changes. */
  onConnection(connected: boolean): void;
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
  readonly connected: boolean;
  readonly watched: readonly ContainerRef[];
  /** What `targets` names and no container matches. */
  readonly missingTargets: readonly string[];
  readonly lastEventAt?: number;
  readonly lastReconcileAt?: number;
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
  status(): WatchStatus;
}

interface Watched {
  ref: ContainerRef;
  readonly follower: LogFollower;
  /** Number of the last event about it. */
  lastEvent: number;
}

export function createWatch(options: WatchOptions): Watch {
  const { engine, clock, logger, handlers, reconcileEveryMs } = options;
  const targets = parseTargets(options.targets);
  const isTarget = createWatchFilter(targets, options.ownId);
  const isWanted = (container: ContainerRef): boolean =>
    isTarget(container) && (options.isEnabled?.(container) ?? true);
  const book = createCursorBook({
    store: options.cursors,
    clock,
    logger,
    written: options.written ?? (async () => {}),
  });
  const stopping = new AbortController();

  const watched = new Map<string, Watched>();
  /** Every container that exists, watched or not. */
  let known = new Map<string, string>();
  /** Those of containers that are gone and have still something to deliver included. */
  const followers = new Set<LogFollower>();
  const ending = new Set<Promise<void>>();
  /** Events that came before the first listing. */
  let early: EngineEvent[] | undefined = [];
  let eventNumber = 0;
  /** Found by a listing although no event had told of it. */
  const untold = new Set<string>();

  let subscribed = false;
  let listed = false;
  let connected = false;
  let missingTargets: readonly string[] = targets.patterns;
  let lastEventAt: number | undefined;
  let lastReconcileAt: number | undefined;
  let startedAt = 0;
  let reconciling: Promise<void> | undefined;
  let reconcileAgain = false;
  let loops: Promise<unknown> | undefined;
  let stopped: Promise<void> | undefined;
  const firstTry = Promise.withResolvers<void>();

  /** A fault of ours in handling must not end the watching. */
  function guarded(doing: string, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      logger.error(`${doing} failed`, { error });
    }
  }

  function updateConnection(error?: unknown): void {
    const next = subscribed && listed;
    if (next === connected) return;
    connected = next;
    if (next) logger.info('connected to the Docker engine');
    else logger.warn('lost the Docker engine; trying again', { error });
    guarded('onConnection', () => handlers.onConnection(next));
    if (next) for (const { follower } of watched.values()) follower.wake();
  }

  function watchContainer(ref: ContainerRef, state: { running: boolean; unread: boolean }, firstFrom: number): Watched {
    const entry: Watched = {
      ref,
      lastEvent: eventNumber,
      follower: createLogFollower({
        containerId: ref.id,
        engine,
        clock,
        from: book.get(ref.id) ?? firstFrom,
        ...state,
        onLines(lines, cursor) {
          guarded('onLines', () => handlers.onLines(entry.ref, lines));
          book.set(ref.id, cursor);
        },
        onReconnect(cause, error) {
          logger.debug('a log stream is opened again', { container: entry.ref.name, cause, error });
          guarded('onReconnect', () => handlers.onReconnect(cause));
        },
      }),
    };
    watched.set(ref.id, entry);
    followers.add(entry.follower);
    return entry;
  }

  function unwatch(entry: Watched, removed: boolean): void {
    watched.delete(entry.ref.id);
    const ended = (async () => {
      await (removed ? entry.follower.finish() : entry.follower.close());
      if (removed) book.forget([entry.ref.id]);
      followers.delete(entry.follower);
      guarded('onGone', () => handlers.onGone(entry.ref));
    })();
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  }

  function handleEvent(event: EngineEvent): void {
    if (stopping.signal.aborted) return;
    eventNumber += 1;
    book.setEventsUntil(event.time);
    lastEventAt = clock.now();
    const { containerId: id, action } = event;
    untold.delete(id);
    const isNew = !known.has(id);
    const created = action.kind === 'create';
    if (action.kind === 'destroy') known.delete(id);
    else known.set(id, event.container.name);

    let entry = watched.get(id);
    if (action.kind === 'rename') {
      if (entry !== undefined) entry.ref = { ...event.container, labels: entry.ref.labels };
      if (entry !== undefined && !isWanted(entry.ref)) {
        unwatch(entry, false);
        entry = undefined;
      }
    }
    if (entry === undefined) {
      if (!isWanted(event.container)) return;
      if (action.kind !== 'destroy') {
        // What was created before our eyes is read from its start. Of others the event alone does not tell
        // their state; the next listing does.
        const state = { running: !created && action.kind !== 'die', unread: !created };
        entry = watchContainer(event.container, state, created && isNew ? 0 : event.time - FIRST_LOOK_BACK_MS);
      }
    }
    if (entry !== undefined) {
      entry.lastEvent = eventNumber;
      if (action.kind === 'start') entry.follower.setRunning(true);
      if (action.kind === 'die') entry.follower.setRunning(false);
    }
    const told = entry === undefined ? event : { ...event, container: entry.ref };
    guarded('onEvent', () => handlers.onEvent(told));
    if (entry !== undefined && action.kind === 'destroy') unwatch(entry, true);
    if (created || action.kind === 'rename' || action.kind === 'destroy') updateMissingTargets();
  }

  const feed = (since: number) =>
    createEventFeed({
      engine,
      clock,
      since,
      onEvent(event) {
        if (early !== undefined) early.push(event);
        else handleEvent(event);
      },
      onConnected() {
        subscribed = true;
        untold.clear();
        updateConnection();
        void reconcile();
      },
      onDisconnected(cause, error) {
        firstTry.resolve();
        if (subscribed) guarded('onReconnect', () => handlers.onReconnect(cause));
        if (cause === 'stalled') return;
        subscribed = false;
        if (lastReconcileAt === undefined) logger.warn('the Docker engine cannot be reached; trying again', { error });
        updateConnection(error);
      },
    });

  function updateMissingTargets(): void {
    const missing = targets.missing(known.values());
    for (const target of missing) {
      if (!missingTargets.includes(target) || lastReconcileAt === undefined) {
        logger.warn('no container matches a target', { target });
      }
    }
    for (const target of missingTargets) {
      if (!missing.includes(target) && lastReconcileAt !== undefined)
        logger.info('a missing target appeared', { target });
    }
    missingTargets = missing;
  }

  function applyListing(containers: readonly ListedContainer[], eventsBefore: number): void {
    const first = lastReconcileAt === undefined;
    const nowKnown = new Map(containers.map(({ ref }) => [ref.id, ref.name]));
    for (const { ref, status } of containers) {
      const running = status === 'running' || status === 'paused';
      const entry = watched.get(ref.id);
      if (entry === undefined) {
        if (!isWanted(ref)) continue;
        const isNew = !first && !known.has(ref.id);
        if (isNew) untold.add(ref.id);
        watchContainer(ref, { running, unread: status !== 'created' }, isNew ? 0 : startedAt - FIRST_LOOK_BACK_MS);
        continue;
      }
      // Events that came meanwhile know better.
      if (entry.lastEvent > eventsBefore) continue;
      if (!isWanted(ref)) {
        unwatch(entry, false);
        continue;
      }
      if (entry.ref.name !== ref.name) entry.ref = ref;
      if (entry.follower.running !== running) {
        untold.add(ref.id);
        entry.follower.setRunning(running);
      }
    }
    for (const [id, entry] of watched) {
      if (nowKnown.has(id) || entry.lastEvent > eventsBefore) continue;
      untold.add(id);
      unwatch(entry, true);
    }
    if (eventNumber === eventsBefore) known = nowKnown;
    else for (const [id, name] of nowKnown) known.set(id, name);
  }

  async function reconcileOnce(): Promise<void> {
    const eventsBefore = eventNumber;
    const untoldBefore = [...untold];
    let containers: readonly ListedContainer[];
    try {
      containers = await engine.list();
    } catch (error) {
      listed = false;
      logger.debug('containers cannot be listed', { cause: reasonOf(error), error });
      updateConnection(error);
      firstTry.resolve();
      return;
    }
    if (stopping.signal.aborted) return;
    applyListing(containers, eventsBefore);
    updateMissingTargets();
    if (lastReconcileAt === undefined) {
      // A cursor's container may have been removed while nobody watched.
      book.forget(book.containerIds().filter((id) => !known.has(id)));
    }
    lastReconcileAt = clock.now();
    const held = early ?? [];
    early = undefined;
    for (const event of held) handleEvent(event);
    for (const { follower } of watched.values()) follower.check();
    guarded('onListed', () => handlers.onListed(containers.filter(({ ref }) => watched.has(ref.id))));
    listed = true;
    updateConnection();
    firstTry.resolve();
    // Events had time since the last listing to tell of it, and did not: their stream hangs.
    if (untoldBefore.some((id) => untold.has(id))) {
      untold.clear();
      eventFeed?.reopen();
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

  let eventFeed: ReturnType<typeof createEventFeed> | undefined;

  return {
    async start() {
      if (loops !== undefined) return firstTry.promise;
      startedAt = clock.now();
      const { signal } = stopping;
      await book.load();
      // Up to there events were handled by an earlier run.
      const handled = book.eventsUntil();
      eventFeed = feed(handled === undefined ? startedAt - FIRST_LOOK_BACK_MS : handled + 1);
      loops = Promise.all([eventFeed.run(signal), reconcileRepeatedly(signal), book.run(signal)]);
      await firstTry.promise;
    },

    saved: book.saved,

    stop() {
      stopped ??= (async () => {
        firstTry.resolve();
        stopping.abort();
        await Promise.all([...Array.from(followers, (follower) => follower.close()), ...ending]);
        await loops;
      })();
      return stopped;
    },

    status: () => ({
      connected,
      watched: Array.from(watched.values(), ({ ref }) => ref),
      missingTargets,
      lastEventAt,
      lastReconcileAt,
    }),
  };
}
