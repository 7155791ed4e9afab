import type { Migration } from './migration.ts';

/**
 * No foreign keys, on purpose: rows that refer to an incident outlive it. Attempts count toward restart limits, asks
 * and requests toward budgets, and a pending alert must be sent even if retention has deleted the incident.
 */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  statements: [
    `CREATE TABLE incidents (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      container_id TEXT NOT NULL,
      container_name TEXT NOT NULL,
      image TEXT NOT NULL,
      labels TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      detector TEXT NOT NULL,
      summary TEXT NOT NULL,
      patterns TEXT NOT NULL,
      opened_at BIGINT NOT NULL,
      last_seen_at BIGINT NOT NULL,
      occurrences BIGINT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('open', 'resolved')),
      resolved_at BIGINT,
      trace_id TEXT,
      span_id TEXT,
      diagnosis TEXT,
      diagnosed_at BIGINT,
      decision_kind TEXT,
      decision_reason TEXT,
      decided_at BIGINT,
      settled_at BIGINT
    )`,
    `CREATE INDEX incidents_open ON incidents (agent, opened_at) WHERE state = 'open'`,
    `CREATE INDEX incidents_resolved ON incidents (agent, resolved_at) WHERE state = 'resolved'`,
    `CREATE INDEX incidents_diagnosed ON incidents (agent, diagnosed_at)`,
    `CREATE INDEX incidents_container ON incidents (agent, container_name, diagnosed_at)`,
    `CREATE INDEX incidents_problem ON incidents (agent, project, service, fingerprint, diagnosed_at)`,

    `CREATE TABLE attempts (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      container_id TEXT NOT NULL,
      container_name TEXT NOT NULL,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      started_at BIGINT NOT NULL,
      outcome TEXT,
      detail TEXT,
      finished_at BIGINT
    )`,
    `CREATE INDEX attempts_service ON attempts (agent, project, service, started_at)`,
    `CREATE INDEX attempts_incident ON attempts (incident_id, started_at)`,
    `CREATE INDEX attempts_started ON attempts (agent, started_at)`,

    `CREATE TABLE asks (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      asked_at BIGINT NOT NULL,
      incident_id TEXT NOT NULL
    )`,
    `CREATE INDEX asks_asked ON asks (agent, asked_at)`,

    `CREATE TABLE claude_requests (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      requested_at BIGINT NOT NULL,
      incident_id TEXT NOT NULL,
      container_name TEXT NOT NULL,
      model TEXT NOT NULL,
      outcome TEXT NOT NULL,
      input_tokens BIGINT NOT NULL,
      output_tokens BIGINT NOT NULL,
      cache_read_tokens BIGINT NOT NULL,
      cache_write_tokens BIGINT NOT NULL,
      cost_usd DOUBLE PRECISION NOT NULL
    )`,
    `CREATE INDEX claude_requests_requested ON claude_requests (agent, requested_at)`,

    `CREATE TABLE outbox (
      alert_id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      seq BIGINT NOT NULL,
      alert TEXT NOT NULL,
      trace_id TEXT,
      span_id TEXT,
      state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dropped')),
      tries BIGINT NOT NULL,
      next_at BIGINT NOT NULL,
      last_error TEXT,
      finished_at BIGINT
    )`,
    `CREATE INDEX outbox_seq ON outbox (agent, seq)`,
    `CREATE INDEX outbox_pending ON outbox (agent, next_at) WHERE state = 'pending'`,
    `CREATE INDEX outbox_finished ON outbox (agent, finished_at) WHERE state <> 'pending'`,

    `CREATE TABLE cursors (
      agent TEXT NOT NULL,
      container_id TEXT NOT NULL,
      cursor TEXT NOT NULL,
      PRIMARY KEY (agent, container_id)
    )`,

    `CREATE TABLE pruned_diagnoses (
      agent TEXT NOT NULL PRIMARY KEY,
      diagnoses BIGINT NOT NULL
    )`,
    `CREATE TABLE pruned_restarts (
      agent TEXT NOT NULL,
      container_name TEXT NOT NULL,
      restarts BIGINT NOT NULL,
      PRIMARY KEY (agent, container_name)
    )`,
    `CREATE TABLE notes (
      agent TEXT NOT NULL,
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (agent, name)
    )`,
  ],
};
