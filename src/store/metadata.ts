import type { CurrentDatabase } from './current-database.ts';

interface Metadata {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
}

/** The agent's named values, in the table `notes`. */
export function createMetadata(current: CurrentDatabase): Metadata {
  const { agent } = current;
  return {
    async get(name) {
      const row = await current.db
        .selectFrom('notes')
        .select('value')
        .where('agent', '=', agent)
        .where('name', '=', name)
        .executeTakeFirst();
      return row?.value;
    },

    async set(name, value) {
      await current.db
        .insertInto('notes')
        .values({ agent, name, value })
        .onConflict((conflict) => conflict.columns(['agent', 'name']).doUpdateSet({ value }))
        .execute();
    },
  };
}
