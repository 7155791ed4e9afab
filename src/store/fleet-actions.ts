import { type RawBuilder, sql } from 'kysely';
import { StoreError } from '../errors.ts';
import type { FleetAction, FleetActions } from '../pipeline/ports/fleet.ts';
import type { ActionResult } from '../pipeline/ports/people.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import type { Database } from './schema/tables.ts';
import { DATABASE_NOW } from './shared-knowledge.ts';

/** The channel of NOTIFY. The payload is the name of the agent that has something to do or to read. */
export const WAKE_CHANNEL = 'container_doctor';

/** Nobody asks for the result of an older one. */
const KEEP_MS = 24 * 3_600_000;

const wake = (trx: Database, agent: string) => sql`SELECT pg_notify(${WAKE_CHANNEL}, ${agent})`.execute(trx);
const fromNow = (ms: number): RawBuilder<number> => sql<number>`${DATABASE_NOW} + ${sql.lit(Math.round(ms))}`;

export function createFleetActions(current: CurrentDatabase, queries: QueryRunner): FleetActions {
  const { agent } = current;
  /** Evaluated with each query, since a query that fails may be run again on what replaces the database. */
  const shared = (): Database => {
    if (!current.isShared) throw new StoreError('the shared database is not used', 'unavailable');
    return current.db;
  };
  return {
    askAgent({ id, host, action, claimWithinMs }) {
      return queries.write('ask the agent of another host', async () =>
        shared()
          .transaction()
          .execute(async (trx) => {
            const { numInsertedOrUpdatedRows = 0n } = await trx
              .insertInto('fleet_actions')
              .values({
                id,
                agent: host,
                asked_by: agent,
                action: JSON.stringify(action),
                state: 'asked',
                asked_at: DATABASE_NOW,
                expires_at: fromNow(claimWithinMs),
                claims: 0,
                result: null,
              })
              .onConflict((conflict) => conflict.column('id').doNothing())
              .executeTakeFirst();
            await trx
              .deleteFrom('fleet_actions')
              .where('asked_by', '=', agent)
              .where('asked_at', '<', fromNow(-KEEP_MS))
              .execute();
            await wake(trx, host);
            return numInsertedOrUpdatedRows > 0n;
          }),
      );
    },

    actionState(id) {
      return queries.read('read what came of an action on another host', async () => {
        const row = await shared()
          .selectFrom('fleet_actions')
          .select(['state', 'result'])
          .where('id', '=', id)
          .executeTakeFirst();
        if (row === undefined) return { kind: 'unknown' };
        if (row.state !== 'finished') return { kind: row.state };
        return { kind: 'finished', result: JSON.parse(row.result ?? '') as ActionResult };
      });
    },

    giveUpAction(id, from) {
      return queries.write('withdraw an action on another host', async () => {
        const { numUpdatedRows } = await shared()
          .updateTable('fleet_actions')
          .set({ state: from === 'asked' ? 'withdrawn' : 'given_up' })
          .where('id', '=', id)
          .where('state', '=', from)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      });
    },

    claimActions(inProgress, lateAfterMs) {
      // Not `write`: that it finds nothing to change does not show that the database can be written.
      return queries.read('read what other agents ask', async () => {
        if (!current.isShared) return [];
        const rows = await current.db
          .updateTable('fleet_actions')
          .set((eb) => ({ state: 'claimed', claims: eb('claims', '+', 1) }))
          .where('agent', '=', agent)
          .where('state', 'in', ['asked', 'claimed'])
          .where((eb) => eb.or([eb('state', '=', 'claimed'), eb('expires_at', '>', DATABASE_NOW)]))
          .$if(inProgress.length > 0, (query) => query.where('id', 'not in', [...inProgress]))
          .returning(['id', 'asked_by', 'action', 'asked_at', 'claims'])
          .returning(sql<boolean>`asked_at < ${fromNow(-lateAfterMs)}`.as('is_late'))
          .execute();
        return rows.map((row) => ({
          id: row.id,
          askedBy: row.asked_by,
          action: JSON.parse(row.action) as FleetAction,
          askedAt: row.asked_at,
          isRepeat: row.claims > 1,
          isLate: row.is_late,
        }));
      });
    },

    async finishAction(id, result) {
      await queries.write('save what came of an action', async () =>
        shared()
          .transaction()
          .execute(async (trx) => {
            const row = await trx
              .updateTable('fleet_actions')
              .set({ state: 'finished', result: JSON.stringify(result) })
              .where('id', '=', id)
              .where('state', 'in', ['claimed', 'given_up'])
              .returning('asked_by')
              .executeTakeFirst();
            if (row !== undefined) await wake(trx, row.asked_by);
          }),
      );
    },
  };
}
