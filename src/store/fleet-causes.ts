import { sql } from 'kysely';
import type { IncidentCause } from '../domain/incident.ts';
import type { CausesElsewhere, IncidentElsewhere, ServiceElsewhere } from '../pipeline/ports/fleet.ts';
import type { CurrentDatabase } from './current-database.ts';
import { withHost } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { caseOf, NO_PROJECT, projectOf, selectCases, storableText } from './rows.ts';
import type { Database } from './schema/tables.ts';

/** Chains of causes are shorter. */
const MAX_CHAIN = 10;
/** Of all services together. */
const MAX_INCIDENTS = 50;

export function createCausesElsewhere(current: CurrentDatabase, queries: QueryRunner): CausesElsewhere {
  const { agent } = current;

  /** What agents say of themselves that others have not found silent. */
  const endpoints = (db: Database) =>
    db
      .selectFrom('fleet_endpoints')
      .innerJoin('agents', 'agents.agent', 'fleet_endpoints.agent')
      .where('agents.silent_by', 'is', null)
      .where('fleet_endpoints.agent', '<>', agent)
      .select([
        'fleet_endpoints.agent',
        'fleet_endpoints.network',
        'fleet_endpoints.name',
        'fleet_endpoints.port',
        'fleet_endpoints.project',
        'fleet_endpoints.service',
      ]);

  return {
    async servicesAt(addresses) {
      if (!current.isShared || addresses.length === 0) return [];
      return queries.read('read the addresses of other hosts', async () => {
        const claimed = await current.db
          .selectFrom('fleet_addresses')
          .innerJoin('agents', 'agents.agent', 'fleet_addresses.agent')
          .where('agents.silent_by', 'is', null)
          .where(
            'fleet_addresses.address',
            'in',
            addresses.map(({ host }) => storableText(host)),
          )
          .select(['fleet_addresses.address', 'fleet_addresses.agent'])
          .execute();
        const ports = addresses.flatMap(({ host, port }) => {
          const [first, ...others] = claimed.filter(({ address }) => address === host);
          return first === undefined || others.length > 0 || first.agent === agent ? [] : [{ on: first.agent, port }];
        });
        if (ports.length === 0) return [];
        const rows = await endpoints(current.db)
          .where('fleet_endpoints.network', '=', '')
          .where('fleet_endpoints.name', '=', '')
          .where((eb) =>
            eb.or(
              ports.map(({ on, port }) =>
                eb.and([eb('fleet_endpoints.agent', '=', on), eb('fleet_endpoints.port', '=', port)]),
              ),
            ),
          )
          .execute();
        return rows.map(serviceOf);
      });
    },

    async servicesOn(networks) {
      if (!current.isShared || networks.length === 0) return [];
      return queries.read('read the Swarm services of other hosts', async () => {
        const rows = await endpoints(current.db)
          .where('fleet_endpoints.network', 'in', networks.map(storableText))
          .where('fleet_endpoints.network', '<>', '')
          .execute();
        return rows.map(serviceOf);
      });
    },

    async incidentsOf(services, resolvedSince) {
      if (!current.isShared || services.length === 0) return [];
      return queries.read('read the incidents of other hosts', () =>
        read(
          selectElsewhere(current.db)
            .where((eb) =>
              eb.or(
                services.map(({ host, project, service }) =>
                  eb.and([
                    eb('incidents.agent', '=', host),
                    eb('incidents.project', '=', project ?? NO_PROJECT),
                    eb('incidents.service', '=', service),
                  ]),
                ),
              ),
            )
            .where((eb) =>
              eb.or([eb('incidents.state', '=', 'open'), eb('incidents.resolved_at', '>=', resolvedSince)]),
            ),
        ),
      );
    },

    async incidentsElsewhere(ids) {
      if (!current.isShared || ids.length === 0) return [];
      return queries.read('read the incidents of other hosts', () =>
        read(selectElsewhere(current.db).where('incidents.id', 'in', ids).where('incidents.agent', '<>', agent)),
      );
    },

    async joinElsewhere(memberId, causeId, evidence) {
      if (!current.isShared) return undefined;
      return queries.write('join the incident of another host', () =>
        current.db.transaction().execute(async (trx) => {
          await sql`SELECT pg_advisory_xact_lock(hashtextextended('container-doctor fleet causes', 0))`.execute(trx);
          let id: string | null = causeId;
          for (let length = 0; length < MAX_CHAIN && id !== null && id !== memberId; length++) {
            const row = await selectCases(trx).where('incidents.id', '=', id).executeTakeFirst();
            if (row === undefined) return undefined;
            id = row.cause_incident;
            if (id !== null) continue;
            const { incident } = withHost(caseOf(row), row.agent);
            const host = row.agent === agent ? undefined : incident.container.host;
            const cause: IncidentCause = { kind: 'incident', incidentId: incident.id, evidence, ...(host && { host }) };
            const { numUpdatedRows } = await trx
              .updateTable('incidents')
              .set({ cause: storableText(JSON.stringify(cause)), cause_kind: 'incident', cause_incident: incident.id })
              .where('id', '=', memberId)
              .where('agent', '=', agent)
              .executeTakeFirst();
            return numUpdatedRows > 0n ? incident : undefined;
          }
          return undefined;
        }),
      );
    },
  };
}

/** Cases with what their agents say of the container now. */
function selectElsewhere(db: Database) {
  return selectCases(db)
    .leftJoin('agents', 'agents.agent', 'incidents.agent')
    .select('agents.silent_by')
    .select((eb) =>
      eb
        .selectFrom('fleet_endpoints')
        .select((max) => max.fn.max('down').as('down'))
        .whereRef('fleet_endpoints.agent', '=', 'incidents.agent')
        .whereRef('fleet_endpoints.project', '=', 'incidents.project')
        .whereRef('fleet_endpoints.service', '=', 'incidents.service')
        .as('down'),
    )
    .orderBy('incidents.opened_at', 'desc')
    .orderBy('incidents.id')
    .limit(MAX_INCIDENTS);
}

async function read(query: ReturnType<typeof selectElsewhere>): Promise<readonly IncidentElsewhere[]> {
  const rows = await query.execute();
  return rows.map((row) => ({
    incident: withHost(caseOf(row), row.agent).incident,
    ...(row.resolved_at !== null && { resolvedAt: Number(row.resolved_at) }),
    isDown: Number(row.down ?? 0) > 0,
    isSilent: row.silent_by !== null,
  }));
}

function serviceOf(row: {
  readonly agent: string;
  readonly network: string;
  readonly name: string;
  readonly project: string;
  readonly service: string;
}): ServiceElsewhere {
  return { host: row.agent, network: row.network, name: row.name, service: row.service, ...projectOf(row) };
}
