import type { LogCursor } from '../pipeline/ports/engine.ts';
import type { CursorStore } from '../pipeline/ports/store.ts';
import { chunks } from './chunks.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';

const LAST_RUN = 'last_run_at';

export function createCursorStore(current: CurrentDatabase, queries: QueryRunner): CursorStore {
  const { agent } = current;
  const metadata = createMetadata(current);
  return {
    loadCursors() {
      return queries.read('read the log cursors', async () => {
        const rows = await current.db.selectFrom('cursors').selectAll().where('agent', '=', agent).execute();
        return new Map(rows.map((row) => [row.container_id, JSON.parse(row.cursor) as LogCursor]));
      });
    },

    async saveCursors(cursors) {
      if (cursors.size === 0) return;
      const rows = Array.from(cursors, ([id, cursor]) => ({ agent, container_id: id, cursor: JSON.stringify(cursor) }));
      await queries.write('save log cursors', () =>
        current.db.transaction().execute(async (trx) => {
          for (const chunk of chunks(rows)) {
            await trx
              .insertInto('cursors')
              .values(chunk)
              .onConflict((conflict) =>
                conflict
                  .columns(['agent', 'container_id'])
                  .doUpdateSet((eb) => ({ cursor: eb.ref('excluded.cursor') })),
              )
              .execute();
          }
        }),
      );
    },

    async forgetCursors(containerIds) {
      if (containerIds.length === 0) return;
      await queries.write('delete log cursors', () =>
        current.db.transaction().execute(async (trx) => {
          for (const chunk of chunks(containerIds)) {
            await trx.deleteFrom('cursors').where('agent', '=', agent).where('container_id', 'in', chunk).execute();
          }
        }),
      );
    },

    loadLastRun() {
      return queries.read('read when the agent last ran', async () => {
        const at = Number(await metadata.get(LAST_RUN));
        return Number.isSafeInteger(at) && at > 0 ? at : undefined;
      });
    },

    async saveLastRun(at) {
      await queries.write('save when the agent last ran', () => metadata.set(LAST_RUN, String(at)));
    },
  };
}
