import { sql } from 'kysely';
import type { Alert } from '../domain.ts';
import type { Outbox } from '../pipeline/ports.ts';
import type { Guard } from './guard.ts';
import type { Place } from './place.ts';
import { plainText, traceColumns, traceOf } from './rows.ts';

/** Between the alert's id and the receiver's name in `alert_id`: the table has no column for the receiver yet. */
const SEPARATOR = '\u001f';

interface Delivery {
  readonly alertId: string;
  readonly receiver: string;
}

/**
 * For each receiver an alert is `pending` until it is `sent` or `dropped`, both final. A second `enqueue` of the same
 * alert id changes nothing, whatever became of the first: that is what keeps an alert from going out twice after a
 * crash.
 */
export function createOutbox(place: Place, guard: Guard, now: () => number): Outbox {
  const { agent } = place;
  const keyOf = ({ alertId, receiver }: Delivery) => `${alertId}${SEPARATOR}${receiver}`;

  const updatePending = (delivery: Delivery) =>
    place.db
      .updateTable('outbox')
      .set((eb) => ({ tries: eb('tries', '+', 1) }))
      .where('alert_id', '=', keyOf(delivery))
      .where('state', '=', 'pending');

  async function finish(delivery: Delivery, state: 'sent' | 'dropped', at: number, why: string | null): Promise<void> {
    await guard.write(`mark an alert as ${state}`, () =>
      updatePending(delivery)
        .set({ state, finished_at: at, last_error: why && plainText(why) })
        .execute(),
    );
  }

  return {
    enqueue(alert, receivers, trace) {
      return guard.write('put an alert into the outbox', () =>
        place.db.transaction().execute(async (trx) => {
          const prefix = keyOf({ alertId: alert.id, receiver: '' });
          const known = await trx
            .selectFrom('outbox')
            .select('alert_id')
            .where((eb) =>
              eb.or([
                eb('alert_id', '=', alert.id),
                eb(sql`substr(alert_id, 1, ${sql.lit([...prefix].length)})`, '=', prefix),
              ]),
            )
            .limit(1)
            .execute();
          if (known.length > 0) return false;
          if (receivers.length === 0) return true;
          const { seq } = await trx
            .selectFrom('outbox')
            .select((eb) => eb.fn.coalesce(eb.fn.max('seq'), eb.lit(0)).as('seq'))
            .where('agent', '=', agent)
            .executeTakeFirstOrThrow();
          const row = {
            agent,
            // Two alerts of one millisecond leave in the order they came.
            seq: Number(seq) + 1,
            alert: JSON.stringify(alert),
            ...traceColumns(trace),
            state: 'pending' as const,
            tries: 0,
            next_at: now(),
          };
          await trx
            .insertInto('outbox')
            .values(receivers.map((receiver) => ({ ...row, alert_id: keyOf({ alertId: alert.id, receiver }) })))
            .execute();
          return true;
        }),
      );
    },

    due(receiver, time, limit) {
      return guard.read('read the alerts that are due', async () => {
        const rows = await place.db
          .selectFrom('outbox')
          .select(['alert', 'tries', 'trace_id', 'span_id'])
          .where('agent', '=', agent)
          .where('alert_id', 'like', `%${SEPARATOR}${receiver}`)
          .where('state', '=', 'pending')
          .where('next_at', '<=', time)
          .orderBy('seq')
          .limit(limit)
          .execute();
        return rows.map((row) => ({ alert: JSON.parse(row.alert) as Alert, tries: row.tries, ...traceOf(row) }));
      });
    },

    markSent: (delivery, at) => finish(delivery, 'sent', at, null),

    markDropped: (delivery, at, why) => finish(delivery, 'dropped', at, why),

    async markRetry(delivery, nextAt, why) {
      await guard.write('put an alert off', () =>
        updatePending(delivery)
          .set({ next_at: nextAt, last_error: plainText(why) })
          .execute(),
      );
    },

    pending() {
      return guard.read('count the pending alerts', async () => {
        const rows = await place.db
          .selectFrom('outbox')
          .select('alert_id')
          .where('agent', '=', agent)
          .where('state', '=', 'pending')
          .execute();
        const pending = new Map<string, number>();
        for (const { alert_id: key } of rows) {
          const receiver = key.slice(key.indexOf(SEPARATOR) + 1);
          pending.set(receiver, (pending.get(receiver) ?? 0) + 1);
        }
        return pending;
      });
    },
  };
}
