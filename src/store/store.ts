import { StoreError } from '../errors.ts';
import type {
  AttemptStore,
  CursorStore,
  HistoryStore,
  IncidentStore,
  Ledger,
  Logger,
  Outbox,
} from '../pipeline/ports.ts';
import { createAttemptStore } from './attempts.ts';
import { type Backend, openBackend } from './backend.ts';
import { createCursorStore } from './cursors.ts';
import { createGuard } from './guard.ts';
import { createHistoryStore } from './history.ts';
import { createIncidentStore } from './incidents.ts';
import { createLedger } from './ledger.ts';
import { createNotes } from './notes.ts';
import { createOutbox } from './outbox.ts';
import { DEFAULT_RETENTION, type Pruned, prune, type Retention } from './prune.ts';

export type Store = CursorStore &
  Ledger &
  IncidentStore &
  AttemptStore &
  Outbox &
  HistoryStore & {
    /** Whether what is saved now is durable and what is read is all there was: limits may be relied on. */
    healthy(): boolean;
    /** Why not, in words for a person; undefined while healthy. */
    problem(): string | undefined;
    /** Tries a write, so that a store that failed is found well again (or ill) without waiting for an incident. */
    probe(): Promise<boolean>;
    /** Deletes what is older than `retention` allows, in small batches, and gives the space back. */
    prune(options?: { readonly retention?: Partial<Retention>; readonly signal?: AbortSignal }): Promise<Pruned>;
    /** Waits for what is under way. Later calls reject; a second close does nothing. */
    close(): Promise<void>;
  };

export interface StoreOptions {
  /** Created where it is missing. */
  readonly dataDir: string;
  now(): number;
  readonly logger: Logger;
}

/**
 * Opens the store in `dataDir`. Every write is on the disk when its promise resolves.
 *
 * Where the directory cannot be used, the store lives in memory and says so: `healthy()` stays false until the agent
 * is started again. A damaged file is set aside and a new one begun, unhealthy for an hour since restart limits are
 * not known. While the store runs, a read or write that the disk refuses rejects with a StoreError `unavailable` and
 * makes it unhealthy until a write succeeds; `missing` where a diagnosis, a decision or the end of an attempt has no
 * row to belong to.
 *
 * Throws a StoreError `locked` where another agent uses the directory, and `newer_schema` where a newer program
 * has written there: in both cases going on would do harm.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return createStore(await openBackend(options), options);
}

/** The store on a backend whose schema is up to date. */
export function createStore(backend: Backend, { now, logger }: Pick<StoreOptions, 'now' | 'logger'>): Store {
  const { db } = backend;
  const guard = createGuard({ logger, isOutage: backend.isOutage });
  const notes = createNotes(db);
  let closing: Promise<void> | undefined;

  function problem(): string | undefined {
    return guard.trouble() ?? backend.problem(now());
  }

  return {
    ...createCursorStore(db, guard),
    ...createLedger(db, guard),
    ...createIncidentStore(db, guard, now),
    ...createAttemptStore(db, guard),
    ...createOutbox(db, guard, now),
    ...createHistoryStore(db, guard),

    healthy: () => problem() === undefined,
    problem,

    async probe() {
      try {
        await guard.write('write to the store', () => notes.set('probed_at', String(now())));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
      return problem() === undefined;
    },

    async prune({ retention, signal } = {}) {
      const limits = { ...DEFAULT_RETENTION, ...retention };
      const pruned = await prune(db, guard, { now: now(), retention: limits, signal });
      await guard.write('give space back', async () => backend.tidy());
      return pruned;
    },

    close() {
      closing ??= guard.drain().then(() => backend.close());
      return closing;
    },
  };
}
