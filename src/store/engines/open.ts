import { messageOf, StoreError } from '../../errors.ts';
import { assignReceiver } from '../schema/assign-receiver.ts';
import { databasePath, standbyPath } from './data-directory.ts';
import { openMemory } from './memory.ts';
import { isPostgresOutage, openPostgres } from './postgres.ts';
import { createRecorder } from './recorder.ts';
import { isFileOutage, openSqliteFile } from './sqlite-file.ts';
import type { Standby } from './standby.ts';
import { agentOf, type StorageEngine, type StorageEngineOptions, type StoreLocation } from './storage-engine.ts';

/** Opens the configured database; throws if it cannot be used. `standby` follows what is written to it. */
export async function openConfigured(
  { where, receivers, now, logger }: StorageEngineOptions,
  standby: Pick<Standby, 'record'> | undefined,
): Promise<StorageEngine> {
  const engine =
    'dataDir' in where
      ? await openSqliteFile({ dataDir: where.dataDir, now, logger })
      : await openPostgres({
          url: where.databaseUrl,
          agent: where.agent,
          recorder: standby && createRecorder(standby.record),
          now,
        });
  try {
    const [defaultReceiver] = receivers;
    if (defaultReceiver !== undefined) await assignReceiver(engine.db, agentOf(where), defaultReceiver);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/**
 * Opens the configured database; if it cannot be used, the standby file; else memory. `arrive` is called with the
 * database. Throws a StoreError `locked` or `newer_schema`.
 */
export async function openAny(
  options: StorageEngineOptions,
  standby: Standby | undefined,
  arrive: (engine: StorageEngine) => Promise<void>,
): Promise<StorageEngine> {
  const { where, receivers, now, logger } = options;
  try {
    const engine = await openConfigured(options, standby);
    try {
      await arrive(engine);
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  } catch (error) {
    if (!isOutageAtStart(where, error)) throw error;
    const problem = `${describeLocation(where)} cannot be used: ${messageOf(error)}`;
    const unfit = await standby?.unfit();
    if (standby !== undefined && unfit === undefined) {
      const engine = await standby.use(messageOf(error)).catch(() => undefined);
      if (engine !== undefined) {
        logger.error('the database is away: the agent goes on from its standby file', { problem });
        return engine;
      }
    }
    logger.error('the store is unavailable: data is kept in memory, and nothing is restarted until it is back', {
      problem,
      ...(unfit !== undefined && { standby: unfit }),
    });
    const copyFrom =
      'dataDir' in where
        ? { path: databasePath(where.dataDir), defaultReceiver: receivers[0] }
        : unfit === undefined && where.standbyDir !== undefined
          ? { path: standbyPath(where.standbyDir) }
          : undefined;
    return openMemory({ problem: unfit === undefined ? problem : `${problem}; ${unfit}`, now, copyFrom });
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
