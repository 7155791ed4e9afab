import type { TimelineStore } from '../pipeline/ports/pages.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { NO_PROJECT, storableText } from './rows.ts';

/** Deployments and absences. Their ids make a repeated write harmless. */
export function createTimelineStore(current: CurrentDatabase, queries: QueryRunner): TimelineStore {
  const { agent } = current;
  return {
    async saveDeployment({ at, container, previousImage }) {
      await queries.write('save a deployment', () =>
        current.db
          .insertInto('timeline_events')
          .values({
            id: `${agent}/deployment/${container.id}`,
            agent,
            kind: 'deployment',
            began_at: at,
            ended_at: at,
            project: container.project ?? NO_PROJECT,
            service: container.service,
            container_name: container.name,
            detail: JSON.stringify({ containerId: container.id, image: container.image, previousImage }),
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      );
    },

    async saveAbsence({ kind, from, to }) {
      const ended_at = to ?? null;
      await queries.write('save an absence', () =>
        current.db
          .insertInto('timeline_events')
          .values({
            id: storableText(`${agent}/${kind}/${from}`),
            agent,
            kind,
            began_at: from,
            ended_at,
            project: NO_PROJECT,
            service: '',
            container_name: '',
            detail: '{}',
          })
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ ended_at }))
          .execute(),
      );
    },
  };
}
