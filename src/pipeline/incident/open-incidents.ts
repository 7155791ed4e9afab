import type { ContainerRef, Incident, ListedContainer, Severity, Signal } from '../../domain.ts';

/**
 * The open incidents, in memory. An incident is found by service and fingerprint; signals that are other
 * evidence of the same trouble (the error a process logged before it died of it) join it.
 *
 * Phases of an open incident:
 *   settling  opened; more evidence is awaited, nobody has been asked yet
 *   handling  being diagnosed, decided, restarted, verified
 *   settled   handled; what repeats is only counted
 */
export interface LiveIncident {
  incident: Incident;
  phase: 'settling' | 'handling' | 'settled';
  /** The signals that opened and joined it, at most EVIDENCE_KEPT. */
  readonly evidence: Signal[];
  /** Known once diagnosed. */
  severity?: Severity;
  /** It was told that the container crashes in a loop. */
  looping: boolean;
  /** Occurrences not yet written down. */
  dirty: boolean;
  readonly keys: Set<string>;
  /** When it was resolved. What was seen before it ended, read again after a restart of the agent, still belongs to it. */
  overSince?: number;
}

export type Folded =
  | { readonly kind: 'opened'; readonly live: LiveIncident }
  /** `newlyLooping`: this signal turned it into a crash loop. */
  | { readonly kind: 'repeat'; readonly live: LiveIncident; readonly newlyLooping: boolean };

export interface Incidents {
  fold(signal: Signal): Folded;
  /** Takes up an incident from the store after a restart of the agent. */
  adopt(incident: Incident, phase: LiveIncident['phase'], severity?: Severity): LiveIncident;
  resolve(live: LiveIncident): void;
  /** Ends what has been quiet long enough and returns it. `listed` are all watched containers. */
  expire(now: number, listed: readonly ListedContainer[]): readonly LiveIncident[];
  /** Incidents whose counts changed since the last call. */
  takeDirty(): readonly Incident[];
  open(): readonly LiveIncident[];
}

const EVIDENCE_KEPT = 20;
/** Of the many kinds of errors in a log storm, so many are shown. */
const STORM_SAMPLES = 5;
/** An error logged so shortly before a death is taken for its cause. */
const CAUSE_BEFORE_DEATH_MS = 10_000;
/** The engine reports `oom` and `die` of one kill within moments; log lines flushed at the end arrive after both. */
const SAME_DEATH_MS = 5_000;
/** A health check usually fails within a few of its intervals after the error that broke it. */
const CAUSE_BEFORE_UNHEALTHY_MS = 60_000;
/** Errors come in bouts; half an hour of silence ends one. */
const LOG_QUIET_MS = 30 * 60_000;
/** A container that has been well for this long has left its crash behind (the engine's own back-off ends at a minute). */
const WELL_FOR_MS = 10 * 60_000;
/** What an earlier run had read without noting it comes again within moments of the first listing. */
const OVER_KEPT_MS = 60_000;
/** Memory's bound; beyond it the longest-quiet settled incident is forgotten (the store still has it). */
const MAX_OPEN = 10_000;

