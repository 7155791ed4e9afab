import type { Alert } from '../domain/alert.ts';
import type { FloodStore, SentAlert } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';

/** Alerts that a summary replaces, and the state of the flood, which only its reader understands. */
export function createFloodStore(current: CurrentDatabase, queries: QueryRunner): FloodStore {
  const { agent } = current;
  const metadata = createMetadata(current);
  const stateName = (receiver: string) => `flood.${receiver}`;

  return {
    sentSince(receiver, since) {
      return queries.read('read the latest alerts', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select(['alert', 'finished_at'])
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('state', '=', 'sent')
          .where('flood', 'is', null)
          .where('finished_at', '>', since)
          .orderBy('finished_at')
          .orderBy('seq')
          .execute();
        const first = new Map<string, SentAlert>();
        for (const { alert, finished_at } of rows) {
          const { incident, request } = JSON.parse(alert) as Alert;
          if (first.has(incident.id)) continue;
          first.set(incident.id, { at: Number(finished_at), isRequest: request !== undefined });
        }
        return [...first.values()];
      });
    },

    async hold({ alertId, receiver }, flood) {
      await queries.write('add an alert to a summary', () =>
        current.db
          .updateTable('outbox')
          .set({ flood })
          .where('alert_id', '=', alertId)
          .where('receiver', '=', receiver)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    held(receiver, flood) {
      return queries.read('read the alerts of a summary', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select(['alert', 'seq'])
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('flood', '=', flood)
          .orderBy('seq')
          .execute();
        return { alerts: rows.map(({ alert }) => JSON.parse(alert) as Alert), upTo: Number(rows.at(-1)?.seq ?? 0) };
      });
    },

    async markSummarized(receiver, flood, upTo, at) {
      await queries.write('mark the alerts of a summary as sent', () =>
        current.db
          .updateTable('outbox')
          .set({ state: 'sent', finished_at: at, last_error: null })
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('flood', '=', flood)
          .where('state', '=', 'pending')
          .where('seq', '<=', upTo)
          .execute(),
      );
    },

    isShown(receiver, incidentId) {
      return queries.read('read whether an incident is shown', async () => {
        const row = await current.db
          .selectFrom('followed_incidents')
          .select('shown_at')
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('incident_id', '=', incidentId)
          .executeTakeFirst();
        return row !== undefined && row.shown_at !== null;
      });
    },

    loadFlood: (receiver) => queries.read('read the state of a flood', () => metadata.get(stateName(receiver))),

    async saveFlood(receiver, state) {
      await queries.write('write the state of a flood', () => metadata.set(stateName(receiver), state));
    },
  };
}
