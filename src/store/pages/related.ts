import type { Incident } from '../../domain/incident.ts';
import type { RelatedIncidents } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import { NO_PROJECT } from '../rows.ts';
import { listedOf, selectListed } from './listed.ts';

const MEMBERS = 200;
const SIMILAR = 10;

/** The incident that this one belongs to, those that belong to it, and earlier ones that resemble it. */
export async function readRelated(current: CurrentDatabase, incident: Incident): Promise<RelatedIncidents> {
  const { id, cause, container, fingerprint, openedAt } = incident;
  const own = () => selectListed(current.db).where(shownRows(current, 'incidents.agent'));
  const root =
    cause?.kind === 'incident'
      ? await own().where('incidents.id', '=', cause.incidentId).executeTakeFirst()
      : undefined;
  const members = await own()
    .where('incidents.cause_incident', '=', id)
    .orderBy('incidents.opened_at')
    .limit(MEMBERS)
    .execute();
  const earlier = () =>
    own()
      .where('incidents.project', '=', container.project ?? NO_PROJECT)
      .where('incidents.service', '=', container.service)
      .where('incidents.opened_at', '<=', openedAt)
      .where('incidents.id', '<>', id)
      .orderBy('incidents.opened_at', 'desc')
      .limit(SIMILAR);
  const sameProblem = await earlier().where('incidents.fingerprint', '=', fingerprint).execute();
  const others =
    sameProblem.length < SIMILAR ? await earlier().where('incidents.fingerprint', '<>', fingerprint).execute() : [];
  return {
    ...(root !== undefined && { cause: listedOf(root) }),
    members: members.map(listedOf),
    similar: [...sameProblem, ...others].slice(0, SIMILAR).map(listedOf),
  };
}
