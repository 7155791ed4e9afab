import { StoreError } from '../errors.ts';
import type { AttemptStore } from '../pipeline/ports.ts';
import type { Guard } from './guard.ts';
import type { Place } from './place.ts';
import { attemptOf, NO_PROJECT, plainText } from './rows.ts';

export function createAttemptStore(place: Place, guard: Guard): AttemptStore {
  const { agent } = place;
  return {
    async beginAttempt(attempt) {
      await guard.write('write down a restart', () =>
        place.db
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
            detail: attempt.detail === undefined ? null : plainText(attempt.detail),
            finished_at: attempt.finishedAt ?? null,
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      );
    },

    async finishAttempt(id, { outcome, detail, finishedAt }) {
      await guard.write('write down how a restart ended', async () => {
        const { numUpdatedRows } = await place.db
          .updateTable('attempts')
          .set({ outcome, detail: plainText(detail), finished_at: finishedAt })
          .where('id', '=', id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw new StoreError(`attempt ${id} is not in the store`, 'missing');
      });
    },

    attemptsSince({ project, service }, time) {
      return guard.read('read the restarts of a service', async () => {
        const rows = await place.db
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
