import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely';
import type { IncidentFilter, ListedIncident, PageStore } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import { storableText } from '../rows.ts';
import type { Database, Schema } from '../schema/tables.ts';
import { listedOf, selectListed } from './listed.ts';

type Incidents = ExpressionBuilder<Schema, 'incidents'>;

/** The incidents that match a filter, newest first, after a position; and how many match on all pages. */
export async function readIncidentPage(
  current: CurrentDatabase,
  filter: IncidentFilter,
  { limit, after }: Parameters<PageStore['incidentPage']>[1],
): ReturnType<PageStore['incidentPage']> {
  const { db } = current;
  // The ids are found in an index; only the rows of the page are read.
  let newest = db
    .selectFrom('incidents')
    .select('incidents.id')
    .where((eb) => matches(eb, current, filter))
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
  // A first page that is not full has all of them.
  if (after === undefined && ids.length < limit) return { incidents: await readListed(db, ids), total: ids.length };
  const { total } = await db
    .selectFrom('incidents')
    .select((eb) => eb.fn.countAll().as('total'))
    .where((eb) => matches(eb, current, filter))
    .executeTakeFirstOrThrow();
  return { incidents: await readListed(db, ids), total: Number(total) };
}

async function readListed(db: Database, ids: readonly string[]): Promise<readonly ListedIncident[]> {
  if (ids.length === 0) return [];
  const rows = await selectListed(db)
    .where('incidents.id', 'in', ids)
    .orderBy('incidents.opened_at', 'desc')
    .orderBy('incidents.id', 'desc')
    .execute();
  return rows.map(listedOf);
}

function matches(eb: Incidents, current: CurrentDatabase, filter: IncidentFilter) {
  const { state, container, service, project, host, severities, cause, from, to, search } = filter;
  return eb.and([
    shownRows(current, 'incidents.agent'),
    ...(state === undefined ? [] : [eb('incidents.state', '=', state)]),
    ...(container === undefined ? [] : [eb('incidents.container_name', '=', storableText(container))]),
    ...(service === undefined ? [] : [eb('incidents.service', '=', storableText(service))]),
    ...(project === undefined ? [] : [eb('incidents.project', '=', storableText(project))]),
    ...(host === undefined ? [] : [isOn(eb, current, storableText(host))]),
    ...(severities === undefined ? [] : [eb('incidents.severity', 'in', severities)]),
    ...(from === undefined ? [] : [eb('incidents.opened_at', '>=', from)]),
    ...(to === undefined ? [] : [eb('incidents.opened_at', '<', to)]),
    ...(cause === undefined ? [] : [hasCause(eb, cause)]),
    ...(search === undefined ? [] : [contains(eb, current, search)]),
  ]);
}

/** In a shared database, the name of an agent is that of its host. Rows may not name the host. */
function isOn(eb: Incidents, { isShared }: CurrentDatabase, host: string) {
  const named = eb('incidents.host', '=', host);
  return isShared ? eb.or([named, eb('incidents.agent', '=', host)]) : named;
}

function hasCause(eb: Incidents, cause: NonNullable<IncidentFilter['cause']>) {
  if ('incidentId' in cause) return eb('incidents.cause_incident', '=', storableText(cause.incidentId));
  return cause.kind === 'own' ? eb('incidents.cause_kind', 'is', null) : eb('incidents.cause_kind', '=', cause.kind);
}

/** Ignores case: in a file only that of ASCII. */
function contains(eb: Incidents, { isShared }: CurrentDatabase, search: string) {
  const text = storableText(search).toLowerCase();
  // In JSON, quotation marks and backslashes are escaped.
  const inJson = JSON.stringify(text).slice(1, -1);
  const has = (column: string, wanted: string) => {
    const pattern = `%${wanted.replace(/[\\%_]/g, '\\$&')}%`;
    return sql<boolean>`${foldedCase(sql.ref(column), isShared, wanted)} LIKE ${pattern} ESCAPE '\\'`;
  };
  return eb.or([
    has('incidents.summary', text),
    has('incidents.container_name', text),
    has('incidents.diagnosis', inJson),
  ]);
}

/** SQLite's `LIKE` ignores the case of ASCII. PostgreSQL's does not, and its `lower` takes five times as long for Unicode. */
function foldedCase(column: RawBuilder<unknown>, isShared: boolean, wanted: string): RawBuilder<unknown> {
  if (!isShared) return column;
  const isAscii = /^[\x20-\x7e]*$/.test(wanted);
  return isAscii ? sql`lower(${column} COLLATE "C")` : sql`lower(${column})`;
}
