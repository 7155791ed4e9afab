import type { CursorStore, LogCursor } from '../pipeline/ports.ts';
import { batches } from './batches.ts';
import type { Guard } from './guard.ts';
import { createNotes } from './notes.ts';
import type { Place } from './place.ts';

const LAST_RUN = 'last_run_at';

export function createCursorStore(place: Place, guard: Guard): CursorStore {
  const { agent } = place;
  const notes = createNotes(place);
  return {
    loadCursors() {
      return guard.read('read the log cursors', async () => {
        const rows = await place.db.selectFrom('cursors').selectAll().where('agent', '=', agent).execute();
        return new Map(rows.map((row) => [row.container_id, JSON.parse(row.cursor) as LogCursor]));
      });
    },

    async saveCursors(cursors) {
      if (cursors.size === 0) return;
      const rows = Array.from(cursors, ([id, cursor]) => ({ agent, container_id: id, cursor: JSON.stringify(cursor) }));
      await guard.write('save log cursors', () =>
        place.db.transaction().execute(async (trx) => {
          for (const batch of batches(rows)) {
            await trx
              .insertInto('cursors')
              .values(batch)
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
      await guard.write('forget log cursors', () =>
        place.db.transaction().execute(async (trx) => {
          for (const batch of batches(containerIds)) {
            await trx.deleteFrom('cursors').where('agent', '=', agent).where('container_id', 'in', batch).execute();
          }
        }),
      );
    },

    loadLastRun() {
      return guard.read('read when the agent last ran', async () => {
        const at = Number(await notes.get(LAST_RUN));
        return Number.isSafeInteger(at) && at > 0 ? at : undefined;
      });
    },

    async saveLastRun(at) {
      await guard.write('save when the agent last ran', () => notes.set(LAST_RUN, String(at)));
    },
  };
}
