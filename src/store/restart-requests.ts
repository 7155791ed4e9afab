import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { PeopleRecords, RestartRequest } from '../pipeline/ports/people.ts';
import { auditColumns } from './audit.ts';
import type { CurrentDatabase } from './current-database.ts';
import { recordDecision } from './decision-records.ts';
import { hostOfAgent, shownRows } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { actorOf, storableText } from './rows.ts';
import type { RestartRequestTable } from './schema/tables.ts';

type RequestStore = Pick<
  PeopleRecords,
  'saveRequest' | 'findRequest' | 'endRequest' | 'waitingRequests' | 'requestsOf'
>;

export function createRequestStore(current: CurrentDatabase, queries: QueryRunner): RequestStore {
  const { agent } = current;
  const select = () => current.db.selectFrom('restart_requests').selectAll().where('agent', '=', agent);
  const allShown = () => current.db.selectFrom('restart_requests').selectAll().where(shownRows(current, 'agent'));
  return {
    async saveRequest(request) {
      const { answeredBy: by } = request;
      await queries.write('save a request for a restart', () =>
        current.db
          .insertInto('restart_requests')
          .values({
            id: request.id,
            agent,
            incident_id: request.incidentId,
            container_id: request.containerId,
            container_name: storableText(request.containerName),
            container_started_at: request.containerStartedAt,
            requested_at: request.requestedAt,
            expires_at: request.expiresAt,
            state: request.state,
            answered_via: by?.via ?? null,
            answered_who: by === undefined ? null : storableText(by.who),
            answered_from: by?.from === undefined ? null : storableText(by.from),
            answered_at: request.answeredAt ?? null,
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      );
    },

    findRequest(id) {
      return queries.read('read a request for a restart', async () => {
        const row = await select().where('id', '=', id).executeTakeFirst();
        return row && requestOf(row);
      });
    },

    endRequest(id, { state, at, by, decision, reopens, audit }) {
      const isAnswer = state === 'approved' || state === 'denied';
      const decisionId = randomUUID();
      return queries.write('answer a request for a restart', () =>
        current.db.transaction().execute(async (trx) => {
          let update = trx
            .updateTable('restart_requests')
            .set({
              state,
              answered_at: at,
              answered_via: by?.via ?? null,
              answered_who: by === undefined ? null : storableText(by.who),
              answered_from: by?.from === undefined ? null : storableText(by.from),
            })
            .where('agent', '=', agent)
            .where('id', '=', id)
            .where('state', '=', 'waiting');
          if (isAnswer) update = update.where('expires_at', '>', at);
          const ended = await update.returningAll().executeTakeFirst();
          if (ended === undefined) return false;
          if (decision !== undefined) {
            await trx
              .updateTable('incidents')
              .set({
                decision_kind: decision.kind,
                decision_reason: decision.reason,
                decided_at: at,
                ...(reopens && { settled_at: null }),
              })
              .where('id', '=', ended.incident_id)
              .execute();
            // The workflow saves the decision after an approval itself, with its gates.
            if (state !== 'approved') {
              const incidentId = ended.incident_id;
              await recordDecision(trx, { id: decisionId, agent, incidentId, decision, at });
            }
          }
          if (audit !== undefined) {
            await trx
              .insertInto('audit')
              .values({ agent, ...auditColumns(audit) })
              .onConflict((conflict) => conflict.column('id').doUpdateSet(auditColumns(audit)))
              .execute();
          }
          return true;
        }),
      );
    },

    waitingRequests(of) {
      return queries.read('read the waiting requests', async () => {
        const selected = of ? allShown() : select();
        const rows = await selected.where('state', '=', 'waiting').orderBy('requested_at').orderBy('id').execute();
        return rows.map((row) => ({ ...requestOf(row), ...(of && hostOfAgent(row)) }));
      });
    },

    requestsOf(incidentId) {
      return queries.read('read the requests of an incident', async () => {
        const rows = await allShown()
          .where('incident_id', '=', incidentId)
          .orderBy('requested_at')
          .orderBy('id')
          .execute();
        return rows.map(requestOf);
      });
    },
  };
}

function requestOf(row: Selectable<RestartRequestTable>): RestartRequest {
  const by = actorOf(row.answered_via, row.answered_who, row.answered_from);
  return {
    id: row.id,
    incidentId: row.incident_id,
    containerId: row.container_id,
    containerName: row.container_name,
    containerStartedAt: row.container_started_at,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    state: row.state,
    ...(by !== undefined && { answeredBy: by }),
    ...(row.answered_at !== null && { answeredAt: row.answered_at }),
  };
}
