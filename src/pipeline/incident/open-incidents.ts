import { type EdgeEvidence, type ListedContainer, serviceKey } from '../../domain/containers.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { Incident, Signal } from '../../domain/incident.ts';
import { DETECTOR_INFO, isPartOfDeath, processEnded } from '../detectors.ts';

/**
 * The open incidents, in memory. An incident is found by service and fingerprint. Other signals of the same problem join
 * it, such as the crash that follows a logged error.
 *
 * Phases of an open incident:
 *   settling  just opened; further evidence is awaited
 *   handling  being diagnosed, decided, restarted, verified
 *   settled   handled; repeats are only counted
 */
export interface LiveIncident {
  incident: Incident;
  phase: 'settling' | 'handling' | 'settled';
  /** The signals that opened and joined it, at most MAX_EVIDENCE. */
  readonly evidence: Signal[];
  /** Known once diagnosed. */
  severity?: Severity;
  /** A signal reported that the container crashes in a loop. */
  looping: boolean;
  /** It has occurrences that are not stored yet. */
  dirty: boolean;
  readonly keys: Set<string>;
  /** Settles when nothing handles it any more. Absent if nothing has. */
  work?: Promise<void>;
  /** Absent while nothing is awaited. */
  wait?: Wait;
  /** It belongs to the incident of another container. */
  cause?: { readonly root: LiveIncident; readonly evidence: EdgeEvidence };
  /** What its errors say about its dependencies; see `sufferingOf` in members.ts. Set by the correlator only. */
  suffers?: Suffering;
  /** The problem of a dependency is over, but this one did not end with it. It is its own problem from then on. */
  isReleased?: boolean;
  /** When its dependencies were last checked again, monotonic ms. */
  recheckedAt?: number;
  /** When its signals began to repeat without a pause of BURST_PAUSE_MS. */
  burstAt: number;
  /** Since when its container has been available again, while incidents of other containers still belong to it. */
  recoveredAt?: number;
  /** It stands for an incident of another host, as a cause of incidents of this one. Only the agent there handles it. */
  readonly isElsewhere?: true;
  /** When it was resolved. Signals from before, which are read again after a restart of the agent, still belong to it. */
  resolvedAt?: number;
}

/** What the handling of an incident waits for, as the pages say it. */
export interface Wait {
  /** Completes "waits …". */
  readonly what: string;
  /** It waits no longer than until then, epoch ms. */
  readonly until: number;
}

export interface Suffering {
  /** Ids of the containers that the errors name. */
  readonly named: ReadonlySet<string>;
  /** The kind of cause that the errors state, if they may only relay it. */
  readonly stated?: string;
}

export type Folded =
  | { readonly kind: 'opened'; readonly live: LiveIncident }
  /** `newlyLooping`: this signal turned it into a crash loop. */
  | { readonly kind: 'repeat'; readonly live: LiveIncident; readonly newlyLooping: boolean };

export interface OpenIncidents {
  fold(signal: Signal): Folded;
  /** Counts a signal that is not to open or change an incident, if it repeats one. Returns whether it does. */
  countRepeat(signal: Signal): boolean;
  /** Adds an incident from the store after a restart of the agent. */
  adopt(incident: Incident, phase: LiveIncident['phase'], severity?: Severity): LiveIncident;
  resolve(live: LiveIncident): void;
  /** Removes the incidents that are over and returns them. `listed`: all watched containers. */
  expire(now: number, listed: readonly ListedContainer[]): readonly LiveIncident[];
  /** Incidents whose counts changed since the last call. */
  takeDirty(): readonly Incident[];
  open(): readonly LiveIncident[];
  /** Those that are open, and those that were resolved less than a minute ago. */
  recent(): readonly LiveIncident[];
}

const MAX_EVIDENCE = 20;
/** The number of errors that are kept as samples of a log storm. */
const STORM_SAMPLES = 5;
/** The engine reports `oom` and `die` of one kill within moments; the last log lines arrive after both. */
const SAME_DEATH_MS = 5_000;
/** Log timestamps may be slightly later than the event of the death. */
const LAST_OUTPUT_MS = 1_000;
/** After such a pause, errors of the same kind may have another cause. */
const BURST_PAUSE_MS = 60_000;
/** Lines that an earlier run read without saving its position are read again right after the first listing. */
const KEPT_AFTER_RECOVERY_MS = 60_000;
/** Limits memory. Beyond it, the settled incident that has been quiet the longest is forgotten; the store still has it. */
const MAX_OPEN = 10_000;

