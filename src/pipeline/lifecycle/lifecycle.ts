/**
 * What is known of each container's lifecycle: when it started and ended, who stopped it, when it was deployed, and
 * whether the agent is restarting it. Engine events go in, signals come out.
 */
import type { ContainerFacts, ContainerRef, EngineEvent, ListedContainer } from '../../domain/containers.ts';
import type { Signal, Suppression } from '../../domain/incident.ts';
import type { Clock } from '../../lib/time.ts';
import { DEFAULT_STOP_SIGNAL, type Death, isStopping, KILLED, SIGKILL } from './death.ts';
import { deployedAt, pruneRemoved } from './deployment.ts';
import { createEnds, type EndsOptions } from './ends.ts';
import { dueSignal, isInGrace } from './grace.ts';
import { type ContainerLifecycle, createRecords, type LifecycleRecord } from './record.ts';
import { healthSignal, oomSignal } from './signals.ts';
import { beginStop, endStop, suppressedByStop } from './stop-phase.ts';

export interface Lifecycle {
  /** Returns the signals that are known at once, the most important first. */
  observe(event: EngineEvent): readonly Signal[];
  /** Records an event that an earlier run of the agent has already handled. */
  recall(event: EngineEvent): void;
  /** Signals for containers that are unhealthy although no event reported it. Their state must be current. */
  observeListed(containers: readonly ListedContainer[], now: number): readonly Signal[];
  of(containerId: string): ContainerLifecycle;
  forget(containerId: string): void;
  /** Stops and starts of the container belong to a restart by the agent until the returned function is called. */
  expectRestart(containerId: string): () => void;
  /** Why the signal opens no incident: a grace period, or a stop that it belongs to. Undefined: it may open one. */
  suppresses(signal: Signal): Suppression | undefined;
  /** Crashes that were held back and whose container is still down now that its grace period is over. */
  due(containers: readonly ListedContainer[], now: number): readonly Signal[];
  /** Judges all undecided ends by what is known now. */
  settle(): void;
}

/** What is known of a container from inspect, whether it still exists or not. */
export type KnownFacts = Pick<ContainerFacts, 'stopSignal' | 'restartPolicy' | 'autoRemove' | 'commandKey'>;

export interface LifecycleOptions extends Pick<EndsOptions, 'inspect' | 'onLateSignals'> {
  readonly clock: Clock;
  /** How long after a start of the container a signal opens no incident, ms. */
  graceMs(container: ContainerRef): number;
  /** Undefined if the container has not been inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
}

/** After these events no `stop` event for an earlier end can follow. */
const ENDS_WAIT: ReadonlySet<EngineEvent['action']['kind']> = new Set(['start', 'restart', 'die', 'destroy']);
/** Events of the agent's own restart may arrive a little after the engine's answer. */
const OWN_EVENTS_LAG_MS = 3_000;
/** Enough for somebody who repeats a stop impatiently. */
const SIGNALS_KEPT = 8;

export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { clock, graceMs } = options;
  const records = createRecords();
  /** Some versions of Podman report no stops. This one has reported one. */
  let reportsStops = false;

  const stopSignalOf = (containerId: string) => options.factsOf(containerId)?.stopSignal ?? DEFAULT_STOP_SIGNAL;

  function isOwnRestart({ ownRestartUntil }: LifecycleRecord): boolean {
    return ownRestartUntil !== undefined && clock.monotonic() <= ownRestartUntil;
  }

  const ends = createEnds({
    ...options,
    isOwnRestart,
    stopSignalOf,
    restartPolicyOf: (containerId) => options.factsOf(containerId)?.restartPolicy,
  });

