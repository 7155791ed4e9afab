import { messageOf, StoreError } from '../../errors.ts';
import { assignReceiver } from '../schema/assign-receiver.ts';
import { databasePath } from './data-directory.ts';
import { openMemory } from './memory.ts';
import { isPostgresOutage, openPostgres } from './postgres.ts';
import { isFileOutage, openSqliteFile } from './sqlite-file.ts';
import { agentOf, type StorageEngine, type StorageEngineOptions, type StoreLocation } from './storage-engine.ts';

/** Opens the configured database; throws if it cannot be used. */
export async function openConfigured({ where, receivers, now, logger }: StorageEngineOptions): Promise<StorageEngine> {
  const engine =
    'dataDir' in where
      ? await openSqliteFile({ dataDir: where.dataDir, now, logger })
      : await openPostgres({ url: where.databaseUrl, agent: where.agent, now });
  try {
    const [defaultReceiver] = receivers;
    if (defaultReceiver !== undefined) await assignReceiver(engine.db, agentOf(where), defaultReceiver);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Opens the configured database, or memory if it cannot be used. Throws a StoreError `locked` or `newer_schema`. */
export async function openConfiguredOrMemory(options: StorageEngineOptions): Promise<StorageEngine> {
  const { where, receivers, now, logger } = options;
  try {
    return await openConfigured(options);
  } catch (error) {
    if (!isOutageAtStart(where, error)) throw error;
    const problem = `${describeLocation(where)} cannot be used: ${messageOf(error)}`;
    logger.error('the store is unavailable: data is kept in memory, and nothing is restarted until it is back', {
      problem,
    });
    const copyFrom =
      'dataDir' in where ? { path: databasePath(where.dataDir), defaultReceiver: receivers[0] } : undefined;
    return openMemory({ problem, now, copyFrom });
  }
}

function isOutageAtStart(where: StoreLocation, error: unknown): boolean {
  if ('dataDir' in where) return isFileOutage(error);
  // If another agent uses the same name, that is an outage for a running agent but a wrong setting at start.
  return isPostgresOutage(error) && !(error instanceof StoreError);
}

function describeLocation(where: StoreLocation): string {
  return 'dataDir' in where ? `DATA_DIR ${where.dataDir}` : 'the database of DATABASE_URL';
}
