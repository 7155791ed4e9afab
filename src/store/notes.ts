import type { Database } from './schema.ts';

/** Small facts about the store itself, by name. */
export function createNotes(db: Database) {
  return {
    async get(name: string): Promise<string | undefined> {
      const row = await db.selectFrom('notes').select('value').where('name', '=', name).executeTakeFirst();
      return row?.value;
    },
    async set(name: string, value: string): Promise<void> {
      await db
        .insertInto('notes')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
        .execute();
    },
  };
}
