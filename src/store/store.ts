import { StoreError } from '../errors.ts';
import type { FleetActions, FleetMessages, FleetStore, SharedKnowledge } from '../pipeline/ports/fleet.ts';
import type { EvidenceStore, PageStore, TimelineStore } from '../pipeline/ports/pages.ts';
import type { PeopleRecords } from '../pipeline/ports/people.ts';
import type {
  AttemptStore,
  ConfigurationStore,
  CursorStore,
  DependencyStore,
  DigestStore,
  FloodStore,
  FollowedIncidents,
  HistoryStore,
  IncidentStore,
  Ledger,
  Outbox,
  ReceiverMemory,
  ReviewStore,
} from '../pipeline/ports/store.ts';
import { createAttemptStore } from './attempts.ts';
import { createAuditStore } from './audit.ts';
import { createConfigurationStore } from './configurations.ts';
import { createCursorStore } from './cursors.ts';
import { createDependencyStore } from './dependencies.ts';
import { createDigestStore } from './digests.ts';
import { copyRows } from './engines/copy-rows.ts';
import { openMemory } from './engines/memory.ts';
import { openConfigured, openConfiguredOrMemory } from './engines/open.ts';
import { agentOf, type StorageEngine, type StorageEngineOptions } from './engines/storage-engine.ts';
import { createEvidenceStore } from './evidence.ts';
import { createFleetStore } from './fleet.ts';
import { createFleetActions } from './fleet-actions.ts';
import type { FleetLimits } from './fleet-limits.ts';
import { createFleetMessages, type Destinations } from './fleet-messages.ts';
import { createFloodStore } from './floods.ts';
import { createFollowedIncidents } from './followed-incidents.ts';
import { createHistoryStore } from './history.ts';
import { createIncidentStore } from './incidents.ts';
import { createLedger } from './ledger.ts';
import { createMetadata } from './metadata.ts';
import { createOutbox } from './outbox.ts';
import { createPageStore } from './pages/page-store.ts';
import { DEFAULT_RETENTION, type Pruned, prune, type Retention } from './prune.ts';
import { createQueryRunner } from './query-runner.ts';
import { createRecentUsage } from './recent-usage.ts';
import { createRequestStore } from './restart-requests.ts';
import { createReviewStore } from './reviews.ts';
import { createSharedKnowledge } from './shared-knowledge.ts';
import { createSnoozeStore } from './snoozes.ts';
import { createTimelineStore } from './timeline-events.ts';

export type Store = CursorStore &
  ConfigurationStore &
  DependencyStore &
  Ledger &
  IncidentStore &
  AttemptStore &
  Outbox &
  FollowedIncidents &
  FloodStore &
  DigestStore &
  ReceiverMemory &
  HistoryStore &
  EvidenceStore &
  TimelineStore &
  PageStore &
  ReviewStore &
  FleetStore &
  FleetActions &
  FleetMessages &
  SharedKnowledge &
  PeopleRecords & {
    /** Whether writes are durable and reads are complete. Only then can limits be enforced. */
    healthy(): boolean;
    /** The error to show to users; undefined while the store is healthy. */
    problem(): string | undefined;
    /** Tries a write, so that a failure or a recovery is noticed before the next incident. Resolves to `healthy()`. */
    probe(): Promise<boolean>;
    /** Deletes rows older than `retention` allows, in small transactions, and returns their space to the disk. */
    prune(options?: { readonly retention?: Partial<Retention>; readonly signal?: AbortSignal }): Promise<Pruned>;
    /** Waits for running queries. Later calls reject; a second close does nothing. */
    close(): Promise<void>;
  };

export interface StoreOptions extends StorageEngineOptions {
  /** Used if the database is shared. */
  readonly fleetLimits?: FleetLimits;
  /** Used if the database is shared. */
  readonly destinations?: Destinations;
}

/** A restart of the database fails one probe; a longer outage also fails the next one. */
const FAILED_PROBES_BEFORE_MEMORY = 2;

