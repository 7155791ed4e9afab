import type { Selectable } from 'kysely';
import type { AuditEntry, PeopleRecords } from '../pipeline/ports/people.ts';
import type { CurrentDatabase } from './current-database.ts';
import { shownRows } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { actorOf, NO_PROJECT, projectOf, storableText } from './rows.ts';
import type { AuditTable } from './schema/tables.ts';

type AuditStore = Pick<PeopleRecords, 'auditOf' | 'recentAudit' | 'saveAudit' | 'saveAuditResult'>;

export function createAuditStore(current: CurrentDatabase, queries: QueryRunner): AuditStore {
  const { agent } = current;
  return {
    async saveAudit(entry) {
      const columns = auditColumns(entry);
      await queries.write('save what a person did', () =>
        current.db
          .insertInto('audit')
          .values({ agent, ...columns })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
          .execute(),
      );
    },

    async saveAuditResult(id, result) {
      await queries.write('save what came of an action', () =>
        current.db
          .updateTable('audit')
          .set({ result: storableText(result) })
          .where('agent', '=', agent)
          .where('id', '=', id)
          .execute(),
      );
    },

    auditOf(incidentId) {
      return queries.read('read the audit of an incident', async () => {
        const incident = await current.db
          .selectFrom('incidents')
          .select(['agent', 'project', 'service', 'fingerprint', 'opened_at', 'resolved_at'])
          .where(shownRows(current, 'agent'))
          .where('id', '=', incidentId)
          .executeTakeFirst();
        const rows = await current.db
          .selectFrom('audit')
          .selectAll()
          .where(shownRows(current, 'agent'))
          .where((eb) => {
            const own = eb('incident_id', '=', incidentId);
            if (incident === undefined) return own;
            const ofService = eb.and([
              eb('agent', '=', incident.agent),
              eb('incident_id', 'is', null),
              eb('project', '=', incident.project),
              eb('service', '=', incident.service),
              eb.or([eb('fingerprint', 'is', null), eb('fingerprint', '=', incident.fingerprint)]),
              eb('at', '>=', incident.opened_at),
              ...(incident.resolved_at === null ? [] : [eb('at', '<=', incident.resolved_at)]),
            ]);
            return eb.or([own, ofService]);
          })
          .orderBy('at')
          .orderBy('id')
          .execute();
        return rows.map(entryOf);
      });
    },

    recentAudit(limit) {
      return queries.read('read the audit', async () => {
        const rows = await current.db
          .selectFrom('audit')
          .selectAll()
          .where('agent', '=', agent)
          .orderBy('at', 'desc')
          .orderBy('id', 'desc')
          .limit(limit)
          .execute();
        return rows.reverse().map(entryOf);
      });
    },
  };
}

export function auditColumns({ id, at, actor, action, incidentId, service, fingerprint, result }: AuditEntry) {
  return {
    id,
    at,
    via: actor.via,
    who: storableText(actor.who),
    from_where: actor.from === undefined ? null : storableText(actor.from),
    action,
    incident_id: incidentId === undefined ? null : storableText(incidentId),
    project: service === undefined ? null : storableText(service.project ?? NO_PROJECT),
    service: service === undefined ? null : storableText(service.service),
    fingerprint: fingerprint === undefined ? null : storableText(fingerprint),
    result: storableText(result),
  };
}

function entryOf(row: Selectable<AuditTable>): AuditEntry {
  return {
    id: row.id,
    at: row.at,
    actor: actorOf(row.via, row.who, row.from_where) ?? { via: 'page', who: row.who },
    action: row.action as AuditEntry['action'],
    ...(row.incident_id !== null && { incidentId: row.incident_id }),
    ...(row.service !== null && {
      service: { service: row.service, ...projectOf({ project: row.project ?? NO_PROJECT }) },
    }),
    ...(row.fingerprint !== null && { fingerprint: row.fingerprint }),
    result: row.result,
  };
}
