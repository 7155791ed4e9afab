import type { Insertable } from 'kysely';
import { chunks } from './chunks.ts';
import type { AskTable, ClaudeRequestTable, Database } from './schema/tables.ts';

export type AskRow = Insertable<AskTable>;
export type RequestRow = Insertable<ClaudeRequestTable>;

/**
 * A copy in memory of the rows that count toward the hourly cap and the daily budget, so that both hold even if the
 * store falls back to memory or starts with a new file. The limits themselves bound its size.
 */
export interface RecentUsage {
  addAsk(row: AskRow): void;
  /** Includes requests that could not be saved, because they cost money too. */
  addRequests(rows: readonly RequestRow[]): void;
  /** Adds the usage of earlier runs of this agent. */
  loadFrom(db: Database): Promise<void>;
  /** Adds the rows that `db` does not have. */
  saveTo(db: Database): Promise<void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function createRecentUsage({ agent, now }: { readonly agent: string; now(): number }): RecentUsage {
  const asks = new Map<string, AskRow>();
  const requests = new Map<string, RequestRow>();

  const addAsks = (rows: readonly AskRow[]): void => {
    for (const row of rows) asks.set(row.id, row);
    for (const [id, row] of asks) if (row.asked_at < now() - HOUR_MS) asks.delete(id);
  };
  const addRequests = (rows: readonly RequestRow[]): void => {
    for (const row of rows) requests.set(row.id, row);
    for (const [id, row] of requests) if (row.requested_at < now() - DAY_MS) requests.delete(id);
  };

  return {
    addAsk: (row) => addAsks([row]),
    addRequests,

    async loadFrom(db) {
      const ownAsks = db.selectFrom('asks').selectAll().where('agent', '=', agent);
      addAsks(await ownAsks.where('asked_at', '>=', now() - HOUR_MS).execute());
      const ownRequests = db.selectFrom('claude_requests').selectAll().where('agent', '=', agent);
      addRequests(await ownRequests.where('requested_at', '>=', now() - DAY_MS).execute());
    },

    saveTo: (db) =>
      db.transaction().execute(async (trx) => {
        for (const rows of chunks([...asks.values()])) {
          const insert = trx.insertInto('asks').values(rows);
          await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
        }
        for (const rows of chunks([...requests.values()])) {
          const insert = trx.insertInto('claude_requests').values(rows);
          await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
        }
      }),
  };
}
