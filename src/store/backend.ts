/**
 * What the store stands on: a SQLite file in DATA_DIR or a PostgreSQL database, or memory where that cannot be used.
 */
import type { Logger } from '../lib/log.ts';
import { databasePath } from './directory.ts';
import { isFileOutage, openFile } from './file.ts';
import type { Faults } from './guard.ts';
import { openMemory } from './memory.ts';
import { THE_FILES_AGENT } from './place.ts';
import { isPostgresOutage, openPostgres } from './postgres.ts';
import type { Database } from './schema.ts';

export interface Backend extends Faults {
  readonly db: Database;
  readonly inMemory: boolean;
  /** Why what is written is not durable, or what is read not all there was; undefined where all is well. */
  problem(now: number): string | undefined;
  /** Gives back the space of deleted rows, in steps of milliseconds. */
  tidy(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Where the store is to be. */
export type Where =
  /** A directory of this agent's own. */
  | { readonly dataDir: string }
  /** `postgres://…`, a secret; `agent` tells this agent from others that share the database. */
  | { readonly databaseUrl: string; readonly agent: string };

export interface BackendOptions {
  readonly where: Where;
  now(): number;
  readonly logger: Logger;
}

export function agentOf(where: Where): string {
  return 'dataDir' in where ? THE_FILES_AGENT : where.agent;
}

/** Opens the place itself: throws where it cannot be used. */
export function openPlace({ where, now, logger }: BackendOptions): Promise<Backend> {
  if ('dataDir' in where) return openFile({ dataDir: where.dataDir, now, logger });
  return openPostgres({ url: where.databaseUrl, agent: where.agent, now });
}

/** Throws a StoreError `locked` or `newer_schema`; where the place cannot be used, it is memory. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { where, now, logger } = options;
  try {
    return await openPlace(options);
  } catch (error) {
    if (!isPlaceOutage(where, error)) throw error;
    const problem = `${nameOf(where)} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    logger.error('the store is kept in memory until its place can be used; meanwhile no container is restarted', {
      problem,
    });
    return openMemory({ problem, now, ...('dataDir' in where && { copyFrom: databasePath(where.dataDir) }) });
  }
}

function isPlaceOutage(where: Where, error: unknown): boolean {
  if ('dataDir' in where) return isFileOutage(error);
  // A name that is taken is an outage for an agent that runs, and a wrong setting for one that starts.
  return isPostgresOutage(error) && !(error as { reason?: unknown }).reason;
}

function nameOf(where: Where): string {
  return 'dataDir' in where ? `DATA_DIR ${where.dataDir}` : 'the database of DATABASE_URL';
}
