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
import { fleetUpdates } from './0016-fleet-updates.ts';
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
  fleetUpdates,
];

const KNOWN = MIGRATIONS.at(-1)?.version ?? 0;

interface VersionSchema {
  schema_version: { version: number; name: string; applied_at: number; readable_from: number | null };
}

/**
 * Brings the schema up to this program's version, each step in its own transaction. A newer schema is left as it is, if
 * this program can use it; otherwise a StoreError `newer_schema` is thrown, since it may misread rows.
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
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirst();
  const current = Number(applied?.version ?? 0);
  if (current > KNOWN) {
    const why = await whyNotReadable(database);
    if (why !== undefined) throw new StoreError(why, 'newer_schema');
  }
  for (const { version, name, readableFrom = version, ...migration } of MIGRATIONS) {
    if (version <= current) continue;
    await db.transaction().execute(async (trx) => {
      const statements = [...migration.statements, ...((on === 'postgres' && migration.postgres) || [])];
      for (const statement of statements) await sql.raw(statement).execute(trx);
      // The column is there from that version on.
      const readers = version >= fleetUpdates.version && { readable_from: readableFrom };
      await trx
        .insertInto('schema_version')
        .values({ version, name, applied_at: now(), ...readers })
        .execute();
    });
  }
}

/**
 * Why this program must not use a database whose schema it has found to be up to date or newer; undefined if it may.
 * Another program may change the schema at any time.
 */
export async function whyNotReadable(database: Kysely<unknown>): Promise<string | undefined> {
  const tooNew = await (database as Kysely<VersionSchema>)
    .selectFrom('schema_version')
    .select(['version', 'name', 'readable_from'])
    .where('version', '>', KNOWN)
    .where((eb) => eb.or([eb('readable_from', 'is', null), eb('readable_from', '>', KNOWN)]))
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (tooNew === undefined) return undefined;
  const { version, name } = tooNew;
  return (
    `the store was written by a newer container-doctor: its schema is version ${version} (${name}), this program knows up ` +
    `to ${KNOWN} and cannot use it. Run the newer program, or give this one another DATA_DIR or DATABASE_URL.`
  );
}
