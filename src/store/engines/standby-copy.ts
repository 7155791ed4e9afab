/** What is copied from the database to the standby file. */
import { type FleetShare, readFleetShare } from '../fleet-share.ts';
import type { Database, Schema } from '../schema/tables.ts';
import { COPIED_TABLES } from './copied-tables.ts';
import { type AnyRow, type AnyTables, type Columns, putRows } from './copy-rows.ts';

const DAY_MS = 24 * 3_600_000;

type RowsByTable = ReadonlyMap<keyof Schema, readonly AnyRow[]>;

export interface StandbyCopy {
  readonly rows: RowsByTable;
  readonly share: FleetShare;
}

export async function readStandbyCopy(db: Database, agent: string, now: number): Promise<StandbyCopy> {
  const rows = new Map<keyof Schema, readonly AnyRow[]>();
  for (const { name, standby } of COPIED_TABLES) {
    if (standby === undefined) continue;
    const own = (db as AnyTables).selectFrom(name).selectAll().where('agent', '=', agent);
    rows.set(name, await own.where(standby(now - DAY_MS)).execute());
  }
  return { rows, share: await readFleetShare(db, agent, now) };
}

export async function replaceAllRows(
  file: Database,
  agent: string,
  rows: RowsByTable,
  columns: Columns,
): Promise<void> {
  for (const [table, copied] of rows) {
    await (file as AnyTables).deleteFrom(table).where('agent', '=', agent).execute();
    await replaceRows(file, table, copied, columns);
  }
}

/** What the database has is right, whatever the file has. */
export async function replaceRows(
  db: Database,
  table: keyof Schema,
  rows: readonly AnyRow[],
  columns: Columns,
): Promise<void> {
  const copied = COPIED_TABLES.find(({ name }) => name === table);
  if (copied !== undefined) await putRows(db, { ...copied, onConflict: 'replace' }, rows, columns);
}
