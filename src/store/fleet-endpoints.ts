import { sql } from 'kysely';
import type { EndpointStore } from '../pipeline/ports/fleet.ts';
import { chunks } from './chunks.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { NO_PROJECT, storableText } from './rows.ts';

/** Where other hosts reach the containers of each agent. */
export function createEndpointStore(current: CurrentDatabase, queries: QueryRunner): EndpointStore {
  const { agent } = current;
  return {
    async saveEndpoints(addresses, endpoints) {
      if (!current.isShared) return;
      const rows = endpoints.map(({ network, name, port, project, service, isDown }) => ({
        agent,
        network: storableText(network),
        name: storableText(name),
        port,
        project: project ?? NO_PROJECT,
        service,
        down: isDown ? 1 : 0,
      }));
      await queries.write('write where other hosts reach the containers', () =>
        current.db.transaction().execute(async (trx) => {
          const isGone = sql<boolean>`agent NOT IN (SELECT agent FROM agents)`;
          for (const table of ['fleet_addresses', 'fleet_endpoints'] as const) {
            await trx
              .deleteFrom(table)
              .where((eb) => eb.or([eb('agent', '=', agent), isGone]))
              .execute();
          }
          // Behind the address translation of an engine, it is that of the host. Null on a Unix socket.
          const { rows: seen } = await sql<{ address: string | null }>`
            SELECT host(inet_client_addr()) AS address`.execute(trx);
          const all = new Set(addresses.map(storableText));
          const [{ address } = { address: null }] = seen;
          if (address !== null && !isLoopback(address)) all.add(address);
          if (all.size > 0) {
            await trx
              .insertInto('fleet_addresses')
              .values(Array.from(all, (one) => ({ agent, address: one })))
              .execute();
          }
          for (const chunk of chunks(rows)) await trx.insertInto('fleet_endpoints').values(chunk).execute();
        }),
      );
    },
  };
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
