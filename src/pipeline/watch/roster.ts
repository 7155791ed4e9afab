/** The containers that are followed, kept up to date by events and by listings of all that exist. */
import type { ContainerRef, EngineEvent, ListedContainer, LogLine } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl, ContainerSource } from '../ports.ts';
import type { ReconnectCause } from './backoff.ts';
import type { CursorBook } from './cursor-book.ts';
import { createLogFollower, type LogFollower } from './log-follower.ts';
import type { Targets } from './targets.ts';

/** How far back is looked where nothing is known of an earlier run: what made someone start the doctor. */
export const FIRST_LOOK_BACK_MS = 60_000;

export interface RosterHandlers {
  onLines(container: ContainerRef, lines: readonly LogLine[]): void;
  /** It was removed, or is no longer one of those to watch; its last lines came before. */
  onGone(container: ContainerRef): void;
  onReconnect(cause: ReconnectCause): void;
}

export interface RosterOptions {
  readonly engine: Pick<ContainerSource, 'followLogs'> & Pick<ContainerControl, 'tailLogs'>;
  readonly book: CursorBook;
  readonly targets: Targets;
  isWanted(container: ContainerRef): boolean;
  /** Lines of containers that were there before are read from here on. */
  readonly from: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlers: RosterHandlers;
  /** Runs a handler, whose fault must not end the watching. */
  guarded(doing: string, handle: () => void): void;
}

export interface Roster {
  /** How many events were taken in. */
  readonly events: number;
  /** Gives back the event as it is to be told of, with the container as it is known; undefined where it is not watched. */
  takeEvent(event: EngineEvent): EngineEvent | undefined;
  /** `eventsBefore`: how many events were taken in when the listing was asked for. Those since know better. */
  takeListing(containers: readonly ListedContainer[], eventsBefore: number): void;
  watched(): readonly ContainerRef[];
  isWatched(containerId: string): boolean;
  exists(containerId: string): boolean;
  /** Whether an event told of it since so many events were taken in. */
  isNewsSince(containerId: string, eventsBefore: number): boolean;
  missingTargets(): readonly string[];
  /** Changes that a listing showed and no event has told of. */
  readonly untold: Set<string>;
  /** Ends waits for a next try: the engine is back. */
  wake(): void;
  /** Finds log streams that hang. */
  check(): void;
  close(): Promise<void>;
}

interface Watched {
  ref: ContainerRef;
  readonly follower: LogFollower;
  /** Number of the last event about it. */
  lastEvent: number;
}

export function createRoster(options: RosterOptions): Roster {
  const { engine, book, targets, clock, logger, handlers, guarded, isWanted } = options;
  const watched = new Map<string, Watched>();
  /** Every container that exists, watched or not. */
  let known = new Map<string, string>();
  /** Those of containers that are gone and have still something to deliver included. */
  const followers = new Set<LogFollower>();
  const ending = new Set<Promise<void>>();
  const untold = new Set<string>();
  let events = 0;
  let listedBefore = false;
  let missingTargets: readonly string[] = targets.patterns;

  function watchContainer(ref: ContainerRef, state: { running: boolean; unread: boolean }, firstFrom: number): Watched {
    const entry: Watched = {
      ref,
      lastEvent: events,
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
    untold,

    takeEvent(event) {
      events += 1;
      const { containerId: id, action } = event;
      untold.delete(id);
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
          unwatch(entry, false);
          entry = undefined;
        }
      }
      if (entry === undefined) {
        if (!isWanted(event.container)) return undefined;
        if (removed) return event;
        // What was created before our eyes is read from its start. Of others the event alone does not tell
        // their state; the next listing does.
        const state = { running: !created && action.kind !== 'die', unread: !created };
        entry = watchContainer(event.container, state, created && isNew ? 0 : event.time - FIRST_LOOK_BACK_MS);
      }
      entry.lastEvent = events;
      if (action.kind === 'start') entry.follower.setRunning(true);
      if (action.kind === 'die') entry.follower.setRunning(false);
      if (removed) unwatch(entry, true);
      return { ...event, container: entry.ref };
    },

    takeListing(containers, eventsBefore) {
      const nowKnown = new Map(containers.map(({ ref }) => [ref.id, ref.name]));
      for (const { ref, status } of containers) {
        const running = status === 'running' || status === 'paused';
        const entry = watched.get(ref.id);
        if (entry === undefined) {
          if (!isWanted(ref)) continue;
          const isNew = listedBefore && !known.has(ref.id);
          if (isNew) untold.add(ref.id);
          watchContainer(ref, { running, unread: status !== 'created' }, isNew ? 0 : options.from);
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
      if (events === eventsBefore) known = nowKnown;
      else for (const [id, name] of nowKnown) known.set(id, name);
      updateMissingTargets();
      listedBefore = true;
    },

    watched: () => Array.from(watched.values(), ({ ref }) => ref),
    isWatched: (id) => watched.has(id),
    exists: (id) => known.has(id),
    isNewsSince: (id, eventsBefore) => (watched.get(id)?.lastEvent ?? 0) > eventsBefore,
    missingTargets: () => missingTargets,
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
