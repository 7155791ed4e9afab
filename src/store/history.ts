import { type SqlBool, sql } from 'kysely';
import type { HistoryStore } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { shownRows, withHost } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { caseOf, selectCases, storableText } from './rows.ts';

/** Outcomes of restarts that took place. Excludes running ones and those that the engine refused (`error`). */
export const RESTARTED = ['recovered', 'failed', 'unknown'] as const;

export function createHistoryStore(current: CurrentDatabase, queries: QueryRunner): HistoryStore {
  const { agent } = current;
  return {
    history({ limit, container, host, ofFleet }) {
      return queries.read('read the history', async () => {
        let newest = selectCases(current.db)
          .where(ofFleet ? shownRows(current, 'incidents.agent', host) : sql<SqlBool>`incidents.agent = ${agent}`)
          .where('incidents.diagnosed_at', 'is not', null)
          .orderBy('incidents.diagnosed_at', 'desc')
          .orderBy('incidents.opened_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(limit);
        if (host !== undefined && !current.isShared) newest = newest.where('incidents.host', '=', storableText(host));
        if (container !== undefined) newest = newest.where('incidents.container_name', '=', container);
        const rows = await newest.execute();
        return rows.map((row) => (ofFleet ? withHost(caseOf(row), row.agent) : caseOf(row))).reverse();
      });
    },

    totals() {
      return queries.read('read the totals', async () => {
        // In one transaction: retention moves counts from one table to the other.
        const { kept, pruned, restarts, prunedRestarts } = await current.db.transaction().execute(async (trx) => ({
          kept: await trx
            .selectFrom('incidents')
            .select((eb) => eb.fn.countAll().as('diagnoses'))
            .where('agent', '=', agent)
            .where('diagnosed_at', 'is not', null)
            .executeTakeFirstOrThrow(),
          pruned: await trx
            .selectFrom('pruned_diagnoses')
            .select('diagnoses')
            .where('agent', '=', agent)
            .executeTakeFirst(),
          restarts: await trx
            .selectFrom('attempts')
            .select((eb) => ['container_name', eb.fn.countAll().as('restarts')])
            .where('agent', '=', agent)
            .where('outcome', 'in', RESTARTED)
            .groupBy('container_name')
            .execute(),
          prunedRestarts: await trx
            .selectFrom('pruned_restarts')
            .select(['container_name', 'restarts'])
            .where('agent', '=', agent)
            .execute(),
        }));

        const restartsByContainer = new Map<string, number>();
        for (const { container_name: name, restarts: count } of [...restarts, ...prunedRestarts]) {
          restartsByContainer.set(name, (restartsByContainer.get(name) ?? 0) + Number(count));
        }
        return { diagnoses: Number(kept.diagnoses) + (pruned?.diagnoses ?? 0), restartsByContainer };
      });
    },
  };
}
