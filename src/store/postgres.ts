/** PostgreSQL: a database that a fleet shares. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { StoreError } from '../errors.ts';
import type { Backend } from './backend.ts';
import { ConnectionLost, createConnection } from './connection.ts';
import { migrate } from './migrate.ts';
import type { Schema } from './schema.ts';

/** SQLSTATE classes (its first two characters) that say our SQL or our values are wrong. */
const OUR_MISTAKES: ReadonlySet<string> = new Set(['0A', '21', '22', '23', '26', '34', '42']);
/** Of class 42, but a matter of the database's owner: missing rights. */
const INSUFFICIENT_PRIVILEGE = '42501';
/** Data or index corrupted. */
const DAMAGE: ReadonlySet<string> = new Set(['XX001', 'XX002']);

/** Any number that nobody else in the database takes for an advisory lock; these are "doctor" in ASCII. */
const MIGRATION_LOCK = 0x646f63746f72;

/** Throws a StoreError `locked` or `newer_schema`, or an error that `isPostgresOutage` knows. */
export async function openPostgres(options: {
  readonly url: string;
  readonly agent: string;
  now(): number;
}): Promise<Backend> {
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: createConnection({ ...options, exclusive: true }) }),
  });
  try {
    await db.connection().execute(async (connection) => {
      // Agents of a fleet are updated and started together.
      await sql`SELECT pg_advisory_lock(${sql.lit(MIGRATION_LOCK)})`.execute(connection);
      try {
        await migrate(connection as Kysely<unknown>, options.now);
      } finally {
        await sql`SELECT pg_advisory_unlock(${sql.lit(MIGRATION_LOCK)})`.execute(connection);
      }
    });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    db,
    inMemory: false,
    problem: () => undefined,
    isOutage: isPostgresOutage,
    isDamage: isPostgresDamage,
    // The server's own autovacuum does it.
    tidy: async () => {},
    close: () => db.destroy(),
  };
}

export function isPostgresDamage(error: unknown): boolean {
  return error instanceof pg.DatabaseError && DAMAGE.has(error.code ?? '');
}

export function isPostgresOutage(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  // The connection was lost, and meanwhile another took the name.
  if (error instanceof StoreError) return error.reason === 'locked';
  if (!(error instanceof pg.DatabaseError)) return false;
  return error.code === INSUFFICIENT_PRIVILEGE || !OUR_MISTAKES.has((error.code ?? '').slice(0, 2));
}
