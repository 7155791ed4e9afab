/**
 * What is known of each container's lifecycle: when it started and ended, who stopped it, whether it was deployed just
 * now, whether the agent is restarting it. Engine events go in, signals come out.
 */
import type { ContainerRef, EngineEvent, ListedContainer, Signal } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import { deployedAt, pruneRemoved } from './deployment.ts';
import { dueSignal, isInGrace } from './grace.ts';
import { type ContainerLifecycle, createRecords, type LifecycleRecord } from './record.ts';
import { crashLoopSignal, crashSignal, healthSignal, oomSignal } from './signals.ts';

export interface Lifecycle {
  /** Returns the signals that the event leads to, the most important first. */
  observe(event: EngineEvent): readonly Signal[];
  /** Takes in an event that an earlier run of the agent has already handled. */
  recall(event: EngineEvent): void;
  /** Signals for containers that are unhealthy without a transition having been seen. */
  observeListed(containers: readonly ListedContainer[], now: number): readonly Signal[];
  of(containerId: string): ContainerLifecycle;
  forget(containerId: string): void;
  /** Stops and starts of the container belong to a restart by the agent until the returned function is called. */
  expectRestart(containerId: string): () => void;
  /** Whether the signal falls into a grace period and opens no incident for now. */
  holdsBack(signal: Signal): boolean;
  /** Crashes that were held back and whose container is still down now that its grace period is over. */
  due(containers: readonly ListedContainer[], now: number): readonly Signal[];
}

export interface LifecycleOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How long after a start of the container a signal opens no incident, ms. */
  graceMs(container: ContainerRef): number;
}

/** A loop: this many crashes within the window. One is an accident, two may be a dependency that is starting. */
const LOOP_CRASHES = 3;
const LOOP_WINDOW_MS = 5 * 60_000;
/** For how long a stop request explains the end that follows: `docker stop` waits for minutes only if told to. */
const STOP_EXPLAINS_MS = 10 * 60_000;
/** Signals by which a person or a tool asks a container to end; HUP, USR1 and the like are conversation. */
const ENDING_SIGNALS = new Set([2, 3, 6, 9, 15]);
/** Events of the agent's own restart may arrive a little after the engine's answer. */
const OWN_EVENTS_LAG_MS = 3_000;

export function createLifecycle({ clock, graceMs }: LifecycleOptions): Lifecycle {
  const records = createRecords();

  function isOwnRestart({ ownRestartUntil }: LifecycleRecord): boolean {
    return ownRestartUntil !== undefined && clock.monotonic() <= ownRestartUntil;
  }

  function removed(event: EngineEvent): void {
    records.delete(event.containerId);
    const record = records.use(event.containerId);
    record.container = event.container;
    record.removedAt = event.time;
    pruneRemoved(records, event.time);
  }

  function created(event: EngineEvent): void {
    records.use(event.containerId).createdAt = event.time;
    pruneRemoved(records, event.time);
  }

  return {
    observe(event) {
      const { action, containerId, container, time } = event;
      if (action.kind === 'destroy') {
        removed(event);
        return [];
      }
      const record = records.use(containerId);
      record.container = container;
      const ours = isOwnRestart(record);
      switch (action.kind) {
        case 'create':
          created(event);
          return [];
        case 'kill':
          if (ENDING_SIGNALS.has(action.signal)) {
            record.stopRequestedAt = time;
            if (!ours) record.stoppedByPersonAt = time;
          }
          return [];
        case 'start':
          started(record);
          record.startedAt = time;
          return [];
        case 'die':
          return died(record, container, time, action.exitCode, ours);
        case 'oom':
          return [oomSignal(container, time)];
        case 'health':
          // The check of a process that is being stopped fails, too.
          if (isStopping(record, time)) return [];
          return healthChanged(record, container, time, action.status === 'unhealthy');
        default:
          return [];
      }
    },

    recall(event) {
      const { action, containerId, container, time } = event;
      switch (action.kind) {
        case 'create':
          records.use(containerId).container = container;
          created(event);
          break;
        case 'kill':
          if (ENDING_SIGNALS.has(action.signal)) records.use(containerId).stopRequestedAt = time;
          break;
        case 'start':
          started(records.use(containerId));
          break;
        case 'destroy':
          removed(event);
      }
    },

    observeListed(containers, now) {
      return containers.flatMap(({ ref, health, status }) => {
        if (status !== 'running') return [];
        const record = records.use(ref.id);
        // Its start was missed: an engine that was restarted has forgotten it.
        if (record.dead) started(record);
        if (health === 'none' || health === 'starting') return [];
        return healthChanged(record, ref, now, health === 'unhealthy');
      });
    },

    of(containerId) {
      const record = records.get(containerId);
      if (record === undefined || record.removedAt !== undefined) return { restartingByAgent: false, crashes: [] };
      return {
        startedAt: record.startedAt,
        alive: record.dead ? false : record.startedAt === undefined ? undefined : true,
        stoppedByPersonAt: record.stoppedByPersonAt,
        deployedAt: deployedAt(containerId, record, records),
        restartingByAgent: isOwnRestart(record),
        crashes: record.crashes,
      };
    },

    forget(containerId) {
      if (records.get(containerId)?.removedAt === undefined) records.delete(containerId);
    },

    expectRestart(containerId) {
      records.use(containerId).ownRestartUntil = Number.POSITIVE_INFINITY;
      return () => {
        const record = records.get(containerId);
        if (record?.ownRestartUntil === Number.POSITIVE_INFINITY) {
          record.ownRestartUntil = clock.monotonic() + OWN_EVENTS_LAG_MS;
        }
      };
    },

    holdsBack: (signal) => isInGrace(records.get(signal.container.id), signal, graceMs(signal.container)),

    due(containers, now) {
      return containers.flatMap(({ ref, status }) => {
        const record = records.get(ref.id);
        return (record && dueSignal(record, status, now, ({ container }) => graceMs(container))) ?? [];
      });
    },
  };
}

function started(record: LifecycleRecord): void {
  record.stopRequestedAt = undefined;
  record.dead = false;
}

/**
 * An end is a crash unless somebody asked for it: every stop, kill, restart and recreation emits `kill` first. Exit
 * code 137 says nothing about memory; only an `oom` event does.
 */
function died(
  record: LifecycleRecord,
  container: ContainerRef,
  at: number,
  exitCode: number,
  ours: boolean,
): readonly Signal[] {
  const asked = isStopping(record, at);
  record.dead = true;
  // The verification of the restart sees how it ends.
  if (ours) return [];
  record.unhealthy = false;
  if (asked || exitCode === 0) return [];
  // In both directions: the clock may have been set back in between.
  record.crashes = [...record.crashes.filter((crash) => Math.abs(at - crash) <= LOOP_WINDOW_MS), at];
  const crash = crashSignal(container, at, exitCode);
  if (record.crashes.length < LOOP_CRASHES) return [crash];
  const loop = { crashes: record.crashes.length, minutes: LOOP_WINDOW_MS / 60_000 };
  return [crash, crashLoopSignal(container, at, exitCode, loop)];
}

function isStopping({ stopRequestedAt }: LifecycleRecord, at: number): boolean {
  return stopRequestedAt !== undefined && at - stopRequestedAt <= STOP_EXPLAINS_MS;
}

function healthChanged(record: LifecycleRecord, container: ContainerRef, at: number, unhealthy: boolean): Signal[] {
  const became = unhealthy && !record.unhealthy;
  record.unhealthy = unhealthy;
  return became ? [healthSignal(container, at)] : [];
}
