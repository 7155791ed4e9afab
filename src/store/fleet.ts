import { type Selectable, sql } from 'kysely';
import { StoreError } from '../errors.ts';
import type { FleetAgent, FleetStore } from '../pipeline/ports/fleet.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import type { AgentTable } from './schema/fleet-tables.ts';
import { snoozeOf } from './snoozes.ts';

/** One row per agent. Writes to the row of another agent succeed for exactly one of those that try at the same time. */
export function createFleetStore(current: CurrentDatabase, queries: QueryRunner, now: () => number): FleetStore {
  const { agent } = current;
  const noSilence = { silent_beat: null, silent_by: null, silent_told: null };
  return {
    async beat({ id, version, startedAt, metricsAddress }) {
      return queries.write('write a heartbeat', async () => {
        // Without the database there are no others, which does not mean that they are silent.
        if (!current.isShared) throw new StoreError('the shared database is not used', 'unavailable');
        const row = {
          agent_id: id,
          version,
          started_at: startedAt,
          seen_at: now(),
          stopped_at: null,
          metrics_address: metricsAddress ?? null,
        };
        await current.db
          .insertInto('agents')
          .values({ agent, ...row, beat: 1, ...noSilence })
          .onConflict((conflict) =>
            conflict.column('agent').doUpdateSet((eb) => ({ ...row, beat: eb('agents.beat', '+', 1) })),
          )
          .execute();
        const rows = await current.db.selectFrom('agents').selectAll().orderBy('agent').execute();
        return rows.map(agentOf);
      });
    },

    async saveStopped() {
      await queries.write('write that the agent stops', () =>
        current.db.updateTable('agents').set({ stopped_at: now() }).where('agent', '=', agent).execute(),
      );
    },

    claimSilence({ name, beat }, insteadOf) {
      return queries.write('claim the notice about a silent agent', async () => {
        const update = current.db
          .updateTable('agents')
          .set({ silent_beat: beat, silent_by: agent, silent_told: null })
          .where('agent', '=', name)
          .where('beat', '=', beat)
          .where('silent_told', 'is', null);
        const { numUpdatedRows } = await (insteadOf === undefined
          ? update.where('silent_by', 'is', null)
          : update.where('silent_by', '=', insteadOf)
        ).executeTakeFirst();
        return numUpdatedRows > 0n;
      });
    },

    async saveSilenceTold(name) {
      await queries.write('write that people know of a silent agent', () =>
        current.db
          .updateTable('agents')
          .set({ silent_told: now() })
          .where('agent', '=', name)
          .where('silent_by', '=', agent)
          .execute(),
      );
    },

    endSilence({ name }) {
      return queries.write('claim the notice about an agent that is back', async () => {
        const { numUpdatedRows } = await current.db
          .updateTable('agents')
          .set(noSilence)
          .where('agent', '=', name)
          .where('silent_by', 'is not', null)
          .whereRef('beat', '<>', 'silent_beat')
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      });
    },

    async forgetAgent({ name, beat }) {
      await queries.write('forget an agent', () =>
        current.db.deleteFrom('agents').where('agent', '=', name).where('beat', '=', beat).execute(),
      );
    },

    hostOf(id) {
      return queries.read('read the host of an incident', async () => {
        const found = await current.db
          .selectFrom('incidents')
          .select('agent')
          .where('id', '=', id)
          .unionAll(current.db.selectFrom('restart_requests').select('agent').where('id', '=', id))
          .unionAll(current.db.selectFrom('snoozes').select('agent').where('id', '=', id))
          .limit(1)
          .executeTakeFirst();
        return found?.agent;
      });
    },

    snoozesElsewhere() {
      return queries.read('read the snoozes of other agents', async () => {
        const rows = await current.db
          .selectFrom('snoozes')
          .selectAll()
          .where('agent', '<>', agent)
          .where('ended_at', 'is', null)
          .where('until_at', '>', now())
          .orderBy('since')
          .orderBy(sql.ref('id'))
          .execute();
        return rows.map(snoozeOf);
      });
    },
  };
}

function agentOf(row: Selectable<AgentTable>): FleetAgent {
  return {
    name: row.agent,
    id: row.agent_id,
    version: row.version,
    startedAt: row.started_at,
    seenAt: row.seen_at,
    beat: row.beat,
    ...(row.metrics_address !== null && { metricsAddress: row.metrics_address }),
    ...(row.stopped_at !== null && { stoppedAt: row.stopped_at }),
    ...(row.silent_by !== null && {
      silence: {
        beat: row.silent_beat ?? 0,
        by: row.silent_by,
        ...(row.silent_told !== null && { toldAt: row.silent_told }),
      },
    }),
  };
}