export function createOpenIncidents(options: {
  newId(): string;
  now(): number;
  readonly maxOpen?: number;
}): OpenIncidents {
  const { maxOpen = MAX_OPEN } = options;
  const byKey = new Map<string, LiveIncident>();
  const all = new Set<LiveIncident>();

  const add = (live: LiveIncident, key: string): void => {
    all.add(live);
    live.keys.add(key);
    byKey.set(key, live);
  };

  const remove = (live: LiveIncident): void => {
    all.delete(live);
    for (const key of live.keys) if (byKey.get(key) === live) byKey.delete(key);
  };

  const count = (live: LiveIncident, signal: Signal): void => {
    // A signal that joined is further evidence of an occurrence, not another occurrence.
    const repeats = signal.fingerprint === live.incident.fingerprint ? 1 : 0;
    if (signal.at - live.incident.lastSeenAt > BURST_PAUSE_MS) live.burstAt = options.now();
    live.incident = {
      ...live.incident,
      container: signal.container,
      occurrences: live.incident.occurrences + repeats,
      lastSeenAt: Math.max(live.incident.lastSeenAt, signal.at),
    };
    live.dirty = true;
  };

  const join = (live: LiveIncident, signal: Signal): void => {
    if (live.evidence.length < MAX_EVIDENCE) live.evidence.push(signal);
    live.incident = {
      ...live.incident,
      detectors: [...new Set([...live.incident.detectors, signal.detector])],
      patterns: [...new Set([...live.incident.patterns, ...signal.patterns])].slice(0, MAX_EVIDENCE),
    };
  };

  const evictQuietest = (): void => {
    let quietest: LiveIncident | undefined;
    for (const live of all) {
      if (live.phase !== 'settled') continue;
      if (!quietest || live.incident.lastSeenAt < quietest.incident.lastSeenAt) quietest = live;
    }
    if (quietest) remove(quietest);
  };

  return {
    fold(signal) {
      const key = keyOf(signal);
      let live = byKey.get(key);
      if (live && isPast(live, signal)) {
        remove(live);
        live = undefined;
      }
      if (!live) {
        live = findRelated(all, signal);
        if (live) {
          add(live, key);
          join(live, signal);
        }
      }
      if (live) {
        count(live, signal);
        if (signal.detector === 'storm' && live.phase === 'settling' && live.evidence.length < STORM_SAMPLES) {
          live.evidence.push(signal);
        }
        const newlyLooping = signal.detector === 'crash_loop' && !live.looping;
        if (newlyLooping) live.looping = true;
        return { kind: 'repeat', live, newlyLooping };
      }

      if (all.size >= maxOpen) evictQuietest();
      const opened: LiveIncident = {
        incident: {
          id: options.newId(),
          container: signal.container,
          fingerprint: signal.fingerprint,
          detector: signal.detector,
          detectors: [signal.detector],
          summary: signal.summary,
          patterns: signal.patterns,
          openedAt: options.now(),
          lastSeenAt: signal.at,
          occurrences: 1,
          state: 'open',
        },
        phase: 'settling',
        burstAt: options.now(),
        evidence: [signal],
        looping: signal.detector === 'crash_loop',
        dirty: false,
        keys: new Set(),
      };
      add(opened, key);
      return { kind: 'opened', live: opened };
    },

    countRepeat(signal) {
      const live = byKey.get(keyOf(signal));
      if (live === undefined || isPast(live, signal)) return false;
      count(live, signal);
      return true;
    },

    adopt(incident, phase, severity) {
      const live: LiveIncident = {
        incident,
        phase,
        burstAt: incident.openedAt,
        evidence: [],
        severity,
        looping: incident.detector === 'crash_loop',
        dirty: false,
        keys: new Set(),
      };
      add(live, keyOf(incident));
      return live;
    },

    resolve(live) {
      live.resolvedAt = options.now();
    },

    expire(now, listed) {
      const byId = new Map(listed.map((container) => [container.ref.id, container]));
      for (const live of all) {
        if (live.resolvedAt !== undefined && now - live.resolvedAt > KEPT_AFTER_RECOVERY_MS) remove(live);
      }
      const ended = [...all].filter(
        (live) => live.resolvedAt === undefined && live.phase === 'settled' && isOver(live.incident, byId, now),
      );
      for (const live of ended) remove(live);
      return ended;
    },

    takeDirty() {
      const dirty = [...all].filter((live) => live.dirty);
      for (const live of dirty) live.dirty = false;
      return dirty.map((live) => live.incident);
    },

    open: () => [...all].filter((live) => live.resolvedAt === undefined),
    recent: () => [...all],
  };
}

function keyOf({ container, fingerprint }: Pick<Signal, 'container' | 'fingerprint'>): string {
  return `${serviceKey(container)}/${fingerprint}`;
}

function findRelated(all: ReadonlySet<LiveIncident>, signal: Signal): LiveIncident | undefined {
  for (const live of all) {
    if (isPast(live, signal)) continue;
    if (live.incident.container.id === signal.container.id && isSameProblem(live, signal)) return live;
  }
  return undefined;
}

/** The incident has recovered, and the signal is newer than all of its signals. */
function isPast(live: LiveIncident, signal: Signal): boolean {
  return live.resolvedAt !== undefined && signal.at > live.incident.lastSeenAt;
}

/** Whether a signal with another fingerprint is more evidence of an incident of the same container. */
function isSameProblem(live: LiveIncident, signal: Signal): boolean {
  const { incident, phase } = live;
  const { joins, separate } = DETECTOR_INFO[signal.detector];
  const since = signal.at - incident.lastSeenAt;
  if (phase === 'settling') return !separate && !DETECTOR_INFO[incident.detector].separate;

  // It was decided while the main process ran; the end of the process needs a decision of its own.
  const newlyEnded = processEnded([signal.detector]) && !processEnded(incident.detectors);
  if (phase === 'settled' && newlyEnded && incident.detectors.includes('oom')) return false;

  if (isPartOfDeath(incident.detectors)) {
    switch (joins.death) {
      case 'any':
        return true;
      case 'same':
        return Math.abs(since) <= SAME_DEATH_MS;
      case 'last_output':
        return since <= LAST_OUTPUT_MS && since >= -SAME_DEATH_MS;
      case 'no':
        break;
      default:
        return joins.death satisfies never;
    }
  }
  // A minor error that people know of must not hide that the container is now down.
  return since <= joins.causeWithinMs && joins.causeWithinMs > 0 && (phase === 'handling' || live.severity === 'high');
}

function isOver(incident: Incident, listed: ReadonlyMap<string, ListedContainer>, now: number): boolean {
  const { quietMs, overOnlyIfRunning } = DETECTOR_INFO[incident.detector];
  if (now - incident.lastSeenAt < quietMs) return false;
  if (!overOnlyIfRunning) return true;
  const container = listed.get(incident.container.id);
  return !container || (container.status === 'running' && container.health !== 'unhealthy');
}
