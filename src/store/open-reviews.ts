import { existsSync } from 'node:fs';
import { messageOf, StoreError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ReviewStore } from '../pipeline/ports/store.ts';
import { databasePath } from './engines/data-directory.ts';
import { connectPostgres, isPostgresDamage, isPostgresOutage } from './engines/postgres.ts';
import { connectSqlite, openSqlite } from './engines/sqlite.ts';
import { isCorruption, isOutage } from './engines/sqlite-errors.ts';
import { agentOf, type FaultClassifier, type StoreLocation } from './engines/storage-engine.ts';
import { createQueryRunner } from './query-runner.ts';
import { createReviewStore } from './reviews.ts';
import type { Database } from './schema/tables.ts';

/** For which a command waits while the agent writes. */
const PATIENCE_MS = 10_000;

/**
 * Opens only the reviews, without taking the agent's lock, so that a command can use them while the agent runs. Throws
 * a StoreError `missing` if there is no store yet or an older version wrote it, and `unavailable` if it cannot be read.
 */
export async function openReviews(
  where: StoreLocation,
  logger: Logger,
): Promise<ReviewStore & { close(): Promise<void> }> {
  const { db, faults, name } = connect(where);
  try {
    await db.selectFrom('reviews').select('incident_id').limit(1).execute();
  } catch (error) {
    await db.destroy();
    if (!faults.isOutage(error)) {
      throw new StoreError(
        `the store in ${name} was written by an older version: start the agent once to update it`,
        'missing',
        error,
      );
    }
    throw new StoreError(`${name} cannot be used: ${messageOf(error)}`, 'unavailable', error);
  }
  const queries = createQueryRunner({ logger, ...faults });
  return {
    ...createReviewStore({ db, agent: agentOf(where), isShared: 'databaseUrl' in where }, queries),
    async close() {
      await queries.drain();
      await db.destroy();
    },
  };
}

function connect(where: StoreLocation): { db: Database; faults: FaultClassifier; name: string } {
  if ('databaseUrl' in where) {
    return {
      db: connectPostgres({ url: where.databaseUrl, agent: where.agent, exclusive: false }),
      faults: { isOutage: isPostgresOutage, isDamage: isPostgresDamage },
      name: 'the database of DATABASE_URL',
    };
  }
  const { dataDir } = where;
  const path = databasePath(dataDir);
  if (!existsSync(path)) throw new StoreError(`there is no store in ${dataDir} yet: the agent has not run`, 'missing');
  return {
    db: connectSqlite(openSqlite(path, PATIENCE_MS)),
    faults: { isOutage, isDamage: isCorruption },
    name: dataDir,
  };
}
