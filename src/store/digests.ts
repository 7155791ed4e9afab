import type { DigestStore } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';
import { caseOf, selectCases } from './rows.ts';

export function createDigestStore(current: CurrentDatabase, queries: QueryRunner): DigestStore {
  const { agent } = current;
  const metadata = createMetadata(current);
  const nameOf = (receiver: string) => `digest.${receiver}`;

  return {
    casesSince(time, limit) {
      return queries.read('read the cases of a digest', async () => {
        const rows = await selectCases(current.db)
          .where('incidents.agent', '=', agent)
          .where('incidents.diagnosed_at', '>=', time)
          .orderBy('incidents.diagnosed_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(limit)
          .execute();
        return rows.map(caseOf).reverse();
      });
    },

    spendBetween(from, to) {
      return queries.read('read what was spent', async () => {
        const { dollars } = await current.db
          .selectFrom('claude_requests')
          .select((eb) => eb.fn.sum('cost_usd').as('dollars'))
          .where('agent', '=', agent)
          .where('requested_at', '>=', from)
          .where('requested_at', '<', to)
          .executeTakeFirstOrThrow();
        return Number(dollars ?? 0);
      });
    },

    loadDigest: (receiver) => queries.read('read the date of a digest', () => metadata.get(nameOf(receiver))),

    async saveDigest(receiver, date) {
      await queries.write('write the date of a digest', () => metadata.set(nameOf(receiver), date));
    },
  };
}
