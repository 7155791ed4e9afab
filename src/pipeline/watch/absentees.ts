/**
 * Which containers an engine did not bring back after it was away.
 *
 * An engine that shuts down stops its containers as a person would, so that their ends are no trouble. Those that
 * its restart policies bring back are none either. The rest deserve a word, and one for all.
 */
import type { ContainerRef, EngineEvent, ListedContainer } from '../../domain.ts';
import type { Clock } from '../ports.ts';

/** How long an engine may take from stopping the first container to being gone. */
const SHUTDOWN_MS = 60_000;
/** How long it may take to start them again. */
const PATIENCE_MS = 60_000;

export interface Absentees {
  observe(event: EngineEvent): void;
  /** The engine cannot be reached any more. */
  lost(): void;
  /** To be called after every listing; returns those to be told of, each once. */
  listed(containers: readonly ListedContainer[], known: WhatElseIsKnown): readonly ContainerRef[];
}

interface WhatElseIsKnown {
  /** The engine remembers what was before it was lost: it was not restarted. */
  readonly continuous: boolean;
  /** An event told of the container since the listing was asked for. */
  isOutdated(containerId: string): boolean;
}

interface Suspect {
  /** Whether its end was told by an event: shortly before the engine was lost. */
  readonly endSeen: boolean;
  /** Of the first listing that did not show it running. */
  missedAt?: number;
}

export function createAbsentees(clock: Pick<Clock, 'monotonic'>): Absentees {
  const running = new Set<string>();
  /** Of those whose end was told, and no start since. */
  const endedAt = new Map<string, number>();
  const suspects = new Map<string, Suspect>();

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

    lost() {
      const now = clock.monotonic();
      for (const [id, at] of endedAt) if (now - at <= SHUTDOWN_MS) suspects.set(id, { endSeen: true });
      endedAt.clear();
    },

    listed(containers, { continuous, isOutdated }) {
      const now = clock.monotonic();
      const absent: ContainerRef[] = [];
      const ids = new Set(containers.map(({ ref }) => ref.id));
      for (const id of [...running, ...suspects.keys(), ...endedAt.keys()]) {
        if (!ids.has(id) && !isOutdated(id)) isGone(id);
      }
      for (const { ref, status } of containers) {
        if (isOutdated(ref.id)) continue;
        if (status !== 'exited' && status !== 'dead') {
          if (status !== 'created') isRunning(ref.id);
          continue;
        }
        // The engine tells of an end a moment before its listings show it.
        if (running.delete(ref.id) && !endedAt.has(ref.id)) suspects.set(ref.id, { endSeen: false });
        const suspect = suspects.get(ref.id);
        if (suspect === undefined) continue;
        suspect.missedAt ??= now;
        if (now - suspect.missedAt < PATIENCE_MS) continue;
        suspects.delete(ref.id);
        if (!suspect.endSeen || !continuous) absent.push(ref);
      }
      return absent;
    },
  };
}
