/** What the HTTP pages read. */
import type { PageStore } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import type { QueryRunner } from '../query-runner.ts';
import { readIncidentPage } from './incident-page.ts';
import { readIncidentRecords } from './incident-records.ts';
import { listedOf, selectListed } from './listed.ts';
import { readRelated } from './related.ts';
import { readStats } from './stats.ts';
import { readTimeline } from './timeline.ts';

export function createPageStore(current: CurrentDatabase, queries: QueryRunner): PageStore {
  return {
    incidentPage: (filter, page) =>
      queries.read('read a page of incidents', () => readIncidentPage(current, filter, page)),

    findIncident: (id) =>
      queries.read('read an incident', async () => {
        const row = await selectListed(current.db)
          .where(shownRows(current, 'incidents.agent'))
          .where('incidents.id', '=', id)
          .executeTakeFirst();
        return row && listedOf(row);
      }),

    incidentRecords: (id) => queries.read('read the records of an incident', () => readIncidentRecords(current, id)),
    relatedIncidents: (incident) => queries.read('read the related incidents', () => readRelated(current, incident)),
    timeline: (...args) => queries.read('read the timeline', () => readTimeline(current, ...args)),
    stats: (range) => queries.read('read the statistics', () => readStats(current, range)),
  };
}
