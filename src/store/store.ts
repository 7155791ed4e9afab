import type {
  CausesElsewhere,
  EndpointStore,
  FleetActions,
  FleetMessages,
  FleetStore,
  HostSnapshots,
  SharedKnowledge,
} from '../pipeline/ports/fleet.ts';
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
import type { StorageEngineOptions } from './engines/storage-engine.ts';
import { createEvidenceStore } from './evidence.ts';
import { openWithFailover } from './failover.ts';
import { createFleetStore } from './fleet.ts';
import { createFleetActions } from './fleet-actions.ts';
import { createCausesElsewhere } from './fleet-causes.ts';
import { createEndpointStore } from './fleet-endpoints.ts';
import type { FleetLimits } from './fleet-limits.ts';
import { createFleetMessages, type Destinations } from './fleet-messages.ts';
import { createFloodStore } from './floods.ts';
import { createFollowedIncidents } from './followed-incidents.ts';
import { createHistoryStore } from './history.ts';
import { createHostSnapshots } from './host-snapshots.ts';
import { createIncidentStore } from './incidents.ts';
import { createLedger } from './ledger.ts';
import { createOutbox } from './outbox.ts';
import { createPageStore } from './pages/page-store.ts';
import { DEFAULT_RETENTION, type Pruned, prune, type Retention } from './prune.ts';
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
  HostSnapshots &
  FleetMessages &
  SharedKnowledge &
  EndpointStore &
  CausesElsewhere &
  PeopleRecords & {
    /** Whether writes are durable and reads are complete. Only then can limits be enforced. */
    healthy(): boolean;
    /** The error to show to users; undefined while the store is healthy. */
    problem(): string | undefined;
    /** The database is away, and the standby file replaces it: the store is healthy, but only for this host. */
    databaseAway(): { readonly since: number; readonly why: string } | undefined;
    /** What people must know once, if anything: each report is returned once. */
    takeReport(): string | undefined;
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

/**
 * Opens the store. When the promise of a write resolves, the data is on disk.
 *
 * - If the database cannot be used at start or for two probes, the store moves to memory, and `healthy()` is false.
 *   Each `probe()` tries the database again. Once it works, the data in memory is copied to it.
 * - A shared database is replaced by the standby file as soon as it cannot be used, and `healthy()` is true. Memory follows
 *   only if the file cannot be used either. See docs/decisions/0045-without-the-database.md.
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
  const failover = await openWithFailover(options);
  const { current, queries, usage } = failover;

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
    ...createHostSnapshots(current, queries),
    ...createSharedKnowledge(current, queries),
    ...createEndpointStore(current, queries),
    ...createCausesElsewhere(current, queries),
    ...createFleetMessages(current, queries, now, options.destinations ?? new Map()),

    healthy: () => failover.problem() === undefined,
    problem: failover.problem,
    databaseAway: failover.databaseAway,
    takeReport: failover.takeReport,
    probe: failover.probe,

    async prune({ retention, signal } = {}) {
      // The database counts what it prunes, so it prunes for itself when it is back.
      if (failover.engine().kind === 'standby') return { incidents: 0, attempts: 0, ledger: 0, alerts: 0 };
      const limits = { ...DEFAULT_RETENTION, ...retention };
      const pruned = await prune(current, queries, { now: now(), retention: limits, receivers, logger, signal });
      await queries.write('return space to the disk', () => failover.engine().reclaimSpace(signal));
      return pruned;
    },

    close: failover.close,
  };
}
