import type { Migration } from './migration.ts';

/** Restarts that wait for a person, snoozes, and what people did. A request's id is also the id of its restart attempt. */
export const people: Migration = {
  version: 6,
  name: 'people',
  statements: [
    `CREATE TABLE restart_requests (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      container_id TEXT NOT NULL,
      container_name TEXT NOT NULL,
      container_started_at BIGINT NOT NULL,
      requested_at BIGINT NOT NULL,
      expires_at BIGINT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'denied', 'expired', 'withdrawn')),
      answered_via TEXT,
      answered_who TEXT,
      answered_from TEXT,
      answered_at BIGINT
    )`,
    'CREATE INDEX restart_requests_incident ON restart_requests (agent, incident_id)',
    `CREATE INDEX restart_requests_waiting ON restart_requests (agent) WHERE state = 'waiting'`,
    'CREATE INDEX restart_requests_requested ON restart_requests (agent, requested_at)',
    `CREATE TABLE snoozes (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      fingerprint TEXT,
      since BIGINT NOT NULL,
      until_at BIGINT NOT NULL,
      by_via TEXT NOT NULL,
      by_who TEXT NOT NULL,
      by_from TEXT,
      held_back BIGINT NOT NULL,
      ended_at BIGINT
    )`,
    'CREATE INDEX snoozes_open ON snoozes (agent) WHERE ended_at IS NULL',
    'CREATE INDEX snoozes_ended ON snoozes (agent, ended_at)',
    `CREATE TABLE audit (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      at BIGINT NOT NULL,
      via TEXT NOT NULL,
      who TEXT NOT NULL,
      from_where TEXT,
      action TEXT NOT NULL,
      incident_id TEXT,
      project TEXT,
      service TEXT,
      fingerprint TEXT,
      result TEXT NOT NULL
    )`,
    'CREATE INDEX audit_incident ON audit (agent, incident_id)',
    'CREATE INDEX audit_service ON audit (agent, project, service)',
    'CREATE INDEX audit_at ON audit (agent, at)',
  ],
};
