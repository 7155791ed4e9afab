import type { Kysely } from 'kysely';
import { batches } from './batches.ts';
import type { Database, Schema } from './schema.ts';

/**
 * What is carried, and what tells rows apart. Totals of what was pruned and notes about the place itself stay where
 * they are.
 */
const TABLES: readonly (readonly [keyof Schema, key: readonly string[]])[] = [
  ['incidents', ['id']],
  ['attempts', ['id']],
  ['asks', ['id']],
  ['claude_requests', ['id']],
  ['outbox', ['alert_id']],
  ['cursors', ['agent', 'container_id']],
  ['reviews', ['incident_id']],
];

/** Seven tables by name are more than the row types follow; the columns are the rows' own. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyTables = Kysely<any>;

/**
 * Brings what an agent wrote down in memory to its place, all or nothing. Memory began as a copy of the place, or
 * with nothing: its rows are the newer ones.
 */
export async function carryOver(from: Database, to: Database, agent: string): Promise<void> {
  await (to as AnyTables).transaction().execute(async (trx) => {
    for (const [table, key] of TABLES) {
      const rows = await (from as AnyTables).selectFrom(table).selectAll().where('agent', '=', agent).execute();
      const columns = Object.keys(rows[0] ?? {}).filter((column) => !key.includes(column));
      for (const batch of batches(rows)) {
        await trx
          .insertInto(table)
          .values(batch)
          .onConflict((conflict) =>
            conflict
              .columns([...key])
              .doUpdateSet((eb) => Object.fromEntries(columns.map((column) => [column, eb.ref(`excluded.${column}`)]))),
          )
          .execute();
      }
    }
  });
}
