import { randomUUID } from 'node:crypto';
import type { Ledger } from '../pipeline/ports/store.ts';
import { chunks } from './chunks.ts';
import type { CurrentDatabase } from './current-database.ts';
import { type FleetLimits, withinFleetLimit } from './fleet-limits.ts';
import type { QueryRunner } from './query-runner.ts';
import type { AskRow, RecentUsage, RequestRow } from './recent-usage.ts';

/** Windows are rolling: a row counts if its time is at or after the given one. */
export function createLedger(
  current: CurrentDatabase,
  queries: QueryRunner,
  usage: Pick<RecentUsage, 'addAsk' | 'addRequests'>,
  limits?: FleetLimits,
): Ledger {
  const { agent } = current;
  return {
    async recordAsk({ at, incidentId }) {
      const row: AskRow = { id: randomUUID(), agent, asked_at: at, incident_id: incidentId };
      await queries.write('save a question to Claude', () =>
        withinFleetLimit(current, limits, 'questions', at, (db) =>
          db
            .insertInto('asks')
            .values(row)
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute(),
        ),
      );
      usage.addAsk(row);
    },

    async recordRequests(requests) {
      if (requests.length === 0) return;
      const rows = requests.map(
        (request): RequestRow => ({
          id: randomUUID(),
          agent,
          requested_at: request.at,
          incident_id: request.incidentId,
          container_name: request.containerName,
          model: request.model,
          outcome: request.outcome,
          input_tokens: request.tokens.input,
          output_tokens: request.tokens.output,
          cache_read_tokens: request.tokens.cacheRead,
          cache_write_tokens: request.tokens.cacheWrite,
          cost_usd: request.costUsd,
        }),
      );
      usage.addRequests(rows);
      await queries.write('save requests to Claude', () =>
        current.db.transaction().execute(async (trx) => {
          for (const chunk of chunks(rows)) {
            await trx
              .insertInto('claude_requests')
              .values(chunk)
              .onConflict((conflict) => conflict.column('id').doNothing())
              .execute();
          }
        }),
      );
    },

    asksSince(time) {
      return queries.read('count the questions to Claude', async () => {
        const { asks } = await current.db
          .selectFrom('asks')
          .select((eb) => eb.fn.countAll().as('asks'))
          .where('agent', '=', agent)
          .where('asked_at', '>=', time)
          .executeTakeFirstOrThrow();
        return Number(asks);
      });
    },

    spendSince(time) {
      return queries.read('read the spend on Claude', async () => {
        const { spend } = await current.db
          .selectFrom('claude_requests')
          .select((eb) => eb.fn.sum('cost_usd').as('spend'))
          .where('agent', '=', agent)
          .where('requested_at', '>=', time)
          .executeTakeFirstOrThrow();
        return Number(spend ?? 0);
      });
    },
  };
}
