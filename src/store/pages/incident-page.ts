import { type ExpressionBuilder, sql } from 'kysely';
import type { IncidentFilter, PageStore } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { storableText } from '../rows.ts';
import type { Schema } from '../schema/tables.ts';
import { listedOf, selectListed } from './listed.ts';

type Incidents = ExpressionBuilder<Schema, 'incidents'>;

/** The incidents that match a filter, newest first, after a position; and how many match on all pages. */
export async function readIncidentPage(
  { db, agent }: CurrentDatabase,
  filter: IncidentFilter,
  { limit, after }: Parameters<PageStore['incidentPage']>[1],
): ReturnType<PageStore['incidentPage']> {
  // The ids are found in an index; only the rows of the page are read.
  let newest = db
    .selectFrom('incidents')
    .select('incidents.id')
    .where((eb) => matches(eb, agent, filter))
    .orderBy('incidents.opened_at', 'desc')
    .orderBy('incidents.id', 'desc')
    .limit(limit);
  if (after !== undefined) {
    newest = newest
      .where('incidents.opened_at', '<=', after.openedAt)
      .where((eb) =>
        eb.or([eb('incidents.opened_at', '<', after.openedAt), eb('incidents.id', '<', storableText(after.id))]),
      );
  }
  const ids = (await newest.execute()).map(({ id }) => id);
  const { total } = await db
    .selectFrom('incidents')
    .select((eb) => eb.fn.countAll().as('total'))
    .where((eb) => matches(eb, agent, filter))
    .executeTakeFirstOrThrow();
  if (ids.length === 0) return { incidents: [], total: Number(total) };
  const rows = await selectListed(db)
    .where('incidents.id', 'in', ids)
    .orderBy('incidents.opened_at', 'desc')
    .orderBy('incidents.id', 'desc')
    .execute();
  return { incidents: rows.map(listedOf), total: Number(total) };
}

function matches(eb: Incidents, agent: string, filter: IncidentFilter) {
  const { state, container, service, project, host, severities, cause, from, to, search } = filter;
  return eb.and([
    eb('incidents.agent', '=', agent),
    ...(state === undefined ? [] : [eb('incidents.state', '=', state)]),
    ...(container === undefined ? [] : [eb('incidents.container_name', '=', storableText(container))]),
    ...(service === undefined ? [] : [eb('incidents.service', '=', storableText(service))]),
    ...(project === undefined ? [] : [eb('incidents.project', '=', storableText(project))]),
    ...(host === undefined ? [] : [eb('incidents.host', '=', storableText(host))]),
    ...(severities === undefined ? [] : [eb('incidents.severity', 'in', severities)]),
    ...(from === undefined ? [] : [eb('incidents.opened_at', '>=', from)]),
    ...(to === undefined ? [] : [eb('incidents.opened_at', '<', to)]),
    ...(cause === undefined ? [] : [hasCause(eb, cause)]),
    ...(search === undefined ? [] : [contains(eb, search)]),
  ]);
}

function hasCause(eb: Incidents, cause: NonNullable<IncidentFilter['cause']>) {
  if ('incidentId' in cause) return eb('incidents.cause_incident', '=', storableText(cause.incidentId));
  return cause.kind === 'own' ? eb('incidents.cause_kind', 'is', null) : eb('incidents.cause_kind', '=', cause.kind);
}

/** Ignores case, where the database knows how to. */
function contains(eb: Incidents, search: string) {
  const pattern = `%${storableText(search)
    .toLowerCase()
    .replace(/[\\%_]/g, '\\$&')}%`;
  // In JSON, quotation marks and backslashes are escaped.
  const inJson = `%${JSON.stringify(storableText(search).toLowerCase())
    .slice(1, -1)
    .replace(/[\\%_]/g, '\\$&')}%`;
  return eb.or([
    sql<boolean>`lower(incidents.summary) LIKE ${pattern} ESCAPE '\\'`,
    sql<boolean>`lower(incidents.container_name) LIKE ${pattern} ESCAPE '\\'`,
    sql<boolean>`lower(incidents.diagnosis) LIKE ${inJson} ESCAPE '\\'`,
  ]);
}
