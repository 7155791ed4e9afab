import type { Insertable } from 'kysely';
import { batches } from './batches.ts';
import type { AskTable, ClaudeRequestTable, Database } from './schema.ts';

export type AskRow = Insertable<AskTable>;
export type RequestRow = Insertable<ClaudeRequestTable>;

/**
 * What counts toward the hourly cap and the daily budget, remembered by the process: they stand where they stood also
 * where the store goes on without its place, or with a new file. As many rows as the caps let through.
 */
export interface Usage {
  asked(row: AskRow): void;
  /** Also of requests that could not be written down: they cost what they cost. */
  requested(rows: readonly RequestRow[]): void;
  /** Reads what earlier runs of this agent have used. */
  learn(db: Database): Promise<void>;
  /** Brings it to where it is missing. */
  teach(db: Database): Promise<void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function createUsage({ agent, now }: { readonly agent: string; now(): number }): Usage {
  const asks = new Map<string, AskRow>();
  const requests = new Map<string, RequestRow>();

  const keepAsks = (rows: readonly AskRow[]): void => {
    for (const row of rows) asks.set(row.id, row);
    for (const [id, row] of asks) if (row.asked_at < now() - HOUR_MS) asks.delete(id);
  };
  const keepRequests = (rows: readonly RequestRow[]): void => {
    for (const row of rows) requests.set(row.id, row);
    for (const [id, row] of requests) if (row.requested_at < now() - DAY_MS) requests.delete(id);
  };

  return {
    asked: (row) => keepAsks([row]),
    requested: keepRequests,

    async learn(db) {
      const asked = db.selectFrom('asks').selectAll().where('agent', '=', agent);
      keepAsks(await asked.where('asked_at', '>=', now() - HOUR_MS).execute());
      const paid = db.selectFrom('claude_requests').selectAll().where('agent', '=', agent);
      keepRequests(await paid.where('requested_at', '>=', now() - DAY_MS).execute());
    },

    teach: (db) =>
      db.transaction().execute(async (trx) => {
        for (const rows of batches([...asks.values()])) {
          const insert = trx.insertInto('asks').values(rows);
          await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
        }
        for (const rows of batches([...requests.values()])) {
          const insert = trx.insertInto('claude_requests').values(rows);
          await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
        }
      }),
  };
}
