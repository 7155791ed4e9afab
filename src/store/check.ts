import { Kysely, PostgresDialect, sql } from 'kysely';
import { createConnection } from './connection.ts';

/** Whether the database can be reached, for `container-doctor check`; writes nothing. */
export async function checkDatabase(database: {
  readonly url: string;
  readonly agent: string;
}): Promise<{ readonly ok: true } | { readonly ok: false; readonly why: string }> {
  const db = new Kysely({
    dialect: new PostgresDialect({ pool: createConnection({ ...database, exclusive: false }) }),
  });
  try {
    await sql`SELECT 1`.execute(db);
    return { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  } finally {
    await db.destroy();
  }
}
