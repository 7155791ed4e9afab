/** The watched containers and their log followers, kept up to date by events and listings. */
import {
  type ContainerRef,
  type EngineEvent,
  type ListedContainer,
  type LogLine,
  serviceKey,
} from '../../domain/containers.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { ReconnectCause } from '../observer.ts';
import type { ContainerControl, ContainerSource } from '../ports/engine.ts';
import { toReconnectCause } from './backoff.ts';
import { createLogFollower, type LogFollower, type LogFollowerOptions } from './log-follower.ts';
import type { LogPositions } from './log-positions.ts';
import type { Targets } from './targets.ts';

/** How far back logs are read if no earlier run is known: it covers what made someone start the agent. */
export const FIRST_LOOK_BACK_MS = 60_000;

export interface ContainerListHandlers {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  /** The container was removed, or is no longer watched. Its last lines were delivered before. */
  onGone(container: ContainerRef): void;
  /** A log stream or the event stream was lost and is reopened. */
  onReconnect(cause: ReconnectCause): void;
}

interface ContainerListOptions {
  readonly engine: Pick<ContainerSource, 'followLogs'> & Pick<ContainerControl, 'tailLogs'>;
  readonly positions: LogPositions;
  readonly targets: Targets;
  isWanted(container: ContainerRef): boolean;
  /** Epoch ms: where reading starts for containers in the first listing that have no saved position. */
  from(): number;
  /** The most lines that are read of what a log held before the first listing, the newest. */
  readonly maxBacklogLines: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlers: ContainerListHandlers;
  /** Runs a handler and logs its exceptions. */
  guarded(name: string, handle: () => void): void;
}

interface ContainerList {
  /** The number of events applied so far. */
  readonly events: number;
  /** Returns the event with the current details of its container; undefined if the container is not watched. */
  applyEvent(event: EngineEvent): EngineEvent | undefined;
  /** `eventsBefore`: `events` when the listing was requested. Later events override the listing. */
  applyListing(containers: readonly ListedContainer[], eventsBefore: number): void;
  watched(): readonly ContainerRef[];
  isWatched(containerId: string): boolean;
  exists(containerId: string): boolean;
  /** Whether an event about the container was applied after the first `eventsBefore` events. */
  hasEventSince(containerId: string, eventsBefore: number): boolean;
  missingTargets(): readonly string[];
  /** Logs with lines that were skipped within the last hour. */
  skippedLogs(): readonly SkippedLog[];
  /** Containers with a change that a listing showed and no event reported. */
  readonly unreported: Set<string>;
  /** Ends the waits before the next attempt: the engine is back. */
  wake(): void;
  /** Finds stalled log streams. */
  check(): void;
  close(): Promise<void>;
}

/** A log whose older lines were skipped, because there were too many. */
export interface SkippedLog {
  readonly container: string;
  /** The lines before this time (epoch ms) were skipped. */
  readonly before: number;
}

/** How long `/health` reports skipped lines. */
const REPORT_SKIPPED_MS = 3_600_000;

interface Watched {
  ref: ContainerRef;
  readonly follower: LogFollower;
  /** The number of the last event about it. */
  lastEvent: number;
}

