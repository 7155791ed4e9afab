import type { ContainerRef } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { Death } from './death.ts';
import type { StopPhase } from './stop-phase.ts';

/** What is known of one container from engine events and the agent's own restarts. Internal to this folder. */
export interface LifecycleRecord {
  container?: ContainerRef;
  createdAt?: number;
  /** Set when the container is removed. Then only `container` is kept, to recognise a deployment. */
  removedAt?: number;
  startedAt?: number;
  /** Its process has ended, and no start has been seen since. */
  dead: boolean;
  /** A listing shows that it was started after its last end. The event of that start has not been seen. */
  startUnreported: boolean;
  unhealthy: boolean;
  /** Ends that nobody asked for and that may be part of a crash loop; the newest last. */
  crashes: readonly number[];
  /** When a stop was last requested, by whomever. Absent if a start was seen since. */
  stopRequestedAt?: number;
  /** The last stop: who requested it, and when it began and ended. */
  stopPhase?: StopPhase;
  /** Signals that a person or tool sent since the last start; the newest last. */
  personSignals: readonly PersonSignal[];
  /** The last time that a process was killed for memory. */
  oomAt?: number;
  lastEnd?: LastEnd;
  /** The last end, if it was presumably a stop that no event reported; with `stoppedByPersonAt` as it was before. */
  presumedStop?: { readonly death: Death; readonly stoppedByPersonAt: number | undefined };
  /** An end that is not judged yet: a `stop` event may follow. */
  undecided?: Death;
  /** When somebody other than the agent last requested a stop. Kept after the next start. */
  stoppedByPersonAt?: number;
  /** Until when (monotonic) events of the container belong to a restart by the agent. */
  ownRestartUntil?: number;
  /** A crash during the grace period after a start. */
  heldSignal?: Signal;
}

export interface PersonSignal {
  /** The number of the signal; undefined if the engine does not report it. */
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
  /** When somebody other than the agent last requested a stop, even if it was started again since. */
  readonly stoppedByPersonAt?: number;
  /** When it was created to replace another container of its service. */
  readonly deployedAt?: number;
  /** The last end of its process. */
  readonly lastEnd?: LastEnd;
  /** The agent is restarting it. */
  readonly restartingByAgent: boolean;
  /** Recent ends that nobody asked for, the newest last. */
  readonly crashes: readonly number[];
}

/** About 500 bytes each. Beyond this, the record that was used least recently is dropped. */
const MAX_RECORDS = 5_000;

export interface Records {
  get(containerId: string): LifecycleRecord | undefined;
  /** The record of the container, created if there is none. It becomes the most recently used one. */
  use(containerId: string): LifecycleRecord;
  delete(containerId: string): void;
  entries(): Iterable<readonly [string, LifecycleRecord]>;
}

export function createRecords(limit = MAX_RECORDS): Records {
  const records = new Map<string, LifecycleRecord>();
  return {
    get: (id) => records.get(id),
    use(id) {
      const record = records.get(id) ?? {
        dead: false,
        startUnreported: false,
        unhealthy: false,
        crashes: [],
        personSignals: [],
      };
      records.delete(id);
      records.set(id, record);
      dropOldest(records, limit);
      return record;
    },
    delete: (id) => void records.delete(id),
    entries: () => records.entries(),
  };
}
