import type { LogCursor } from '../domain.ts';
import type { CursorStore } from '../pipeline/ports.ts';
import { batches } from './batches.ts';
import type { Guard } from './guard.ts';
import type { Database } from './schema.ts';

export function createCursorStore(db: Database, guard: Guard): CursorStore {
  return {
    loadCursors() {
      return guard.read('read the log cursors', async () => {
        const rows = await db.selectFrom('cursors').selectAll().execute();
        return new Map(rows.map((row) => [row.container_id, JSON.parse(row.cursor) as LogCursor]));
      });
    },

    async saveCursors(cursors) {
      if (cursors.size === 0) return;
      const rows = Array.from(cursors, ([id, cursor]) => ({ container_id: id, cursor: JSON.stringify(cursor) }));
      await guard.write('save log cursors', () =>
        db.transaction().execute(async (trx) => {
          for (const batch of batches(rows)) {
            await trx
              .insertInto('cursors')
              .values(batch)
              .onConflict((conflict) =>
                conflict.column('container_id').doUpdateSet((eb) => ({ cursor: eb.ref('excluded.cursor') })),
              )
              .execute();
          }
        }),
      );
    },

    async forgetCursors(containerIds) {
      if (containerIds.length === 0) return;
      await guard.write('forget log cursors', () =>
        db.transaction().execute(async (trx) => {
          for (const batch of batches(containerIds)) {
            await trx.deleteFrom('cursors').where('container_id', 'in', batch).execute();
          }
        }),
      );
    },
  };
}
