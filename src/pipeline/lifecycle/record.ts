import type { ContainerRef, Signal } from '../../domain.ts';
import type { Death } from './death.ts';
import type { StopPhase } from './stop-phase.ts';

/** What the engine's events and the agent's own restarts say of one container. Internal to this folder. */
export interface LifecycleRecord {
  container?: ContainerRef;
  createdAt?: number;
  /** Set when the container is removed; all else is forgotten then, except what a deployment is recognised by. */
  removedAt?: number;
  startedAt?: number;
  /** Its process ended, and no start was seen since. */
  dead: boolean;
  unhealthy: boolean;
  /** Ends that nobody asked for and that may be part of a crash loop; the newest last. */
  crashes: readonly number[];
  /** A stop was requested and no start was seen since, whoever requested it. */
  stopRequestedAt?: number;
  /** The last stop, by whom it was requested and until when it took. */
  stopPhase?: StopPhase;
  /** Signals that a person or tool sent since the last start; the newest last. */
  personSignals: readonly PersonSignal[];
  /** The last time that a process was killed for memory. */
  oomAt?: number;
  lastEnd?: LastEnd;
  /** An end that is not judged yet: a `stop` event may follow. */
  undecided?: Death;
  /** The last request by somebody else than the agent. Kept across the start that follows. */
  stoppedByPersonAt?: number;
  /** Until when (monotonic) events of the container belong to a restart by the agent. */
  ownRestartUntil?: number;
  /** A crash during the grace period after a start. */
  heldSignal?: Signal;
}

export interface PersonSignal {
  /** The number of the signal; undefined if the engine does not say it. */
  readonly signal: number | undefined;
  readonly at: number;
  /** An earlier run of the agent saw it: it may have been sent by that run. */
  readonly recalled: boolean;
}

export interface LastEnd {
  readonly at: number;
  readonly exitCode: number;
  readonly by: 'itself' | 'person' | 'agent';
}

/** What is known of a container's lifecycle. Times are those of the engine's events, epoch ms. */
export interface ContainerLifecycle {
  readonly startedAt?: number;
  /** Undefined: no start or end of it was seen. */
  readonly alive?: boolean;
  /** When somebody else than the agent last asked it to stop, also where it was started again since. */
  readonly stoppedByPersonAt?: number;
  /** When it was created in the place of another container of its service. */
  readonly deployedAt?: number;
  /** The last end of its process. */
  readonly lastEnd?: LastEnd;
  /** The agent is restarting it. */
  readonly restartingByAgent: boolean;
  /** Recent ends that nobody asked for, the newest last. */
  readonly crashes: readonly number[];
}

/** Some 500 bytes each. Beyond it the container of which nothing was heard for the longest time is forgotten. */
const MAX_RECORDS = 5_000;

export interface Records {
  get(containerId: string): LifecycleRecord | undefined;
  /** The record of the container, which is created if there is none, and counts as used just now. */
  use(containerId: string): LifecycleRecord;
  delete(containerId: string): void;
  entries(): Iterable<readonly [string, LifecycleRecord]>;
}

export function createRecords(limit = MAX_RECORDS): Records {
  const records = new Map<string, LifecycleRecord>();
  return {
    get: (id) => records.get(id),
    use(id) {
      const record = records.get(id) ?? { dead: false, unhealthy: false, crashes: [], personSignals: [] };
      records.delete(id);
      records.set(id, record);
      for (const oldest of records.keys()) {
        if (records.size <= limit) break;
        records.delete(oldest);
      }
      return record;
    },
    delete: (id) => void records.delete(id),
    entries: () => records.entries(),
  };
}
