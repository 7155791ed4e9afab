import type { Alert } from '../domain.ts';
import type { Outbox } from '../pipeline/ports.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { storableText, traceColumns, traceOf } from './rows.ts';

/**
 * An alert is `pending` until it is `sent` or `dropped`, both final. A second `enqueue` of the same alert id changes
 * nothing, whatever became of the first: that is what keeps an alert from going out twice after a crash.
 */
export function createOutbox(current: CurrentDatabase, queries: QueryRunner, now: () => number): Outbox {
  const { agent } = current;
  async function finish(alertId: string, state: 'sent' | 'dropped', at: number, why: string | null): Promise<void> {
    await queries.write(`mark an alert as ${state}`, () =>
      current.db
        .updateTable('outbox')
        .set((eb) => ({ state, tries: eb('tries', '+', 1), finished_at: at, last_error: why && storableText(why) }))
        .where('alert_id', '=', alertId)
        .where('state', '=', 'pending')
        .execute(),
    );
  }

  return {
    async enqueue(alert, trace) {
      const { numInsertedOrUpdatedRows } = await queries.write('put an alert into the outbox', () =>
        current.db
          .insertInto('outbox')
          .values((eb) => ({
            alert_id: alert.id,
            agent,
            // Two alerts of one millisecond leave in the order they came.
            seq: eb
              .selectFrom('outbox as earlier')
              .select((sub) => sub(sub.fn.coalesce(sub.fn.max('earlier.seq'), sub.lit(0)), '+', 1).as('seq'))
              .where('earlier.agent', '=', agent),
            alert: JSON.stringify(alert),
            ...traceColumns(trace),
            state: 'pending' as const,
            tries: 0,
            next_at: now(),
          }))
          .onConflict((conflict) => conflict.column('alert_id').doNothing())
          .executeTakeFirstOrThrow(),
      );
      return numInsertedOrUpdatedRows === 1n;
    },

    due(time, limit) {
      return queries.read('read the alerts that are due', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select(['alert', 'tries', 'trace_id', 'span_id'])
          .where('agent', '=', agent)
          .where('state', '=', 'pending')
          .where('next_at', '<=', time)
          .orderBy('seq')
          .limit(limit)
          .execute();
        return rows.map((row) => ({ alert: JSON.parse(row.alert) as Alert, tries: row.tries, ...traceOf(row) }));
      });
    },

    nextDueAt() {
      return queries.read('read when the next alert is due', async () => {
        const { next } = await current.db
          .selectFrom('outbox')
          .select((eb) => eb.fn.min('next_at').as('next'))
          .where('agent', '=', agent)
          .where('state', '=', 'pending')
          .executeTakeFirstOrThrow();
        // No row: min() is null, which Kysely's type does not say.
        return (next as number | null) ?? undefined;
      });
    },

    markSent: (alertId, at) => finish(alertId, 'sent', at, null),

    markDropped: (alertId, at, why) => finish(alertId, 'dropped', at, why),

    async markRetry(alertId, nextAt, why) {
      await queries.write('put an alert off', () =>
        current.db
          .updateTable('outbox')
          .set((eb) => ({ tries: eb('tries', '+', 1), next_at: nextAt, last_error: storableText(why) }))
          .where('alert_id', '=', alertId)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    pending() {
      return queries.read('count the pending alerts', async () => {
        const { pending } = await current.db
          .selectFrom('outbox')
          .select((eb) => eb.fn.countAll().as('pending'))
          .where('agent', '=', agent)
          .where('state', '=', 'pending')
          .executeTakeFirstOrThrow();
        return Number(pending);
      });
    },
  };
}
