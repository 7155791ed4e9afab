import type { Migration } from './migration.ts';

/**
 * The statistics of all agents read only an index, as those of one agent do (`incidents_page`). On PostgreSQL only: a
 * file has the rows of one agent.
 */
export const fleetPage: Migration = {
  version: 15,
  name: 'fleet-page',
  statements: [],
  postgres: [
    'DROP INDEX incidents_fleet_page',
    `CREATE INDEX incidents_fleet_page ON incidents (opened_at, id) INCLUDE
      (agent, state, severity, tier, cause_kind, container_name, service, project, decision_reason)`,
  ],
};