export function createContainerList(options: ContainerListOptions): ContainerList {
  const { engine, positions, targets, clock, logger, handlers, guarded, isWanted } = options;
  const watched = new Map<string, Watched>();
  /** Names by id of all existing containers, watched or not. */
  let known = new Map<string, string>();
  /** Includes those of removed containers that still have lines to deliver. */
  const followers = new Set<LogFollower>();
  const ending = new Set<Promise<void>>();
  const unreported = new Set<string>();
  const skipped = new Map<string, { readonly before: number; readonly at: number }>();
  let events = 0;
  let listedBefore = false;
  let missingTargets: readonly string[] = targets.patterns;

  /** `state`: of the container and its log. `maxBacklogLines`: see `followLogs`. */
  function startWatching(
    ref: ContainerRef,
    state: Pick<LogFollowerOptions, 'running' | 'unread' | 'maxBacklogLines'>,
    firstFrom: number,
  ): Watched {
    const entry: Watched = {
      ref,
      lastEvent: events,
      follower: createLogFollower({
        containerId: ref.id,
        engine,
        clock,
        from: positions.get(ref.id) ?? firstFrom,
        ...state,
        onLines(lines, cursor) {
          guarded('onLines', () => handlers.onLines(entry.ref, lines));
          positions.set(ref.id, cursor);
        },
        onSkipped(before) {
          skipped.set(ref.id, { before, at: clock.monotonic() });
          logger.warn('a log has too many unread lines; the older ones are skipped', {
            container: entry.ref.name,
            before: new Date(before).toISOString(),
            read_lines: state.maxBacklogLines,
          });
        },
        onReconnect(end, error) {
          logger.debug('a log stream is reopened', { container: entry.ref.name, cause: end, error });
          guarded('onReconnect', () => handlers.onReconnect(toReconnectCause(end)));
        },
      }),
    };
    watched.set(ref.id, entry);
    followers.add(entry.follower);
    return entry;
  }

  function stopWatching(entry: Watched, removed: boolean): void {
    watched.delete(entry.ref.id);
    skipped.delete(entry.ref.id);
    const ended = (async () => {
      await (removed ? entry.follower.finish() : entry.follower.close());
      if (removed) positions.forget([entry.ref.id]);
      followers.delete(entry.follower);
      guarded('onGone', () => handlers.onGone(entry.ref));
    })();
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  }

  function updateMissingTargets(): void {
    const missing = targets.missing(known.values());
    for (const target of missing) {
      if (!missingTargets.includes(target) || !listedBefore) logger.warn('no container matches a target', { target });
    }
    for (const target of missingTargets) {
      if (!missing.includes(target) && listedBefore) logger.info('a missing target appeared', { target });
    }
    missingTargets = missing;
  }

  return {
    get events() {
      return events;
    },
    unreported,

    applyEvent(event) {
      events += 1;
      const { containerId: id, action } = event;
      unreported.delete(id);
      const isNew = !known.has(id);
      const created = action.kind === 'create';
      const removed = action.kind === 'destroy';
      if (removed) known.delete(id);
      else known.set(id, event.container.name);
      if (created || removed || action.kind === 'rename') updateMissingTargets();

      let entry = watched.get(id);
      if (action.kind === 'rename' && entry !== undefined) {
        entry.ref = { ...event.container, labels: entry.ref.labels };
        if (!isWanted(entry.ref)) {
          stopWatching(entry, false);
          entry = undefined;
        }
      }
      if (entry === undefined) {
        if (!isWanted(event.container)) return undefined;
        if (removed) return event;
        // A container whose creation was seen is read from its start. Other events alone do not show whether the
        // container runs; the next listing does.
        const state = { running: !created && action.kind !== 'die', unread: !created };
        entry = startWatching(event.container, state, created && isNew ? 0 : event.time - FIRST_LOOK_BACK_MS);
      }
      entry.lastEvent = events;
      if (action.kind === 'start') entry.follower.setRunning(true);
      if (action.kind === 'die') entry.follower.setRunning(false);
      if (removed) stopWatching(entry, true);
      return { ...event, container: entry.ref };
    },

    applyListing(containers, eventsBefore) {
      const nowKnown = new Map(containers.map(({ ref }) => [ref.id, ref.name]));
      for (const { ref, status } of containers) {
        const running = status === 'running' || status === 'paused';
        const entry = watched.get(ref.id);
        if (entry === undefined) {
          if (!isWanted(ref)) continue;
          const isNew = listedBefore && !known.has(ref.id);
          if (isNew) unreported.add(ref.id);
          const maxBacklogLines = listedBefore ? undefined : options.maxBacklogLines;
          startWatching(ref, { running, unread: status !== 'created', maxBacklogLines }, isNew ? 0 : options.from());
          continue;
        }
        if (entry.lastEvent > eventsBefore) continue;
        if (!isWanted(ref)) {
          stopWatching(entry, false);
          continue;
        }
        // Only the listing knows which labels come from the image.
        if (entry.ref.name !== ref.name || serviceKey(entry.ref) !== serviceKey(ref)) entry.ref = ref;
        if (entry.follower.running !== running) {
          unreported.add(ref.id);
          entry.follower.setRunning(running);
        }
      }
      for (const [id, entry] of watched) {
        if (nowKnown.has(id) || entry.lastEvent > eventsBefore) continue;
        unreported.add(id);
        stopWatching(entry, true);
      }
      if (events === eventsBefore) known = nowKnown;
      else for (const [id, name] of nowKnown) known.set(id, name);
      updateMissingTargets();
      listedBefore = true;
    },

    watched: () => Array.from(watched.values(), ({ ref }) => ref),
    isWatched: (id) => watched.has(id),
    exists: (id) => known.has(id),
    hasEventSince: (id, eventsBefore) => (watched.get(id)?.lastEvent ?? 0) > eventsBefore,
    missingTargets: () => missingTargets,
    skippedLogs() {
      const since = clock.monotonic() - REPORT_SKIPPED_MS;
      return [...skipped].flatMap(([id, { before, at }]) => {
        const entry = watched.get(id);
        return entry === undefined || at < since ? [] : [{ container: entry.ref.name, before }];
      });
    },
    wake() {
      for (const { follower } of watched.values()) follower.wake();
    },
    check() {
      for (const { follower } of watched.values()) follower.check();
    },
    async close() {
      await Promise.all([...Array.from(followers, (follower) => follower.close()), ...ending]);
    },
  };
}
