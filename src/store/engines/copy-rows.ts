import type { Kysely } from 'kysely';
import { chunks } from '../chunks.ts';
import type { Database, Schema } from '../schema/tables.ts';
import { COPIED_TABLES, type CopiedTable, NOTES_OF_DATABASE } from './copied-tables.ts';

/** Table names are variables here, which Kysely's types do not support. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyTables = Kysely<any>;

/** A row of any table. */
export type AnyRow = Readonly<Record<string, unknown>>;

/** The columns of each table. A newer program may have added some. */
export type Columns = ReadonlyMap<string, ReadonlySet<string>>;

export async function readColumns(db: Database): Promise<Columns> {
  const columns = new Map<string, Set<string>>();
  for (const table of await db.introspection.getTables()) {
    // PostgreSQL may have tables of this name in other schemas too.
    const known = columns.get(table.name) ?? new Set();
    for (const { name } of table.columns) known.add(name);
    columns.set(table.name, known);
  }
  return columns;
}

/**
 * Copies an agent's rows to its database in one transaction, by their keys: a second copy changes nothing. The totals of
 * pruned rows stay with their database. `only`: these tables. `notes`: whether to copy named values too. `finish`: runs at
 * the end of the transaction.
 */
export async function copyRows(
  from: Database,
  to: Database,
  agent: string,
  {
    only,
    notes = false,
    finish,
  }: {
    readonly only?: readonly (keyof Schema)[];
    readonly notes?: boolean;
    finish?(trx: Database): Promise<void>;
  } = {},
): Promise<void> {
  await to.transaction().execute(async (trx) => {
    const columns = await readColumns(trx);
    for (const table of COPIED_TABLES) {
      if (only !== undefined && !only.includes(table.name)) continue;
      if (table.name === 'notes' && !notes) continue;
      let select = (from as AnyTables).selectFrom(table.name).selectAll().where('agent', '=', agent);
      if (table.name === 'notes') select = select.where('name', 'not in', NOTES_OF_DATABASE);
      await putRows(trx, table, await select.execute(), columns);
    }
    await finish?.(trx);
  });
}

/** Inserts the rows, and merges those whose keys exist. Values for which `to` has no column are left out. */
export async function putRows(
  to: Database,
  { name, key, onConflict }: CopiedTable,
  rows: readonly AnyRow[],
  known: Columns,
) {
  const copied = Object.keys(rows[0] ?? {}).filter((column) => known.get(name)?.has(column));
  const columns = copied.filter((column) => !key.includes(column));
  for (const chunk of chunks(rows)) {
    await (to as AnyTables)
      .insertInto(name)
      .values(chunk.map((row) => Object.fromEntries(copied.map((column) => [column, row[column]]))))
      .onConflict((conflict) => {
        const known = conflict.columns([...key]);
        if (onConflict === 'keep') return known.doNothing();
        const update = known.doUpdateSet((eb) =>
          Object.fromEntries(
            columns.map((column) => {
              const value = eb.ref(`excluded.${column}`);
              return [column, onConflict === 'fill' ? eb.fn.coalesce(value, eb.ref(`${name}.${column}`)) : value];
            }),
          ),
        );
        return typeof onConflict === 'string' ? update : update.where(`${name}.state`, '=', onConflict.whileState);
      })
      .execute();
  }
}