export function createIncidents(options: { newId(): string; now(): number }): Incidents {
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
    // What joined is another sign of the same occurrence, not one more.
    const again = signal.fingerprint === live.incident.fingerprint ? 1 : 0;
    live.incident = {
      ...live.incident,
      container: signal.container,
      occurrences: live.incident.occurrences + again,
      lastSeenAt: Math.max(live.incident.lastSeenAt, signal.at),
    };
    live.dirty = true;
  };

  const join = (live: LiveIncident, signal: Signal): void => {
    if (live.evidence.length < EVIDENCE_KEPT) live.evidence.push(signal);
    live.incident = {
      ...live.incident,
      patterns: [...new Set([...live.incident.patterns, ...signal.patterns])].slice(0, EVIDENCE_KEPT),
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
      const key = keyOf(signal.container, signal.fingerprint);
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

      if (all.size >= MAX_OPEN) evictQuietest();
      const opened: LiveIncident = {
        incident: {
          id: options.newId(),
          container: signal.container,
          fingerprint: signal.fingerprint,
          detector: signal.detector,
          summary: signal.summary,
          patterns: signal.patterns,
          openedAt: options.now(),
          lastSeenAt: signal.at,
          occurrences: 1,
          state: 'open',
        },
        phase: 'settling',
        evidence: [signal],
        looping: signal.detector === 'crash_loop',
        dirty: false,
        keys: new Set(),
      };
      add(opened, key);
      return { kind: 'opened', live: opened };
    },

    adopt(incident, phase, severity) {
      const live: LiveIncident = {
        incident,
        phase,
        evidence: [],
        severity,
        looping: incident.detector === 'crash_loop',
        dirty: false,
        keys: new Set(),
      };
      add(live, keyOf(incident.container, incident.fingerprint));
      return live;
    },

    resolve(live) {
      live.overSince = options.now();
    },

    expire(now, listed) {
      const byId = new Map(listed.map((container) => [container.ref.id, container]));
      for (const live of all) {
        if (live.overSince !== undefined && now - live.overSince > OVER_KEPT_MS) remove(live);
      }
      const ended = [...all].filter(
        (live) => live.overSince === undefined && live.phase === 'settled' && isOver(live.incident, byId, now),
      );
      for (const live of ended) remove(live);
      return ended;
    },

    takeDirty() {
      const dirty = [...all].filter((live) => live.dirty);
      for (const live of dirty) live.dirty = false;
      return dirty.map((live) => live.incident);
    },

    open: () => [...all].filter((live) => live.overSince === undefined),
  };
}

function keyOf(container: ContainerRef, fingerprint: string): string {
  return `${container.project ?? ''}/${container.service}/${fingerprint}`;
}

function findRelated(all: ReadonlySet<LiveIncident>, signal: Signal): LiveIncident | undefined {
  for (const live of all) {
    if (isPast(live, signal)) continue;
    if (live.incident.container.id === signal.container.id && isSameTrouble(live, signal)) return live;
  }
  return undefined;
}

/** The incident is over, and this came after all that belonged to it. */
function isPast(live: LiveIncident, signal: Signal): boolean {
  return live.overSince !== undefined && signal.at > live.incident.lastSeenAt;
}

/**
 * Whether a signal with another fingerprint is more evidence of an incident of the same container. In doubt
 * no: an incident too many costs a request, one too few hides a problem.
 */
function isSameTrouble(live: LiveIncident, signal: Signal): boolean {
  const { incident, phase } = live;
  const since = signal.at - incident.lastSeenAt;
  // What went wrong in the same breath, before anyone was asked, is told together.
  // A storm is a fact of its own: it says that more went wrong than can be told apart.
  if (phase === 'settling') return incident.detector !== 'storm' && signal.detector !== 'storm';

  const incidentDied = isDeath(incident.detector) || live.evidence.some((e) => isDeath(e.detector));
  switch (signal.detector) {
    case 'crash':
    case 'oom':
      if (incidentDied && Math.abs(since) <= SAME_DEATH_MS) return true;
      if (incidentDied) return false;
      // A mild, already told error must not hide that the container is now down.
      return since <= CAUSE_BEFORE_DEATH_MS && (phase === 'handling' || live.severity === 'high');
    case 'crash_loop':
      return incidentDied;
    case 'health':
      return since <= CAUSE_BEFORE_UNHEALTHY_MS && (phase === 'handling' || live.severity === 'high');
    case 'log':
    case 'storm':
      // The last words of a process that died: read from its log after the event.
      return incidentDied && since <= 1_000 && since >= -SAME_DEATH_MS;
    default:
      return signal.detector satisfies never;
  }
}

function isDeath(detector: Signal['detector']): boolean {
  return detector === 'crash' || detector === 'oom' || detector === 'crash_loop';
}

function isOver(incident: Incident, listed: ReadonlyMap<string, ListedContainer>, now: number): boolean {
  const quiet = now - incident.lastSeenAt;
  if (incident.detector === 'log' || incident.detector === 'storm') return quiet >= LOG_QUIET_MS;
  if (quiet < WELL_FOR_MS) return false;
  const container = listed.get(incident.container.id);
  return !container || (container.status === 'running' && container.health !== 'unhealthy');
}
