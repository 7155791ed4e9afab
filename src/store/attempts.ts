import { StoreError } from '../errors.ts';
import type { AttemptStore } from '../pipeline/ports.ts';
import type { Guard } from './guard.ts';
import { attemptOf, NO_PROJECT, plainText } from './rows.ts';
import type { Database } from './schema.ts';

export function createAttemptStore(db: Database, guard: Guard): AttemptStore {
  return {
    async beginAttempt(attempt) {
      await guard.write('write down a restart', () =>
        db
          .insertInto('attempts')
          .values({
            id: attempt.id,
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
        const { numUpdatedRows } = await db
          .updateTable('attempts')
          .set({ outcome, detail: plainText(detail), finished_at: finishedAt })
          .where('id', '=', id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw new StoreError(`attempt ${id} is not in the store`, 'missing');
      });
    },

    attemptsSince({ project, service }, time) {
      return guard.read('read the restarts of a service', async () => {
        const rows = await db
          .selectFrom('attempts')
          .selectAll()
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
