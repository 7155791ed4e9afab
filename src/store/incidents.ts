import { randomUUID } from 'node:crypto';
import type { ServiceRef } from '../domain/containers.ts';
import type { Diagnosis } from '../domain/diagnosis.ts';
import type { Incident } from '../domain/incident.ts';
import { StoreError } from '../errors.ts';
import type { IncidentStore, LastCase } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { recordDecision } from './decision-records.ts';
import { shownRows } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { caseOf, NO_PROJECT, pastCaseOf, selectCases, storableText, traceColumns } from './rows.ts';

export function createIncidentStore(current: CurrentDatabase, queries: QueryRunner, now: () => number): IncidentStore {
  const { agent } = current;

  return {
    async saveIncident(incident) {
      const row = { agent, ...incidentColumns(incident) };
      const resolvedAt = incident.state === 'resolved' ? now() : null;
      await queries.write('save an incident', () =>
        current.db
          .insertInto('incidents')
          .values({ ...row, resolved_at: resolvedAt })
          .onConflict((conflict) =>
            conflict.column('id').doUpdateSet((eb) => ({
              ...row,
              // saveOccurrences may have written higher values in the meantime. Neither value may decrease.
              occurrences: eb
                .case()
                .when('excluded.occurrences', '>', eb.ref('incidents.occurrences'))
                .then(eb.ref('excluded.occurrences'))
                .else(eb.ref('incidents.occurrences'))
                .end(),
              last_seen_at: eb
                .case()
                .when('excluded.last_seen_at', '>', eb.ref('incidents.last_seen_at'))
                .then(eb.ref('excluded.last_seen_at'))
                .else(eb.ref('incidents.last_seen_at'))
                .end(),
              resolved_at: resolvedAt === null ? null : eb.fn.coalesce('incidents.resolved_at', eb.val(resolvedAt)),
            })),
          )
          .execute(),
      );
    },

    async saveOccurrences(counts) {
      if (counts.length === 0) return;
      await queries.write('save occurrences', () =>
        current.db.transaction().execute(async (trx) => {
          // Sorted, so that overlapping transactions cannot deadlock.
          for (const { id, occurrences, lastSeenAt } of counts.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
            await trx
              .updateTable('incidents')
              .set({ occurrences, last_seen_at: lastSeenAt })
              .where('id', '=', id)
              .where('occurrences', '<=', occurrences)
              .execute();
          }
        }),
      );
    },

    async saveDiagnosis(incidentId, diagnosis) {
      await queries.write('save a diagnosis', async () => {
        const { numUpdatedRows } = await current.db
          .updateTable('incidents')
          .set({
            diagnosis: JSON.stringify(diagnosis),
            diagnosed_at: diagnosis.at,
            severity: diagnosis.severity,
            tier: diagnosis.tier,
          })
          .where('id', '=', incidentId)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw unknownIncident('diagnosis', incidentId);
      });
    },

    async saveDecision(incidentId, decision) {
      const id = randomUUID();
      await queries.write('save a decision', () =>
        current.db.transaction().execute(async (trx) => {
          const at = now();
          const { numUpdatedRows } = await trx
            .updateTable('incidents')
            .set({ decision_kind: decision.kind, decision_reason: decision.reason, decided_at: at })
            .where('id', '=', incidentId)
            .executeTakeFirst();
          if (numUpdatedRows === 0n) throw unknownIncident('decision', incidentId);
          await recordDecision(trx, { id, agent, incidentId, decision, at });
        }),
      );
    },

    async saveSettled(incidentId, at) {
      await queries.write('mark an incident as settled', () =>
        current.db.updateTable('incidents').set({ settled_at: at }).where('id', '=', incidentId).execute(),
      );
    },

    async saveUnsettled(incidentId) {
      await queries.write('mark an incident as being handled', () =>
        current.db
          .updateTable('incidents')
          .set({ settled_at: null })
          .where('id', '=', incidentId)
          .where('state', '=', 'open')
          .execute(),
      );
    },

    async resolveIncident(incidentId, at) {
      await queries.write('resolve an incident', () =>
        current.db
          .updateTable('incidents')
          .set({ state: 'resolved', resolved_at: at })
          .where('id', '=', incidentId)
          .where('state', '=', 'open')
          .execute(),
      );
    },

    openCases() {
      return queries.read('read the open incidents', async () => {
        const rows = await selectCases(current.db)
          .where('incidents.agent', '=', agent)
          .where('incidents.state', '=', 'open')
          .orderBy('incidents.opened_at')
          .orderBy('incidents.id')
          .execute();
        return rows.map(caseOf);
      });
    },

    lastCase({ project, service, fingerprint }) {
      return queries.read('read the latest case of a problem', async () => {
        const row = await selectCases(current.db)
          .where('incidents.agent', '=', agent)
          .where('incidents.project', '=', project ?? NO_PROJECT)
          .where('incidents.service', '=', service)
          .where('incidents.fingerprint', '=', fingerprint)
          .where('incidents.diagnosed_at', 'is not', null)
          .orderBy('incidents.diagnosed_at', 'desc')
          .orderBy('incidents.opened_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(1)
          .executeTakeFirst();
        if (row === undefined) return undefined;
        return judgedCase(current, row, { project, service, fingerprint });
      });
    },

    resembling({ id, fingerprint, container: { project, service } }, limit) {
      return queries.read('read cases that resemble an incident', async () => {
        const diagnosed = () =>
          selectCases(current.db)
            .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
            .select(['reviews.aftermath', 'reviews.verdict', 'reviews.note'])
            .where(shownRows(current, 'incidents.agent'))
            .where('incidents.id', '!=', id)
            .where('incidents.diagnosed_at', 'is not', null)
            .orderBy('incidents.diagnosed_at', 'desc')
            .orderBy('incidents.id', 'desc')
            .limit(limit);
        const ofService = () =>
          diagnosed()
            .where('incidents.project', '=', project ?? NO_PROJECT)
            .where('incidents.service', '=', service);
        const [same, elsewhere, others] = await Promise.all([
          ofService().where('incidents.fingerprint', '=', fingerprint).execute(),
          diagnosed().where('incidents.fingerprint', '=', fingerprint).execute(),
          ofService().execute(),
        ]);
        const byId = new Map([...same, ...elsewhere, ...others].map((row) => [row.id, row]));
        return [...byId.values()].slice(0, limit).map(pastCaseOf);
      });
    },
  };
}

/** A case, and whether a person called its diagnosis wrong, on whichever host. */
export async function judgedCase(
  current: CurrentDatabase,
  row: Parameters<typeof caseOf>[0],
  problem: ServiceRef & { readonly fingerprint: string },
): Promise<LastCase> {
  const last = caseOf(row);
  if (last.diagnosis === undefined) return last;
  const wrong = await diagnosesCalledWrong(current, problem);
  return wrong.includes(last.diagnosis.answeredAt) ? { ...last, judgedWrong: true } : last;
}

/** When the diagnoses of this problem were given that a person called wrong. Few, because people judge by hand. */
async function diagnosesCalledWrong(
  current: CurrentDatabase,
  { project, service, fingerprint }: ServiceRef & { readonly fingerprint: string },
): Promise<readonly number[]> {
  const rows = await current.db
    .selectFrom('incidents')
    .innerJoin('reviews', 'reviews.incident_id', 'incidents.id')
    .select('incidents.diagnosis')
    .where(shownRows(current, 'incidents.agent'))
    .where('incidents.project', '=', project ?? NO_PROJECT)
    .where('incidents.service', '=', service)
    .where('incidents.fingerprint', '=', fingerprint)
    .where('incidents.diagnosis', 'is not', null)
    .where('reviews.verdict', '=', 'wrong')
    .execute();
  return rows.map(({ diagnosis }) => (JSON.parse(diagnosis ?? '{}') as Diagnosis).answeredAt);
}

function incidentColumns(incident: Incident) {
  const { container } = incident;
  return {
    id: incident.id,
    project: container.project ?? NO_PROJECT,
    service: container.service,
    container_id: container.id,
    container_name: container.name,
    image: container.image,
    labels: JSON.stringify(container.labels),
    fingerprint: incident.fingerprint,
    detector: incident.detector,
    detectors: JSON.stringify(incident.detectors),
    summary: storableText(incident.summary),
    patterns: JSON.stringify(incident.patterns),
    cause: incident.cause === undefined ? null : storableText(JSON.stringify(incident.cause)),
    cause_kind: incident.cause?.kind ?? null,
    cause_incident: incident.cause?.kind === 'incident' ? incident.cause.incidentId : null,
    host: container.host === undefined ? null : storableText(container.host),
    members: incident.members === undefined ? null : storableText(JSON.stringify(incident.members)),
    opened_at: incident.openedAt,
    last_seen_at: incident.lastSeenAt,
    occurrences: incident.occurrences,
    state: incident.state,
    ...traceColumns(incident.trace),
  };
}

/**
 * The incident was opened while the store could not be written. Other rows must not depend on a row that is not
 * durable.
 */
function unknownIncident(what: string, incidentId: string): StoreError {
  return new StoreError(`could not save a ${what}: incident ${incidentId} is not in the store`, 'missing');
}
