import type { Place } from './place.ts';

/** Small facts about the store itself, by name. */
export function createNotes(place: Place) {
  const { agent } = place;
  return {
    async get(name: string): Promise<string | undefined> {
      const row = await place.db
        .selectFrom('notes')
        .select('value')
        .where('agent', '=', agent)
        .where('name', '=', name)
        .executeTakeFirst();
      return row?.value;
    },
    async set(name: string, value: string): Promise<void> {
      await place.db
        .insertInto('notes')
        .values({ agent, name, value })
        .onConflict((conflict) => conflict.columns(['agent', 'name']).doUpdateSet({ value }))
        .execute();
    },
  };
}
