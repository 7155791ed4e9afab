import { type Kysely, sql } from 'kysely';
import { StoreError } from '../../errors.ts';
import { initial } from './0001-initial.ts';
import { reviews } from './0002-reviews.ts';
import { outboxReceivers } from './0003-outbox-receivers.ts';
import { incidentDetectors } from './0004-detectors.ts';
import { correlation } from './0005-correlation.ts';
import { people } from './0006-people.ts';
import { receivers } from './0007-receivers.ts';
import { pages } from './0008-pages.ts';
import { fleet } from './0010-fleet.ts';
import { fleetMessages } from './0011-fleet-messages.ts';
import { fleetActions } from './0012-fleet-actions.ts';
import { fleetEndpoints } from './0014-fleet-endpoints.ts';
import { fleetPage } from './0015-fleet-page.ts';
import type { Migration } from './migration.ts';

/** In order; append new ones. */
const MIGRATIONS: readonly Migration[] = [
  initial,
  reviews,
  outboxReceivers,
  incidentDetectors,
  correlation,
  people,
  receivers,
  pages,
  fleet,
  fleetMessages,
  fleetActions,
  fleetEndpoints,
  fleetPage,
];

interface VersionSchema {
  schema_version: { version: number; name: string; applied_at: number };
}

/**
 * Brings the schema up to this program's version, each step in its own transaction. Throws a StoreError
 * `newer_schema` if a newer program has written here, since this one may misread its rows.
 */
export async function migrate(
  database: Kysely<unknown>,
  now: () => number,
  on: 'sqlite' | 'postgres' = 'sqlite',
): Promise<void> {
  const db = database as Kysely<VersionSchema>;
  await sql`CREATE TABLE IF NOT EXISTS schema_version (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at BIGINT NOT NULL
  )`.execute(db);
  const applied = await db
    .selectFrom('schema_version')
    .select(['version', 'name'])
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  const current = Number(applied?.version ?? 0);
  const known = MIGRATIONS.at(-1)?.version ?? 0;
  if (current > known) {
    throw new StoreError(
      `the store was written by a newer container-doctor: its schema is version ${current} (${applied?.name}), ` +
        `this program knows up to ${known}. Run the newer program again, or give this one another DATA_DIR or DATABASE_URL.`,
      'newer_schema',
    );
  }
  for (const migration of MIGRATIONS.filter(({ version }) => version > current)) {
    await db.transaction().execute(async (trx) => {
      const statements = [...migration.statements, ...((on === 'postgres' && migration.postgres) || [])];
      for (const statement of statements) await sql.raw(statement).execute(trx);
      await trx
        .insertInto('schema_version')
        .values({ version: migration.version, name: migration.name, applied_at: now() })
        .execute();
    });
  }
}
