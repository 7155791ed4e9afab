import type { HistoryStore } from '../pipeline/ports.ts';
import type { Guard } from './guard.ts';
import type { Place } from './place.ts';
import { caseOf, selectCases } from './rows.ts';

/** A restart that the engine refused did not happen; one under way is not yet counted. */
export const RESTARTED = ['recovered', 'failed', 'unknown'] as const;

export function createHistoryStore(place: Place, guard: Guard): HistoryStore {
  const { agent } = place;
  return {
    history({ limit, container }) {
      return guard.read('read the history', async () => {
        let newest = selectCases(place.db)
          .where('incidents.agent', '=', agent)
          .where('incidents.diagnosed_at', 'is not', null)
          .orderBy('incidents.diagnosed_at', 'desc')
          .orderBy('incidents.opened_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(limit);
        if (container !== undefined) newest = newest.where('incidents.container_name', '=', container);
        return (await newest.execute()).map(caseOf).reverse();
      });
    },

    totals() {
      return guard.read('read the totals', async () => {
        // One transaction: retention moves rows from the one place to the other.
        const { kept, pruned, restarts, prunedRestarts } = await place.db.transaction().execute(async (trx) => ({
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
