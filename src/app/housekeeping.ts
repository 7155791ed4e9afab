import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { Observer } from '../pipeline/observer.ts';
import type { Store } from '../store/store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PRUNE_EVERY_MS = 6 * HOUR_MS;
/**
 * The agent is idle after this time without activity. Longer than the time between two steps of handling an incident.
 */
const IDLE_MS = 60_000;

/** Returns a task that prunes the store every few hours, when the agent is idle. It runs until its signal aborts. */
export function createPruner(options: {
  readonly store: Pick<Store, 'prune'>;
  readonly retention: { readonly days: number; readonly incidents: number };
  /** Returns a value that changes with every activity. */
  lastActivity(): number;
  readonly clock: Clock;
  readonly logger: Logger;
}): (stopped: AbortSignal) => Promise<void> {
  const { store, retention, lastActivity, clock, logger } = options;
  const kept = {
    resolvedIncidentsMs: retention.days * DAY_MS,
    maxResolvedIncidents: retention.incidents,
    ledgerMs: retention.days * DAY_MS,
  };

  /** Resolves after IDLE_MS without activity, or after an hour. */
  const idle = async (stopped: AbortSignal): Promise<void> => {
    for (const begun = clock.monotonic(); clock.monotonic() - begun < HOUR_MS && !stopped.aborted; ) {
      const activityBefore = lastActivity();
      await clock.sleep(IDLE_MS, stopped);
      if (lastActivity() === activityBefore) return;
    }
  };

  return async (stopped) => {
    while (!stopped.aborted) {
      await idle(stopped);
      if (stopped.aborted) return;
      await store.prune({ retention: kept, signal: stopped }).catch((error: unknown) => {
        logger.warn('the store could not be pruned', { error: String(error) });
      });
      await clock.sleep(PRUNE_EVERY_MS, stopped);
    }
  };
}

/** Wraps the observer. `lastAt`: when an incident was last opened or decided on. */
export function trackActivity(observer: Observer, clock: Clock): { readonly observer: Observer; lastAt(): number } {
  let lastAt = clock.now();
  return {
    observer: {
      ...observer,
      incidentOpened(opened) {
        lastAt = clock.now();
        observer.incidentOpened(opened);
      },
      decision(decision) {
        lastAt = clock.now();
        observer.decision(decision);
      },
    },
    lastAt: () => lastAt,
  };
}
