/**
 * Which containers an engine did not bring back after it was away.
 *
 * An engine that shuts down stops its containers as a person would, so that their ends are no trouble. Those that
 * its restart policies bring back are none either. The rest deserve a word, and one for all.
 */
import type { ContainerRef, EngineEvent, ListedContainer } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';

/** How long an engine may take from stopping the first container to being gone. */
const SHUTDOWN_MS = 60_000;
/** How long it may take to start them again. */
const PATIENCE_MS = 60_000;
/** It tells of an end a moment before its listings show it. */
const LISTING_LAG_MS = 5_000;

export interface Absentees {
  observe(event: EngineEvent): void;
  /** The event stream was lost, and with it what an engine that was shutting down had still to tell. */
  streamLost(): void;
  /** The engine cannot be reached. */
  engineLost(): void;
  /** The engine still knows of an event that it told at that monotonic time: it was not restarted since. */
  remembered(toldAt: number): void;
  /**
   * To be called after every listing while events come; returns those to be told of, each once. `isOutdated`: whether an event told of
   * the container since the listing was asked for.
   */
  listed(containers: readonly ListedContainer[], isOutdated: (containerId: string) => boolean): readonly ContainerRef[];
}

interface Suspect {
  /** Where an event told of its end: when the stream was lost after that. */
  readonly streamLostAt?: number;
  /** Whether the engine was lost, and not the stream alone. */
  engineLost: boolean;
  /** When a listing first showed that it is down. */
  missedAt?: number;
}

export function createAbsentees(clock: Pick<Clock, 'monotonic'>): Absentees {
  const running = new Set<string>();
  /** Of those whose end was told, and no start since. */
  const endedAt = new Map<string, number>();
  const suspects = new Map<string, Suspect>();
  let isLost = false;

  function isRunning(id: string): void {
    running.add(id);
    suspects.delete(id);
  }

  function isNotRunning(id: string): void {
    running.delete(id);
    suspects.delete(id);
  }

  function isGone(id: string): void {
    isNotRunning(id);
    endedAt.delete(id);
  }

  function forgetRemoved(isThere: (id: string) => boolean): void {
    for (const id of [...running, ...endedAt.keys(), ...suspects.keys()]) if (!isThere(id)) isGone(id);
  }

  return {
    observe({ containerId: id, action }) {
      switch (action.kind) {
        case 'start':
          isRunning(id);
          endedAt.delete(id);
          break;
        case 'die':
          isNotRunning(id);
          endedAt.set(id, clock.monotonic());
          break;
        case 'destroy':
          isGone(id);
      }
    },

    streamLost() {
      const now = clock.monotonic();
      for (const [id, at] of endedAt) {
        const isNew = !suspects.has(id);
        if (isNew && now - at <= SHUTDOWN_MS) suspects.set(id, { streamLostAt: now, engineLost: isLost });
      }
    },

    engineLost() {
      isLost = true;
      for (const suspect of suspects.values()) suspect.engineLost = true;
    },

    remembered(toldAt) {
      for (const [id, { streamLostAt }] of suspects) {
        if (streamLostAt !== undefined && toldAt <= streamLostAt) suspects.delete(id);
      }
    },

    listed(containers, isOutdated) {
      isLost = false;
      const now = clock.monotonic();
      const absent: ContainerRef[] = [];
      const ids = new Set(containers.map(({ ref }) => ref.id));
      forgetRemoved((id) => ids.has(id) || isOutdated(id));
      for (const { ref, status } of containers) {
        if (isOutdated(ref.id)) continue;
        if (status !== 'exited' && status !== 'dead') {
          if (status !== 'created') isRunning(ref.id);
          continue;
        }
        const wasTold = now - (endedAt.get(ref.id) ?? Number.NEGATIVE_INFINITY) <= LISTING_LAG_MS;
        if (running.delete(ref.id) && !wasTold) suspects.set(ref.id, { engineLost: true });
        const suspect = suspects.get(ref.id);
        if (suspect === undefined) continue;
        suspect.missedAt ??= now;
        if (now - suspect.missedAt < PATIENCE_MS) continue;
        suspects.delete(ref.id);
        if (suspect.engineLost) absent.push(ref);
      }
      return absent;
    },
  };
}
