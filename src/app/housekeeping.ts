import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { Observer } from '../pipeline/observer.ts';
import type { Store } from '../store/store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PRUNE_EVERY_MS = 6 * HOUR_MS;
/** An incident's handling takes seconds between its steps; this is well beyond. */
const QUIET_MS = 60_000;

/** Deletes what is past its retention, now and then, when nothing else is going on. */
export function createTidy(options: {
  readonly store: Pick<Store, 'prune'>;
  readonly retention: { readonly days: number; readonly incidents: number };
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

  /** Resolves when no incident was opened or handled for a while, or after an hour all the same. */
  const quiet = async (stopped: AbortSignal): Promise<void> => {
    for (const begun = clock.now(); clock.now() - begun < HOUR_MS && !stopped.aborted; ) {
      const busyAt = lastActivity();
      await clock.sleep(QUIET_MS, stopped);
      if (lastActivity() === busyAt) return;
    }
  };

  return async (stopped) => {
    while (!stopped.aborted) {
      await quiet(stopped);
      if (stopped.aborted) return;
      await store.prune({ retention: kept, signal: stopped }).catch((error: unknown) => {
        logger.warn('the store could not be pruned', { error: String(error) });
      });
      await clock.sleep(PRUNE_EVERY_MS, stopped);
    }
  };
}

/** The observer, and when an incident was last opened or decided on. */
export function noteActivity(observer: Observer, clock: Clock): { readonly observer: Observer; lastAt(): number } {
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
