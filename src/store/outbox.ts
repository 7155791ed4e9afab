import type { Alert } from '../domain.ts';
import type { Outbox } from '../pipeline/ports.ts';
import type { Guard } from './guard.ts';
import type { Place } from './place.ts';
import { plainText, traceColumns, traceOf } from './rows.ts';

/**
 * An alert is `pending` until it is `sent` or `dropped`, both final. A second `enqueue` of the same alert id changes
 * nothing, whatever became of the first: that is what keeps an alert from going out twice after a crash.
 */
export function createOutbox(place: Place, guard: Guard, now: () => number): Outbox {
  const { agent } = place;
  async function finish(alertId: string, state: 'sent' | 'dropped', at: number, why: string | null): Promise<void> {
    await guard.write(`mark an alert as ${state}`, () =>
      place.db
        .updateTable('outbox')
        .set((eb) => ({ state, tries: eb('tries', '+', 1), finished_at: at, last_error: why && plainText(why) }))
        .where('alert_id', '=', alertId)
        .where('state', '=', 'pending')
        .execute(),
    );
  }

  return {
    async enqueue(alert, trace) {
      const { numInsertedOrUpdatedRows } = await guard.write('put an alert into the outbox', () =>
        place.db
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
      return guard.read('read the alerts that are due', async () => {
        const rows = await place.db
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
      return guard.read('read when the next alert is due', async () => {
        const { next } = await place.db
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
      await guard.write('put an alert off', () =>
        place.db
          .updateTable('outbox')
          .set((eb) => ({ tries: eb('tries', '+', 1), next_at: nextAt, last_error: plainText(why) }))
          .where('alert_id', '=', alertId)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    pending() {
      return guard.read('count the pending alerts', async () => {
        const { pending } = await place.db
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