/**
 * Opens the store. When the promise of a write resolves, the data is on disk.
 *
 * - If the database cannot be used at start or for two probes, the store moves to memory, and `healthy()` is false.
 *   Each `probe()` tries the database again. Once it works, the data in memory is copied to it.
 * - If the file is damaged, it is renamed and replaced. `healthy()` is false for an hour, because the number of recent
 *   restarts is unknown.
 * - If a query fails, it rejects with a StoreError `unavailable`, and `healthy()` is false until a write succeeds.
 * - A diagnosis, a decision or the result of an attempt is rejected with a StoreError `missing` if its incident or
 *   attempt is not in the store.
 *
 * Throws a StoreError `locked` if another agent uses the directory or the name, and `newer_schema` if a newer program
 * has written there. Continuing would do harm in both cases.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { receivers, now, logger } = options;
  let engine = await openConfiguredOrMemory(options);
  const canBeShared = 'databaseUrl' in options.where;
  const current = { db: engine.db, agent: agentOf(options.where), isShared: canBeShared && !engine.inMemory };
  const queries = createQueryRunner({
    logger,
    isOutage: (error) => engine.isOutage(error),
    isDamage: (error) => engine.isDamage(error),
  });
  const metadata = createMetadata(current);
  const usage = createRecentUsage({ agent: current.agent, now });
  await queries
    .read('read the recent usage of Claude', () => usage.loadFrom(current.db))
    .catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  let closing: Promise<void> | undefined;
  let failedProbes = 0;

  function problem(): string | undefined {
    return queries.problem() ?? engine.problem(now());
  }

  function switchTo(next: StorageEngine): void {
    engine = next;
    current.db = next.db;
    current.isShared = canBeShared && !next.inMemory;
  }

  /** Moves from memory to the configured database. Throws if the database still cannot be used. */
  async function leaveMemory(): Promise<void> {
    const next = await openConfigured(options);
    try {
      await queries.exclusively(async () => {
        await copyRows(current.db, next.db, current.agent);
        await usage.loadFrom(next.db);
        const memory = engine;
        switchTo(next);
        await memory.close();
      });
    } catch (error) {
      if (engine !== next) await next.close();
      throw error;
    }
    logger.info('the store is available again; the data kept in memory was saved to it');
  }

  /** Reopens the database, which replaces a damaged file. If that fails, the store moves to memory. */
  async function reopen(): Promise<void> {
    await queries.exclusively(async () => {
      await engine.close();
      // Use memory even if the store is locked or has a newer schema: a running agent must not stop.
      switchTo(await openConfiguredOrMemory(options).catch((error) => openMemory({ problem: String(error), now })));
      await usage.saveTo(current.db).catch((error: unknown) =>
        logger.error(
          'recent usage of Claude could not be saved: it may not count toward the hourly cap and the budget',
          {
            error: String(error),
          },
        ),
      );
    });
  }

  return {
    ...createCursorStore(current, queries),
    ...createLedger(current, queries, usage, options.fleetLimits),
    ...createIncidentStore(current, queries, now),
    ...createAttemptStore(current, queries, options.fleetLimits),
    ...createOutbox(current, queries, now, options.destinations),
    ...createFollowedIncidents(current, queries, now),
    ...createFloodStore(current, queries),
    ...createDigestStore(current, queries),
    ...createHistoryStore(current, queries),
    ...createConfigurationStore(current, queries),
    ...createDependencyStore(current, queries),
    ...createReviewStore(current, queries),
    ...createEvidenceStore(current, queries),
    ...createTimelineStore(current, queries),
    ...createPageStore(current, queries),
    ...createRequestStore(current, queries),
    ...createSnoozeStore(current, queries, now),
    ...createAuditStore(current, queries),
    ...createFleetStore(current, queries, now),
    ...createFleetActions(current, queries),
    ...createSharedKnowledge(current, queries),
    ...createFleetMessages(current, queries, now, options.destinations ?? new Map()),

    healthy: () => problem() === undefined,
    problem,

    async probe() {
      try {
        if (engine.inMemory) await leaveMemory();
        await queries.write('write to the store', () => metadata.set('probed_at', String(now())));
        failedProbes = 0;
      } catch (error) {
        logger.debug('the probe of the store failed', { error: String(error) });
        failedProbes += 1;
      }
      const isLost = queries.problem() !== undefined && failedProbes >= FAILED_PROBES_BEFORE_MEMORY;
      if (queries.isDamaged() || (isLost && !engine.inMemory)) await reopen();
      return problem() === undefined;
    },

    async prune({ retention, signal } = {}) {
      const limits = { ...DEFAULT_RETENTION, ...retention };
      const pruned = await prune(current, queries, { now: now(), retention: limits, receivers, logger, signal });
      await queries.write('return space to the disk', () => engine.reclaimSpace(signal));
      return pruned;
    },

    close() {
      closing ??= queries.drain().then(() => engine.close());
      return closing;
    },
  };
}
