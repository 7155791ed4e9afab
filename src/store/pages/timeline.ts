import type { Severity } from '../../domain/diagnosis.ts';
import type { IncidentState } from '../../domain/incident.ts';
import type { Absence, Deployment, PageStore, StoredTimeline, TimelineIncident } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import { projectOf, restartOf } from '../rows.ts';

const RESTARTS = 2_000;
const EVENTS = 2_000;

/** Everything that overlaps a time. */
export async function readTimeline(
  current: CurrentDatabase,
  ...[range, of, limit]: Parameters<PageStore['timeline']>
): Promise<StoredTimeline> {
  return {
    incidents: await readIncidents(current, range, of, limit),
    restarts: await readRestarts(current, range, of),
    ...(await readEvents(current, range, of)),
  };
}

type Part = [current: CurrentDatabase, ...Parameters<PageStore['timeline']>];

async function readIncidents(...[current, { from, to }, of, limit]: Part): Promise<TimelineIncident[]> {
  let newest = current.db
    .selectFrom('incidents')
    .select([
      'id',
      'state',
      'summary',
      'opened_at',
      'last_seen_at',
      'resolved_at',
      'service',
      'project',
      'container_name',
      'severity',
      'cause_incident',
    ])
    .where(shownRows(current, 'agent', of.host ?? current.agent))
    .where('opened_at', '<', to)
    .where((eb) => eb.or([eb('opened_at', '>=', from), eb('resolved_at', 'is', null), eb('resolved_at', '>=', from)]))
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
  if (of.service !== undefined) newest = newest.where('service', '=', of.service);
  if (of.container !== undefined) newest = newest.where('container_name', '=', of.container);
  return (await newest.execute()).reverse().map((row) => ({
    id: row.id,
    state: row.state as IncidentState,
    summary: row.summary,
    openedAt: row.opened_at,
    lastSeenAt: row.last_seen_at,
    service: row.service,
    ...projectOf(row),
    containerName: row.container_name,
    ...(row.severity !== null && { severity: row.severity as Severity }),
    ...(row.resolved_at !== null && { endedAt: row.resolved_at }),
    ...(row.cause_incident !== null && { causeIncidentId: row.cause_incident }),
  }));
}

async function readRestarts(
  current: CurrentDatabase,
  { from, to }: Part[1],
  of: Part[2],
): Promise<StoredTimeline['restarts']> {
  let newest = current.db
    .selectFrom('attempts')
    .select([
      'id',
      'incident_id',
      'container_name',
      'project',
      'service',
      'started_at',
      'outcome',
      'detail',
      'finished_at',
    ])
    .where(shownRows(current, 'agent', of.host ?? current.agent))
    .where('started_at', '>=', from)
    .where('started_at', '<', to)
    .orderBy('started_at', 'desc')
    .limit(RESTARTS);
  if (of.service !== undefined) newest = newest.where('service', '=', of.service);
  if (of.container !== undefined) newest = newest.where('container_name', '=', of.container);
  return (await newest.execute()).reverse().map(restartOf);
}

async function readEvents(
  current: CurrentDatabase,
  { from, to }: Part[1],
  of: Part[2],
): Promise<Pick<StoredTimeline, 'deployments' | 'absences'>> {
  const rows = await current.db
    .selectFrom('timeline_events')
    .selectAll()
    .where(shownRows(current, 'agent', of.host ?? current.agent))
    .where('began_at', '<', to)
    .where((eb) => eb.or([eb('ended_at', 'is', null), eb('ended_at', '>=', from)]))
    .orderBy('began_at', 'desc')
    .limit(EVENTS)
    .execute();
  const isWanted = (row: { service: string; container_name: string }) =>
    (of.service === undefined || of.service === row.service) &&
    (of.container === undefined || of.container === row.container_name);
  const inOrder = rows.reverse();
  return {
    deployments: inOrder
      .filter((row) => row.kind === 'deployment' && isWanted(row))
      .map((row): Deployment => {
        const detail = JSON.parse(row.detail) as { containerId: string; image: string; previousImage?: string };
        return {
          at: row.began_at,
          container: {
            id: detail.containerId,
            name: row.container_name,
            image: detail.image,
            service: row.service,
            ...projectOf(row),
            labels: {},
          },
          ...(detail.previousImage !== undefined && { previousImage: detail.previousImage }),
        };
      }),
    absences: inOrder
      .filter(({ kind }) => kind !== 'deployment')
      .map((row) => ({
        kind: row.kind as Absence['kind'],
        from: row.began_at,
        ...(row.ended_at !== null && { to: row.ended_at }),
      })),
  };
}
