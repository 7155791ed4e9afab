import { databasePath } from './data-directory.ts';
import { openMemory } from './memory.ts';
import { isPostgresOutage, openPostgres } from './postgres.ts';
import { isFileOutage, openSqliteFile } from './sqlite-file.ts';
import type { StorageEngine, StorageEngineOptions, StoreLocation } from './storage-engine.ts';

/** Opens the configured database; throws if it cannot be used. */
export function openConfigured({ where, now, logger }: StorageEngineOptions): Promise<StorageEngine> {
  if ('dataDir' in where) return openSqliteFile({ dataDir: where.dataDir, now, logger });
  return openPostgres({ url: where.databaseUrl, agent: where.agent, now });
}

/** Opens the configured database, or memory if it cannot be used. Throws a StoreError `locked` or `newer_schema`. */
export async function openConfiguredOrMemory(options: StorageEngineOptions): Promise<StorageEngine> {
  const { where, now, logger } = options;
  try {
    return await openConfigured(options);
  } catch (error) {
    if (!isOutageAtStart(where, error)) throw error;
    const problem = `${describeLocation(where)} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    logger.error('the store is unavailable: data is kept in memory, and nothing is restarted until it is back', {
      problem,
    });
    return openMemory({ problem, now, ...('dataDir' in where && { copyFrom: databasePath(where.dataDir) }) });
  }
}

function isOutageAtStart(where: StoreLocation, error: unknown): boolean {
  if ('dataDir' in where) return isFileOutage(error);
  // Another agent of the same name: an outage for an agent that runs, a wrong setting for one that starts.
  return isPostgresOutage(error) && !(error as { reason?: unknown }).reason;
}

function describeLocation(where: StoreLocation): string {
  return 'dataDir' in where ? `DATA_DIR ${where.dataDir}` : 'the database of DATABASE_URL';
}
