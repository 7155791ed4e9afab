import { sql } from 'kysely';
import type { SharedKnowledge } from '../pipeline/ports/fleet.ts';
import type { CurrentDatabase } from './current-database.ts';
import { withHost } from './fleet-scope.ts';
import { judgedCase } from './incidents.ts';
import type { QueryRunner } from './query-runner.ts';
import { NO_PROJECT, selectCases } from './rows.ts';

/** By the clock of the database, since those of the hosts may differ. Only PostgreSQL has claims. */
export const DATABASE_NOW = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

export function createSharedKnowledge(current: CurrentDatabase, queries: QueryRunner): SharedKnowledge {
  const { agent } = current;
  return {
    async caseElsewhere({ project, service, fingerprint }) {
      if (!current.isShared) return undefined;
      return queries.read('read a case of another host', async () => {
        const row = await selectCases(current.db)
          .where('incidents.agent', '<>', agent)
          .where('incidents.project', '=', project ?? NO_PROJECT)
          .where('incidents.service', '=', service)
          .where('incidents.fingerprint', '=', fingerprint)
          .where('incidents.diagnosed_at', 'is not', null)
          .where('incidents.tier', '<>', 'rules')
          .orderBy('incidents.diagnosed_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(1)
          .executeTakeFirst();
        if (row === undefined) return undefined;
        return withHost(await judgedCase(current, row, { project, service, fingerprint }), row.agent);
      });
    },

    claimQuestion: (name, forMs) =>
      queries.write('claim a question', async () => {
        if (!current.isShared) return true;
        const expiresAt = sql<number>`${DATABASE_NOW} + ${sql.lit(Math.round(forMs))}`;
        const { numInsertedOrUpdatedRows = 0n } = await current.db
          .insertInto('claims')
          .values({ name, agent, expires_at: expiresAt })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({ agent, expires_at: expiresAt })
              .where((eb) => eb.or([eb('claims.expires_at', '<', DATABASE_NOW), eb('claims.agent', '=', agent)])),
          )
          .executeTakeFirst();
        return numInsertedOrUpdatedRows > 0n;
      }),

    async releaseQuestion(name, keepMs) {
      await queries.write('release a question', async () => {
        if (!current.isShared) return;
        await current.db
          .updateTable('claims')
          .set({ expires_at: sql<number>`${DATABASE_NOW} + ${sql.lit(Math.round(keepMs))}` })
          .where('name', '=', name)
          .where('agent', '=', agent)
          .execute();
        await current.db
          .deleteFrom('claims')
          .where('expires_at', '<', sql<number>`${DATABASE_NOW} - 3600000`)
          .execute();
      });
    },
  };
}
