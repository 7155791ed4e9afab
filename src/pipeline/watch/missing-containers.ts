/**
 * Finds containers that ran before the engine went away and are down after it is back.
 *
 * An engine that shuts down stops its containers with a stop signal, so their exits are not crashes. Its restart
 * policies start some of them again. The rest are reported together, once.
 */
import type { ContainerRef, EngineEvent, ListedContainer } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';

/** The longest time from the first container that a shutting-down engine stops to the loss of the engine. */
const SHUTDOWN_MS = 60_000;
/** How long an engine that is back may take to start its containers again. */
const RESTART_MS = 60_000;
/** The engine reports an exit a moment before its listings show it. */
const LISTING_LAG_MS = 5_000;

export interface MissingContainers {
  observe(event: EngineEvent): void;
  /** The event stream was lost. An engine that was shutting down may have had more exits to report. */
  streamLost(): void;
  /** The engine cannot be reached. */
  engineLost(): void;
  /**
   * The engine replayed an event that was delivered at this monotonic time before. It has not been restarted since, as a
   * restart clears its event history.
   */
  eventReplayed(deliveredAt: number): void;
  /**
   * Call after every listing while the event stream is open. Returns the containers that have been missing for a minute,
   * each once. `isOutdated`: whether an event about the container arrived after the listing was requested.
   */
  listed(containers: readonly ListedContainer[], isOutdated: (containerId: string) => boolean): readonly ContainerRef[];
}

interface Candidate {
  /** When the stream was lost after an event had reported the exit. Absent if a listing showed the exit. */
  readonly streamLostAt?: number;
  /** Whether the engine was lost, not the stream alone. */
  engineLost: boolean;
  /** When a listing first showed that the container is down. */
  firstMissingAt?: number;
}

/** All times are monotonic. */
export function createMissingContainers(clock: Pick<Clock, 'monotonic'>): MissingContainers {
  const running = new Set<string>();
  /** Containers with a reported exit and no start since. */
  const exitedAt = new Map<string, number>();
  const candidates = new Map<string, Candidate>();
  let engineIsLost = false;

  function setRunning(id: string): void {
    running.add(id);
    candidates.delete(id);
  }

  function setNotRunning(id: string): void {
    running.delete(id);
    candidates.delete(id);
  }

  function forget(id: string): void {
    setNotRunning(id);
    exitedAt.delete(id);
  }

  function forgetRemoved(exists: (id: string) => boolean): void {
    for (const id of [...running, ...exitedAt.keys(), ...candidates.keys()]) if (!exists(id)) forget(id);
  }

  return {
    observe({ containerId: id, action }) {
      switch (action.kind) {
        case 'start':
          setRunning(id);
          exitedAt.delete(id);
          break;
        case 'die':
          setNotRunning(id);
          exitedAt.set(id, clock.monotonic());
          break;
        case 'destroy':
          forget(id);
      }
    },

    streamLost() {
      const now = clock.monotonic();
      for (const [id, at] of exitedAt) {
        const isNew = !candidates.has(id);
        if (isNew && now - at <= SHUTDOWN_MS) candidates.set(id, { streamLostAt: now, engineLost: engineIsLost });
      }
    },

    engineLost() {
      engineIsLost = true;
      for (const candidate of candidates.values()) candidate.engineLost = true;
    },

    eventReplayed(deliveredAt) {
      for (const [id, { streamLostAt }] of candidates) {
        if (streamLostAt !== undefined && deliveredAt <= streamLostAt) candidates.delete(id);
      }
    },

    listed(containers, isOutdated) {
      engineIsLost = false;
      const now = clock.monotonic();
      const missing: ContainerRef[] = [];
      const ids = new Set(containers.map(({ ref }) => ref.id));
      forgetRemoved((id) => ids.has(id) || isOutdated(id));
      for (const { ref, status } of containers) {
        if (isOutdated(ref.id)) continue;
        if (status !== 'exited' && status !== 'dead') {
          if (status !== 'created') setRunning(ref.id);
          continue;
        }
        const exitWasReported = now - (exitedAt.get(ref.id) ?? Number.NEGATIVE_INFINITY) <= LISTING_LAG_MS;
        if (running.delete(ref.id) && !exitWasReported) candidates.set(ref.id, { engineLost: true });
        const candidate = candidates.get(ref.id);
        if (candidate === undefined) continue;
        candidate.firstMissingAt ??= now;
        if (now - candidate.firstMissingAt < RESTART_MS) continue;
        candidates.delete(ref.id);
        if (candidate.engineLost) missing.push(ref);
      }
      return missing;
    },
  };
}
