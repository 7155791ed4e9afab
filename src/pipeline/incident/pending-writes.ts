import type { Clock } from '../../lib/time.ts';

/** Incidents that are open in memory and not yet in the store. */
export interface Unwritten {
  add(incidentId: string): void;
  /** It is written down, or cannot be. */
  remove(incidentId: string): void;
  /** Resolves when none of those that are unwritten now is left. */
  none(): Promise<void>;
}

/** An incident that takes longer is stuck behind something broken; it must not hold up what all others need. */
const PATIENCE_MS = 60_000;

export function createUnwritten(clock: Clock): Unwritten {
  const open = new Map<string, PromiseWithResolvers<void>>();
  return {
    add: (id) => void open.set(id, Promise.withResolvers()),
    remove(id) {
      open.get(id)?.resolve();
      open.delete(id);
    },
    async none() {
      if (open.size === 0) return;
      const patience = new AbortController();
      const all = Promise.all(Array.from(open.values(), ({ promise }) => promise));
      await Promise.race([all, clock.sleep(PATIENCE_MS, patience.signal)]);
      patience.abort();
    },
  };
}
