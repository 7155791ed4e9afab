import { StoreError } from '../errors.ts';
import type {
  AttemptStore,
  CursorStore,
  HistoryStore,
  IncidentStore,
  Ledger,
  Outbox,
  ReviewStore,
} from '../pipeline/ports.ts';
import { createAttemptStore } from './attempts.ts';
import { agentOf, type Backend, type BackendOptions, openBackend, openPlace } from './backend.ts';
import { carryOver } from './carry-over.ts';
import { createCursorStore } from './cursors.ts';
import { createGuard } from './guard.ts';
import { createHistoryStore } from './history.ts';
import { createIncidentStore } from './incidents.ts';
import { createLedger } from './ledger.ts';
import { openMemory } from './memory.ts';
import { createNotes } from './notes.ts';
import { createOutbox } from './outbox.ts';
import { DEFAULT_RETENTION, type Pruned, prune, type Retention } from './prune.ts';
import { createReviewStore } from './reviews.ts';
import { createUsage } from './usage.ts';

export type Store = CursorStore &
  Ledger &
  IncidentStore &
  AttemptStore &
  Outbox &
  HistoryStore &
  ReviewStore & {
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

export type StoreOptions = BackendOptions;

/** A database that is started again fails one probe; what fails the next is gone for longer. */
const FAILED_PROBES = 2;

/**
 * Opens the store. Every write is on the disk when its promise resolves.
 *
 * Where its place cannot be used, the store lives in memory and says so: `healthy()` is false until a `probe()` finds
 * the place usable; what was written meanwhile is then brought there. A place that fails for two probes is left for
 * memory in the same way. A damaged file is set aside and a new one begun,
 * unhealthy for an hour since restart limits are not known. While the store runs, a read or write that the place
 * refuses rejects with a StoreError `unavailable` and makes it unhealthy until a write succeeds; `missing` where a
 * diagnosis, a decision or the end of an attempt has no row to belong to.
 *
 * Throws a StoreError `locked` where another agent uses the directory or the name, and `newer_schema` where a newer
 * program has written there: in both cases going on would do harm.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { now, logger } = options;
  let backend = await openBackend(options);
  const place = { db: backend.db, agent: agentOf(options.where) };
  const guard = createGuard({
    logger,
    isOutage: (error) => backend.isOutage(error),
    isDamage: (error) => backend.isDamage(error),
  });
  const notes = createNotes(place);
  const usage = createUsage({ agent: place.agent, now });
  await guard
    .read('read what Claude was asked lately', () => usage.learn(place.db))
    .catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  let closing: Promise<void> | undefined;
  let failedProbes = 0;

  function problem(): string | undefined {
    return guard.trouble() ?? backend.problem(now());
  }

  function moveTo(next: Backend): void {
    backend = next;
    place.db = next.db;
  }

  /** From memory to the place, where that can be used again. */
  async function moveBack(): Promise<void> {
    const next = await openPlace(options);
    try {
      await guard.alone(async () => {
        await carryOver(place.db, next.db, place.agent);
        await usage.learn(next.db);
        const memory = backend;
        moveTo(next);
        await memory.close();
      });
    } catch (error) {
      if (backend !== next) await next.close();
      throw error;
    }
    logger.info('the store is back in its place, with what was kept in memory meanwhile');
  }

  /** Opens the place anew, where a damaged file is found damaged and set aside; else the store goes to memory. */
  async function reopen(): Promise<void> {
    await guard.alone(async () => {
      await backend.close();
      // Taken by another meanwhile, or written by a newer program: no reason to stop what is under way.
      moveTo(await openBackend(options).catch((error: unknown) => openMemory({ problem: String(error), now })));
      await usage
        .teach(place.db)
        .catch((error: unknown) => logger.error('what Claude has cost lately may not count', { error: String(error) }));
    });
  }

  return {
    ...createCursorStore(place, guard),
    ...createLedger(place, guard, usage),
    ...createIncidentStore(place, guard, now),
    ...createAttemptStore(place, guard),
    ...createOutbox(place, guard, now),
    ...createHistoryStore(place, guard),
    ...createReviewStore(place, guard),

    healthy: () => problem() === undefined,
    problem,

    async probe() {
      try {
        if (backend.inMemory) await moveBack();
        await guard.write('write to the store', () => notes.set('probed_at', String(now())));
        failedProbes = 0;
      } catch (error) {
        logger.debug('the store is not well', { error: String(error) });
        failedProbes += 1;
      }
      const lost = guard.trouble() !== undefined && failedProbes >= FAILED_PROBES;
      if (guard.damaged() || (lost && !backend.inMemory)) await reopen();
      return problem() === undefined;
    },

    async prune({ retention, signal } = {}) {
      const limits = { ...DEFAULT_RETENTION, ...retention };
      const pruned = await prune(place, guard, { now: now(), retention: limits, signal });
      await guard.write('give space back', () => backend.tidy(signal));
      return pruned;
    },

    close() {
      closing ??= guard.drain().then(() => backend.close());
      return closing;
    },
  };
}
