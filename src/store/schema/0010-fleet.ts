import type { Migration } from './migration.ts';

/**
 * Several agents on one PostgreSQL. Only new tables and indexes: agents of earlier versions that run keep working.
 *
 * `agents`: one row per agent. `beat` grows while the agent works; others compare it with the value that they saw last,
 * so clocks need not agree. `silent_*`: who tells people that it is silent.
 *
 * `claims`: what only one agent may do at a time, until `expires_at` by the clock of the database.
 */
export const fleet: Migration = {
  version: 10,
  name: 'fleet',
  statements: [
    `CREATE TABLE agents (
      agent TEXT NOT NULL PRIMARY KEY,
      agent_id TEXT NOT NULL,
      version TEXT NOT NULL,
      started_at BIGINT NOT NULL,
      seen_at BIGINT NOT NULL,
      stopped_at BIGINT,
      beat BIGINT NOT NULL,
      silent_beat BIGINT,
      silent_by TEXT,
      silent_told BIGINT
    )`,
    `CREATE TABLE claims (
      name TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      expires_at BIGINT NOT NULL
    )`,
  ],
  // Reads of all agents' rows. A SQLite file has those of one agent, which the older indexes serve.
  postgres: [
    'CREATE INDEX incidents_fleet_page ON incidents (opened_at, id)',
    'CREATE INDEX incidents_fleet_host ON incidents (host, opened_at, id)',
    'CREATE INDEX incidents_fleet_diagnosed ON incidents (diagnosed_at)',
    'CREATE INDEX incidents_fleet_problem ON incidents (project, service, fingerprint, diagnosed_at)',
    'CREATE INDEX incidents_fleet_members ON incidents (cause_incident) WHERE cause_incident IS NOT NULL',
    'CREATE INDEX attempts_fleet ON attempts (started_at)',
    'CREATE INDEX asks_fleet ON asks (asked_at)',
    'CREATE INDEX claude_requests_fleet ON claude_requests (requested_at)',
    'CREATE INDEX claude_requests_fleet_incident ON claude_requests (incident_id)',
  ],
};
