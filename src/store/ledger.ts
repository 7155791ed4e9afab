import { randomUUID } from 'node:crypto';
import type { Ledger } from '../pipeline/ports.ts';
import { batches } from './batches.ts';
import type { Guard } from './guard.ts';
import type { Place } from './place.ts';
import type { AskRow, RequestRow, Usage } from './usage.ts';

/** Windows are rolling: a row counts where its time is at or after the asked one. */
export function createLedger(place: Place, guard: Guard, usage: Pick<Usage, 'asked' | 'requested'>): Ledger {
  const { agent } = place;
  return {
    async recordAsk({ at, incidentId }) {
      const row: AskRow = { id: randomUUID(), agent, asked_at: at, incident_id: incidentId };
      await guard.write('write down that Claude is asked', () => place.db.insertInto('asks').values(row).execute());
      usage.asked(row);
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
      usage.requested(rows);
      await guard.write('write down requests to Claude', () =>
        place.db.transaction().execute(async (trx) => {
          for (const batch of batches(rows)) await trx.insertInto('claude_requests').values(batch).execute();
        }),
      );
    },

    asksSince(time) {
      return guard.read('count how often Claude was asked', async () => {
        const { asks } = await place.db
          .selectFrom('asks')
          .select((eb) => eb.fn.countAll().as('asks'))
          .where('agent', '=', agent)
          .where('asked_at', '>=', time)
          .executeTakeFirstOrThrow();
        return Number(asks);
      });
    },

    spendSince(time) {
      return guard.read('sum up what Claude cost', async () => {
        const { spend } = await place.db
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
