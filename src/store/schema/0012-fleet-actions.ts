import type { Migration } from './migration.ts';

/**
 * What an agent is asked to do on its own host by the agent on whose page, or with whose Slack connection, a person
 * acted. `agent` carries it out: it claims the row before `expires_at`, by the clock of the database, and writes the
 * result.
 *
 * `host_snapshots`: the containers of each host and what depends on what, for the pages of the others. `version` grows
 * with each change.
 */
export const fleetActions: Migration = {
  version: 12,
  name: 'fleet-actions',
  statements: [
    `CREATE TABLE fleet_actions (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      asked_by TEXT NOT NULL,
      action TEXT NOT NULL,
      state TEXT NOT NULL,
      asked_at BIGINT NOT NULL,
      expires_at BIGINT NOT NULL,
      claims BIGINT NOT NULL,
      result TEXT
    )`,
    `CREATE TABLE host_snapshots (
      agent TEXT NOT NULL PRIMARY KEY,
      version BIGINT NOT NULL,
      content TEXT NOT NULL
    )`,
  ],
  postgres: [`CREATE INDEX fleet_actions_open ON fleet_actions (agent, state) WHERE state IN ('asked', 'claimed')`],
};
