import type { Logger } from '../../lib/log.ts';
import type { Database } from '../schema/tables.ts';

export interface FaultClassifier {
  /** The database cannot be read or written. False: a bug of ours, such as wrong SQL. */
  isOutage(error: unknown): boolean;
  /** The stored data itself is damaged. */
  isDamage(error: unknown): boolean;
}

/** A database that the store can use: a SQLite file, PostgreSQL, or memory while the configured one is unavailable. */
export interface StorageEngine extends FaultClassifier {
  readonly db: Database;
  readonly inMemory: boolean;
  /** Why writes are not durable or reads are incomplete; undefined if neither is the case. `now`: epoch ms. */
  problem(now: number): string | undefined;
  /** Returns the space of deleted rows to the disk, in steps of milliseconds. */
  reclaimSpace(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type StoreLocation =
  /** A directory that belongs to this agent alone. */
  | { readonly dataDir: string }
  /** `databaseUrl` is a secret. `agent` separates the rows of agents that share the database. */
  | { readonly databaseUrl: string; readonly agent: string };

export interface StorageEngineOptions {
  readonly where: StoreLocation;
  /**
   * Names of the receivers that are configured. The first gets the alerts of versions that knew only one; pending
   * alerts of others are dropped by `prune` after a day.
   */
  readonly receivers: readonly string[];
  /** Epoch ms. */
  now(): number;
  readonly logger: Logger;
}

/** The agent's name in a SQLite file, which belongs to one agent whatever its name. */
export const FILE_AGENT = 'local';

export function agentOf(where: StoreLocation): string {
  return 'dataDir' in where ? FILE_AGENT : where.agent;
}
