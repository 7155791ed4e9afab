import { StoreError } from '../errors.ts';
import type { HostSnapshots } from '../pipeline/ports/fleet.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { storableText } from './rows.ts';

/** One row per agent. An agent that was forgotten has none. */
export function createHostSnapshots(current: CurrentDatabase, queries: QueryRunner): HostSnapshots {
  const { agent } = current;
  const ofOthers = () =>
    current.db
      .selectFrom('host_snapshots')
      .innerJoin('agents', 'agents.agent', 'host_snapshots.agent')
      .where('host_snapshots.agent', '<>', agent);
  return {
    async saveSnapshot(content) {
      await queries.write('save the containers of this host', async () => {
        if (!current.isShared) throw new StoreError('the shared database is not used', 'unavailable');
        await current.db
          .insertInto('host_snapshots')
          .values({ agent, version: 1, content })
          .onConflict((conflict) =>
            conflict.column('agent').doUpdateSet((eb) => ({ content, version: eb('host_snapshots.version', '+', 1) })),
          )
          .execute();
      });
    },

    snapshotVersions(host) {
      return queries.read('read what other hosts have changed', async () => {
        if (!current.isShared) return new Map();
        const rows = await ofOthers()
          .$if(host !== undefined, (query) => query.where('host_snapshots.agent', '=', storableText(host ?? '')))
          .select(['host_snapshots.agent', 'host_snapshots.version'])
          .orderBy('host_snapshots.agent')
          .execute();
        return new Map(rows.map((row) => [row.agent, row.version]));
      });
    },

    readSnapshots(hosts) {
      return queries.read('read the containers of other hosts', async () => {
        if (!current.isShared || hosts.length === 0) return [];
        const rows = await ofOthers()
          .where('host_snapshots.agent', 'in', [...hosts])
          .select(['host_snapshots.agent', 'host_snapshots.version', 'host_snapshots.content'])
          .execute();
        return rows.map((row) => ({ host: row.agent, version: row.version, content: row.content }));
      });
    },
  };
}
