import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Alert } from '../domain/alert.ts';
import type { FleetMessages } from '../pipeline/ports/fleet.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { NO_PROJECT } from './rows.ts';
import type { Database } from './schema/tables.ts';
import { DATABASE_NOW } from './shared-knowledge.ts';

const PREFIX = 'fleet:';
/** After this long without the problem on any host, the next alert is a message of its own. */
const RECENT_MS = 10 * 60_000;
/** Then each agent sends its own: perhaps no agent sends to this destination any more. */
const HELD_AT_MOST_MS = 3_600_000;

/** What identifies where a receiver's messages go, by its name. Absent: its messages are not shared. */
export type Destinations = ReadonlyMap<string, string>;

/**
 * The receivers that have had a message about this problem from another host, each with the name under which this alert
 * is held. An alert with a question to a person is always sent.
 */
export async function heldForFleet(
  trx: Database,
  { agent, isShared }: CurrentDatabase,
  alert: Alert,
  receivers: readonly string[],
  destinations: Destinations,
): Promise<ReadonlyMap<string, string>> {
  const held = new Map<string, string>();
  if (!isShared || alert.request !== undefined || alert.kind === 'resolved') return held;
  // Sorted, so that transactions of several agents cannot deadlock.
  for (const receiver of [...new Set(receivers)].sort()) {
    const destination = destinations.get(receiver);
    if (destination === undefined) continue;
    const name = nameOf(receiver, destination, alert);
    const { agent: first } = await trx
      .insertInto('fleet_messages')
      .values({ name, agent, at: DATABASE_NOW })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet((eb) => ({
          at: DATABASE_NOW,
          agent: eb
            .case()
            .when('fleet_messages.at', '<', sql<number>`${DATABASE_NOW} - ${sql.lit(RECENT_MS)}`)
            .then(eb.ref('excluded.agent'))
            .else(eb.ref('fleet_messages.agent'))
            .end(),
        })),
      )
      .returning('agent')
      .executeTakeFirstOrThrow();
    if (first !== agent) held.set(receiver, name);
  }
  return held;
}

function nameOf(receiver: string, destination: string, { incident: { container, fingerprint } }: Alert): string {
  const problem = JSON.stringify([container.project ?? NO_PROJECT, container.service, fingerprint]);
  return `${PREFIX}${receiver}:${destination}:${createHash('sha256').update(problem).digest('hex').slice(0, 32)}`;
}

export function createFleetMessages(
  current: CurrentDatabase,
  queries: QueryRunner,
  now: () => number,
  destinations: Destinations,
): FleetMessages {
  return {
    async heldMessages() {
      if (!current.isShared) return [];
      await queries.write('release held alerts', () =>
        current.db
          .updateTable('outbox')
          .set({ flood: null })
          .where('agent', '=', current.agent)
          .where('state', '=', 'pending')
          .where('flood', 'like', `${PREFIX}%`)
          .where('next_at', '<', now() - HELD_AT_MOST_MS)
          .execute(),
      );
      const rows = await queries.read('read the alerts that other hosts hold', () =>
        current.db
          .selectFrom('outbox')
          .innerJoin('fleet_messages', 'fleet_messages.name', 'outbox.flood')
          .select(['outbox.flood', 'outbox.receiver', 'fleet_messages.agent'])
          .select((eb) => eb.fn.max('outbox.next_at').as('newest_at'))
          .select((eb) => eb.fn.min('outbox.next_at').as('oldest_at'))
          .where('outbox.state', '=', 'pending')
          .where('outbox.flood', 'is not', null)
          .groupBy(['outbox.flood', 'outbox.receiver', 'fleet_messages.agent'])
          .execute(),
      );
      return rows.flatMap(({ flood, receiver, agent, newest_at, oldest_at }) => {
        const destination = destinations.get(receiver);
        if (flood === null || destination === undefined || !flood.startsWith(`${PREFIX}${receiver}:${destination}:`))
          return [];
        return [{ name: flood, receiver, firstHost: agent, oldestAt: Number(oldest_at), newestAt: Number(newest_at) }];
      });
    },

    heldAlerts(name) {
      return queries.read('read the alerts that other hosts hold', async () => {
        const rows = await current.db
          .selectFrom('outbox')
          .select(['alert_id', 'alert', 'agent'])
          .where('flood', '=', name)
          .where('state', '=', 'pending')
          .orderBy('next_at')
          .orderBy('alert_id')
          .execute();
        return rows.map(({ alert, agent }) => ({ host: agent, alert: JSON.parse(alert) as Alert }));
      });
    },

    async markToldTogether({ name, receiver }, alertIds, at) {
      if (alertIds.length === 0) return;
      await queries.write('mark alerts of several hosts as sent', () =>
        current.db.transaction().execute(async (trx) => {
          await trx
            .updateTable('outbox')
            .set({ state: 'sent', finished_at: at, last_error: null })
            .where('flood', '=', name)
            .where('state', '=', 'pending')
            .where('alert_id', 'in', alertIds)
            .execute();
          await trx
            .updateTable('alerts')
            .set({ state: 'sent', finished_at: at })
            .where('receiver', '=', receiver)
            .where('alert_id', 'in', alertIds)
            .execute();
        }),
      );
    },

    claimMessage: (name, forMs) =>
      queries.write('claim a message about several hosts', async () => {
        if (!current.isShared) return false;
        const expiresAt = sql<number>`${DATABASE_NOW} + ${sql.lit(Math.round(forMs))}`;
        const { numInsertedOrUpdatedRows = 0n } = await current.db
          .insertInto('claims')
          .values({ name, agent: current.agent, expires_at: expiresAt })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({ agent: current.agent, expires_at: expiresAt })
              .where((eb) => eb('claims.expires_at', '<', DATABASE_NOW)),
          )
          .executeTakeFirst();
        return numInsertedOrUpdatedRows > 0n;
      }),
  };
}
