import type { Incident } from '../../domain/incident.ts';
import { dropOldest } from '../../lib/bounded.ts';
import { type Clock, waitAtMost } from '../../lib/time.ts';
import type { IncidentStore } from '../ports/store.ts';

/**
 * The order in which log positions and incidents are saved: a position after the incidents that its lines opened,
 * and before such an incident is resolved. So whenever the agent is killed, it either reads a line again or finds its
 * incident in the store, and it never opens an incident that is over a second time.
 */
export interface WriteOrder<Store extends IncidentStore> {
  /** Keeps the order. */
  readonly store: Store;
  /** An incident was opened in memory. */
  opened(incidentId: string): void;
  /** Resolves when all incidents that are open now have been saved, or could not be. Positions may then be saved. */
  incidentsSaved(): Promise<void>;
}

/** If an incident is not saved by then, something is broken. It must not delay the positions of all logs further. */
const PATIENCE_MS = 60_000;
/** Limits memory while the store cannot be written. */
const MAX_FAILED = 1_000;

/**
 * `positionsSaved` resolves when the log positions known now have been saved, or could not be. `beforeResolved` is called
 * before an incident is stored as resolved, `resolved` after it. Neither may reject.
 */
export function createWriteOrder<Store extends IncidentStore>(
  store: Store,
  {
    clock,
    positionsSaved,
    beforeResolved = async () => {},
    resolved = async () => {},
  }: {
    readonly clock: Clock;
    positionsSaved(): Promise<void>;
    beforeResolved?(incidentId: string): Promise<void>;
    resolved?(incidentId: string): Promise<void>;
  },
): WriteOrder<Store> {
  const unsaved = new Map<string, PromiseWithResolvers<void>>();

  const saved = (id: string): void => {
    unsaved.get(id)?.resolve();
    unsaved.delete(id);
  };

  /** Could not be saved: the store was away for a moment. What is written about them later needs them. */
  const failed = new Map<string, Incident>();

  const save = async (incident: Incident): Promise<void> => {
    try {
      await store.saveIncident(incident);
      failed.delete(incident.id);
    } catch (error) {
      failed.set(incident.id, incident);
      dropOldest(failed, MAX_FAILED);
      throw error;
    } finally {
      saved(incident.id);
    }
  };

  const saveFirst = async (id: string): Promise<void> => {
    const incident = failed.get(id);
    if (incident !== undefined) await save(incident);
  };

  return {
    store: {
      ...store,
      saveIncident: save,
      async saveDiagnosis(...args: Parameters<IncidentStore['saveDiagnosis']>) {
        await saveFirst(args[0]);
        await store.saveDiagnosis(...args);
      },
      async saveDecision(...args: Parameters<IncidentStore['saveDecision']>) {
        await saveFirst(args[0]);
        await store.saveDecision(...args);
      },
      async resolveIncident(id: string, at: number) {
        await Promise.all([positionsSaved(), beforeResolved(id)]);
        await store.resolveIncident(id, at);
        await resolved(id);
      },
    },

    opened: (id) => void unsaved.set(id, Promise.withResolvers()),

    async incidentsSaved() {
      if (unsaved.size === 0) return;
      const all = Promise.all(Array.from(unsaved.values(), ({ promise }) => promise));
      await waitAtMost(PATIENCE_MS, all, clock);
    },
  };
}
