import { StoreError } from '../errors.ts';
import type { AttemptStore } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { type FleetLimits, withinFleetLimit } from './fleet-limits.ts';
import type { QueryRunner } from './query-runner.ts';
import { attemptOf, NO_PROJECT, storableText } from './rows.ts';

export function createAttemptStore(current: CurrentDatabase, queries: QueryRunner, limits?: FleetLimits): AttemptStore {
  const { agent } = current;
  return {
    async beginAttempt(attempt) {
      await queries.write('save a restart attempt', () =>
        withinFleetLimit(current, limits, 'restarts', attempt.startedAt, (db) =>
          db
            .insertInto('attempts')
            .values({
              id: attempt.id,
              agent,
              incident_id: attempt.incidentId,
              container_id: attempt.containerId,
              container_name: attempt.containerName,
              project: attempt.project ?? NO_PROJECT,
              service: attempt.service,
              started_at: attempt.startedAt,
              outcome: attempt.outcome ?? null,
              detail: attempt.detail === undefined ? null : storableText(attempt.detail),
              finished_at: attempt.finishedAt ?? null,
            })
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute(),
        ),
      );
    },

    async finishAttempt(id, { outcome, detail, finishedAt }) {
      await queries.write('save the result of a restart', async () => {
        const { numUpdatedRows } = await current.db
          .updateTable('attempts')
          .set({ outcome, detail: storableText(detail), finished_at: finishedAt })
          .where('id', '=', id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw new StoreError(`attempt ${id} is not in the store`, 'missing');
      });
    },

    countAttemptsSince(time) {
      return queries.read('count the restart attempts', async () => {
        const { count } = await current.db
          .selectFrom('attempts')
          .select((eb) => eb.fn.countAll().as('count'))
          .where('agent', '=', agent)
          .where('started_at', '>=', time)
          .executeTakeFirstOrThrow();
        return Number(count);
      });
    },

    attemptsSince({ project, service }, time) {
      return queries.read('read the restart attempts of a service', async () => {
        const rows = await current.db
          .selectFrom('attempts')
          .selectAll()
          .where('agent', '=', agent)
          .where('project', '=', project ?? NO_PROJECT)
          .where('service', '=', service)
          .where('started_at', '>=', time)
          .orderBy('started_at')
          .orderBy('id')
          .execute();
        return rows.map(attemptOf);
      });
    },
  };
}
