/** A PostgreSQL database that several agents may share. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { StoreError } from '../../errors.ts';
import { migrate } from '../schema/migrate.ts';
import type { Database, Schema } from '../schema/tables.ts';
import { ConnectionLost, type ConnectionOptions, createConnection } from './postgres-connection.ts';
import type { Recorder } from './recorder.ts';
import type { StorageEngine } from './storage-engine.ts';

/** SQLSTATE classes (the first two characters) of errors in our SQL or our values. */
const OUR_MISTAKES: ReadonlySet<string> = new Set(['0A', '21', '22', '23', '26', '34', '42']);
/** In class 42, but an error that the owner of the database has to fix. */
const INSUFFICIENT_PRIVILEGE = '42501';
/** data_corrupted, index_corrupted */
const DAMAGE: ReadonlySet<string> = new Set(['XX001', 'XX002']);

/** The key of an advisory lock, unlikely to be used by another program: "doctor" in ASCII. */
const MIGRATION_LOCK = 0x646f63746f72;

export function connectPostgres(options: ConnectionOptions): Database {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: createConnection(options) }) });
}

/** Throws a StoreError `locked` or `newer_schema`, or an error for which `isPostgresOutage` is true. */
export async function openPostgres(options: {
  readonly url: string;
  readonly agent: string;
  readonly recorder?: Recorder;
  now(): number;
}): Promise<StorageEngine> {
  const db = connectPostgres({ ...options, exclusive: true });
  try {
    await db.connection().execute(async (connection) => {
      // Several agents may be updated and started at the same time.
      await sql`SELECT pg_advisory_lock(${sql.lit(MIGRATION_LOCK)})`.execute(connection);
      try {
        await migrate(connection as Kysely<unknown>, options.now, 'postgres');
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
    kind: 'configured',
    problem: () => undefined,
    isOutage: isPostgresOutage,
    isDamage: isPostgresDamage,
    // The server's autovacuum does this.
    reclaimSpace: async () => {},
    close: () => db.destroy(),
  };
}

export function isPostgresDamage(error: unknown): boolean {
  return error instanceof pg.DatabaseError && DAMAGE.has(error.code ?? '');
}

export function isPostgresOutage(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  // After the connection was lost, another agent took the name.
  if (error instanceof StoreError) return error.reason === 'locked';
  if (!(error instanceof pg.DatabaseError)) return false;
  return error.code === INSUFFICIENT_PRIVILEGE || !OUR_MISTAKES.has((error.code ?? '').slice(0, 2));
}
