import type { Logger } from '../../lib/log.ts';
import type { Database } from '../schema/tables.ts';

export interface FaultClassifier {
  /** Whether the database cannot be read or written. False for bugs in our code, such as wrong SQL. */
  isOutage(error: unknown): boolean;
  /** Whether the stored data is damaged. */
  isDamage(error: unknown): boolean;
}

/** A database that the store can use. */
export interface StorageEngine extends FaultClassifier {
  readonly db: Database;
  /**
   * `configured`: the SQLite file or PostgreSQL. While that cannot be used: `standby`, the file that an agent with a shared
   * database keeps for it, or `memory`.
   */
  readonly kind: 'configured' | 'standby' | 'memory';
  /** Why writes are not durable or reads are incomplete; undefined if the store works. `now`: epoch ms. */
  problem(now: number): string | undefined;
  /** Returns the space of deleted rows to the disk, in steps of milliseconds. */
  reclaimSpace(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type StoreLocation =
  /** A directory that belongs to this agent alone. */
  | { readonly dataDir: string }
  /**
   * `databaseUrl` is a secret. `agent` separates the rows of agents that share the database. `standbyDir`: the directory of
   * the file that replaces the database while it is away. Absent: memory replaces it.
   */
  | { readonly databaseUrl: string; readonly agent: string; readonly standbyDir?: string };

export interface StorageEngineOptions {
  readonly where: StoreLocation;
  /**
   * Names of the configured receivers. The first one gets the alerts of versions that had only one receiver. `prune`
   * drops pending alerts to receivers that are not in this list after a day.
   */
  readonly receivers: readonly string[];
  /** Epoch ms. */
  now(): number;
  readonly logger: Logger;
  /** How long a database that is away is awaited before the standby file replaces it, ms; 5 s if absent. */
  readonly awaitDatabaseMs?: number;
}

/** The agent's name in the rows of a SQLite file. A file belongs to one agent, so the configured name is not used. */
export const FILE_AGENT = 'local';

export function agentOf(where: StoreLocation): string {
  return 'dataDir' in where ? FILE_AGENT : where.agent;
}
