import type { Alert } from '../domain/alert.ts';
import type { Outbox } from '../pipeline/ports/store.ts';
import { type AlertEnd, type Delivery, recordAlert, recordAlertEnd } from './alert-records.ts';
import type { CurrentDatabase } from './current-database.ts';
import { type Destinations, heldForFleet } from './fleet-messages.ts';
import { follow, markShown } from './followed-incidents.ts';
import type { QueryRunner } from './query-runner.ts';
import { detectorsOf, storableText, traceColumns, traceOf } from './rows.ts';

/**
 * For each receiver, an alert is `pending` until it is `sent` or `dropped`; both are final. A second `enqueue` of the
 * same alert changes nothing, whatever the state of the first: this prevents duplicates after a crash.
 */
export function createOutbox(
  current: CurrentDatabase,
  queries: QueryRunner,
  now: () => number,
  destinations: Destinations = new Map(),
): Outbox {
  const { agent } = current;

  const finish = (delivery: Delivery, end: AlertEnd) =>
    current.db.transaction().execute(async (trx) => {
      await updatePending(delivery, trx).set(end).execute();
      await recordAlertEnd(trx, delivery, end);
    });

  const updatePending = (delivery: Delivery, db = current.db) =>
    db
      .updateTable('outbox')
      .set((eb) => ({ tries: eb('tries', '+', 1) }))
      .where('alert_id', '=', delivery.alertId)
      .where('receiver', '=', delivery.receiver)
      .where('state', '=', 'pending');

  return {
    enqueue(alert, receivers, trace, following = []) {
      return queries.write('add an alert to the outbox', () =>
        current.db.transaction().execute(async (trx) => {
          const known = await trx
            .selectFrom('outbox')
            .select('alert_id')
            .where('alert_id', '=', alert.id)
            .limit(1)
            .execute();
          if (known.length > 0) return false;
          if (receivers.length === 0) return true;
          // A sequence number rather than the time, so that alerts of the same millisecond keep their order.
          const { seq } = await trx
            .selectFrom('outbox')
            .select((eb) => eb.fn.coalesce(eb.fn.max('seq'), eb.lit(0)).as('seq'))
            .where('agent', '=', agent)
            .executeTakeFirstOrThrow();
          const row = {
            alert_id: alert.id,
            agent,
            seq: seq + 1,
            alert: JSON.stringify(alert),
            ...traceColumns(trace),
            state: 'pending' as const,
            tries: 0,
            next_at: now(),
            incident_id: alert.incident.id,
          };
          const held = await heldForFleet(trx, current, alert, receivers, destinations);
          await trx
            .insertInto('outbox')
            .values(
              [...new Set(receivers)].map((receiver) => ({ ...row, receiver, flood: held.get(receiver) ?? null })),
            )
            .execute();
          await recordAlert(trx, agent, alert, receivers);
          const followers = following.filter((receiver) => !held.has(receiver));
          await follow(trx, agent, alert, followers, now());
          return true;
        }),
      );
    },

    due(receiver, time, limit) {
      return queries.read('read the due alerts', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select(['alert', 'tries', 'trace_id', 'span_id'])
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('state', '=', 'pending')
          .where('flood', 'is', null)
          .where('next_at', '<=', time)
          .orderBy('seq')
          .limit(limit)
          .execute();
        return rows.map((row) => ({ alert: parseAlert(row.alert), tries: row.tries, ...traceOf(row) }));
      });
    },

    async markSent(delivery, at) {
      await queries.write('mark an alert as sent', () =>
        current.db.transaction().execute(async (trx) => {
          const end = { state: 'sent', finished_at: at, last_error: null } as const;
          await updatePending(delivery, trx).set(end).execute();
          await recordAlertEnd(trx, delivery, end);
          await markShown(trx, agent, delivery, at);
        }),
      );
    },

    async markRetry(delivery, nextAt, why) {
      await queries.write('postpone an alert', () =>
        updatePending(delivery)
          .set({ next_at: nextAt, last_error: storableText(why) })
          .execute(),
      );
    },

    async markDropped(delivery, at, why) {
      await queries.write('mark an alert as dropped', () =>
        finish(delivery, { state: 'dropped', finished_at: at, last_error: storableText(why) }),
      );
    },

    pending() {
      return queries.read('count the pending alerts', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select((eb) => ['receiver', eb.fn.countAll().as('pending')])
          .where('agent', '=', agent)
          .where('state', '=', 'pending')
          .groupBy('receiver')
          .execute();
        return new Map(rows.map(({ receiver, pending }) => [receiver, Number(pending)]));
      });
    },
  };
}

function parseAlert(json: string): Alert {
  const alert = JSON.parse(json) as Alert;
  return {
    ...alert,
    incident: { ...alert.incident, detectors: alert.incident.detectors ?? detectorsOf(alert.incident) },
  };
}
