import type { Kysely } from 'kysely';
import { chunks } from '../chunks.ts';
import type { Database, Schema } from '../schema/tables.ts';

/** Tables to copy, with their keys. The totals of pruned rows and the metadata stay with their database. */
const TABLES: readonly (readonly [keyof Schema, key: readonly string[]])[] = [
  ['incidents', ['id']],
  ['attempts', ['id']],
  ['asks', ['id']],
  ['claude_requests', ['id']],
  ['outbox', ['alert_id', 'receiver']],
  ['cursors', ['agent', 'container_id']],
  ['reviews', ['incident_id']],
  ['decisions', ['id']],
  ['questions', ['id']],
  ['evidence', ['incident_id']],
  ['alerts', ['alert_id', 'receiver']],
  ['timeline_events', ['id']],
  ['restart_requests', ['id']],
  ['snoozes', ['id']],
  ['audit', ['id']],
];

/** Table names are variables here, which Kysely's types do not support. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyTables = Kysely<any>;

/**
 * Copies an agent's rows from memory to its database in one transaction. The database in memory started empty or as a
 * copy, so its rows are newer: they replace rows with the same key.
 */
export async function copyRows(from: Database, to: Database, agent: string): Promise<void> {
  await (to as AnyTables).transaction().execute(async (trx) => {
    for (const [table, key] of TABLES) {
      const rows = await (from as AnyTables).selectFrom(table).selectAll().where('agent', '=', agent).execute();
      const columns = Object.keys(rows[0] ?? {}).filter((column) => !key.includes(column));
      for (const chunk of chunks(rows)) {
        await trx
          .insertInto(table)
          .values(chunk)
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