  function deathOf({ container, time, engine }: EngineEvent, exitCode: number): Death {
    const isPodman = engine === 'podman';
    return {
      container,
      at: time,
      exitCode,
      isPodman,
      stopsUnreported: isPodman && !reportsStops,
    };
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

  function signalled(record: LifecycleRecord, event: EngineEvent, signal: number | undefined, recalled: boolean): void {
    const ours = isOwnRestart(record);
    if (!ours) {
      const sent = { signal, at: event.time, recalled };
      record.personSignals = [...record.personSignals, sent].slice(-SIGNALS_KEPT);
    }
    if (signal === SIGKILL || signal === stopSignalOf(event.containerId)) {
      stopRequested(record, event.time, recalled ? 'unknown' : ours ? 'agent' : 'person');
    }
  }

  return {
    observe(event) {
      const { action, containerId, container, time } = event;
      const earlier = records.get(containerId);
      const overdue = earlier && ENDS_WAIT.has(action.kind) ? ends.decide(earlier, explainedBy(event, earlier)) : [];
      if (action.kind === 'destroy') {
        removed(event);
        return overdue;
      }
      const record = records.use(containerId);
      record.container = container;
      switch (action.kind) {
        case 'create':
          created(event);
          return [];
        case 'kill':
          signalled(record, event, action.signal, false);
          return [];
        case 'stop': {
          reportsStops = true;
          record.presumedStop = undefined;
          stopRequested(record, time, isOwnRestart(record) ? 'agent' : 'person');
          return ends.decide(record, 'person');
        }
        case 'start':
          started(record);
          endStop(record, time);
          record.startedAt = time;
          return overdue;
        case 'restart':
          // Docker reports it at the end. Podman reports it before the end of a container that somebody restarts, and
          // before the start of one that it restarts itself.
          if (event.engine !== 'podman') return overdue;
          if (record.dead || record.startUnreported) return [...overdue, ...ends.restartedByPodman(record, time)];
          stopRequested(record, time, isOwnRestart(record) ? 'agent' : 'person');
          return overdue;
        case 'die':
          return [...overdue, ...ends.died(record, deathOf(event, action.exitCode))];
        case 'oom':
          record.oomAt = time;
          return [oomSignal(container, time)];
        case 'health':
          // The health check of a container that is being stopped often fails.
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
          signalled(records.use(containerId), event, action.signal, true);
          break;
        case 'stop':
          stopRequested(records.use(containerId), time, 'unknown');
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
        // The event of its start is late, or was lost when the engine was restarted.
        if (record.dead && record.undecided === undefined) {
          started(record);
          endStop(record, now);
          record.startUnreported = true;
        }
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
        deployedAt: deployedAt(record, records),
        lastEnd: record.lastEnd,
        restartingByAgent: isOwnRestart(record),
        crashes: record.crashes,
      };
    },

    forget(containerId) {
      const record = records.get(containerId);
      if (record === undefined || record.removedAt !== undefined) return;
      ends.forget(record);
      records.delete(containerId);
    },

    expectRestart(containerId) {
      const record = records.use(containerId);
      record.ownRestartUntil = Number.POSITIVE_INFINITY;
      beginStop(record, clock.now(), 'agent');
      return () => {
        if (record.ownRestartUntil !== Number.POSITIVE_INFINITY) return;
        record.ownRestartUntil = clock.monotonic() + OWN_EVENTS_LAG_MS;
        // The restart was refused, or its events are late. If the container is down, its start ends the stop phase.
        if (!record.dead) endStop(record, clock.now());
      };
    },

    suppresses(signal) {
      const record = records.get(signal.container.id);
      if (record === undefined) return undefined;
      const byStop = suppressedByStop(record, signal);
      if (byStop !== undefined) return byStop;
      return isInGrace(record, signal, graceMs(signal.container)) ? 'grace' : undefined;
    },

    due(containers, now) {
      return containers.flatMap(({ ref, status }) => {
        const record = records.get(ref.id);
        return (record && dueSignal(record, status, now, ({ container }) => graceMs(container))) ?? [];
      });
    },

    settle: ends.settle,
  };
}

/** For a forced removal, Podman reports only the end and the removal. */
function explainedBy({ action }: EngineEvent, { undecided }: LifecycleRecord): 'itself' | 'person' {
  return action.kind === 'destroy' && undecided?.isPodman && undecided.exitCode === KILLED ? 'person' : 'itself';
}

function started(record: LifecycleRecord): void {
  record.stopRequestedAt = undefined;
  record.personSignals = [];
  record.oomAt = undefined;
  record.dead = false;
  record.startUnreported = false;
  record.unhealthy = false;
}

function stopRequested(record: LifecycleRecord, at: number, by: 'person' | 'agent' | 'unknown'): void {
  record.stopRequestedAt = at;
  if (by === 'person') record.stoppedByPersonAt = at;
  // The `stop` event comes after the end, but nothing is printed in between.
  if (by !== 'unknown') beginStop(record, at, by);
}

function healthChanged(record: LifecycleRecord, container: ContainerRef, at: number, unhealthy: boolean): Signal[] {
  const became = unhealthy && !record.unhealthy;
  record.unhealthy = unhealthy;
  return became ? [healthSignal(container, at)] : [];
}
