import { sql } from 'kysely';
import { messageOf } from '../errors.ts';
import { connectPostgres } from './engines/postgres.ts';

/** For `container-doctor check`: whether the database can be reached. Writes nothing. */
export async function checkDatabase(database: {
  readonly url: string;
  readonly agent: string;
}): Promise<{ readonly ok: true } | { readonly ok: false; readonly why: string }> {
  const db = connectPostgres({ ...database, exclusive: false });
  try {
    await sql`SELECT 1`.execute(db);
    return { ok: true };
  } catch (error) {
    return { ok: false, why: messageOf(error) };
  } finally {
    await db.destroy();
  }
}
