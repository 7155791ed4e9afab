import type { Migration } from './migration.ts';

/** Finds `"name":"value"` in the JSON of a diagnosis. Inside a JSON string the quotation marks would be escaped. */
const hasValue = (name: string, value: string) => `diagnosis LIKE '%"${name}":"${value}"%'`;
const oneOf = (name: string, values: readonly string[]) =>
  `CASE ${values.map((value) => `WHEN ${hasValue(name, value)} THEN '${value}'`).join(' ')} END`;
const causeKind = (kind: string) => `WHEN cause LIKE '{"kind":"${kind}"%' THEN '${kind}'`;

/**
 * What the pages show: columns to filter incidents by, and the records of how an incident was handled. All text in these
 * tables is redacted.
 */
export const pages: Migration = {
  version: 8,
  name: 'pages',
  statements: [
    'ALTER TABLE incidents ADD COLUMN host TEXT',
    'ALTER TABLE incidents ADD COLUMN severity TEXT',
    'ALTER TABLE incidents ADD COLUMN tier TEXT',
    'ALTER TABLE incidents ADD COLUMN cause_kind TEXT',
    'ALTER TABLE incidents ADD COLUMN cause_incident TEXT',
    `UPDATE incidents SET
      severity = ${oneOf('severity', ['low', 'medium', 'high'])},
      tier = ${oneOf('tier', ['known', 'claude', 'rules'])}
      WHERE diagnosis IS NOT NULL`,
    `UPDATE incidents SET
      cause_kind = CASE ${['incident', 'external', 'unknown'].map(causeKind).join(' ')} END,
      cause_incident = CASE WHEN cause LIKE '{"kind":"incident","incidentId":"%' THEN substr(cause, 34, 19) END
      WHERE cause IS NOT NULL`,
    // With the columns of the usual filters and counts, so that the wide rows need not be read.
    `CREATE INDEX incidents_page ON incidents
      (agent, opened_at, id, state, severity, tier, cause_kind, container_name, service, project, decision_reason)`,
    'CREATE INDEX incidents_page_container ON incidents (agent, container_name, opened_at, id, state, severity, service)',
    'CREATE INDEX incidents_page_service ON incidents (agent, service, opened_at, id, state, severity)',
    'CREATE INDEX incidents_members ON incidents (agent, cause_incident) WHERE cause_incident IS NOT NULL',
    'CREATE INDEX claude_requests_incident ON claude_requests (agent, incident_id)',

    `CREATE TABLE decisions (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      decided_at BIGINT NOT NULL,
      kind TEXT NOT NULL,
      reason TEXT NOT NULL,
      detail TEXT,
      gates TEXT NOT NULL
    )`,
    'CREATE INDEX decisions_incident ON decisions (incident_id, decided_at)',

    `CREATE TABLE questions (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      asked_at BIGINT NOT NULL,
      model TEXT NOT NULL,
      strength TEXT NOT NULL,
      question TEXT NOT NULL
    )`,
    'CREATE INDEX questions_incident ON questions (incident_id, asked_at)',
    'CREATE INDEX questions_asked ON questions (agent, asked_at)',

    `CREATE TABLE evidence (
      incident_id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      collected_at BIGINT NOT NULL,
      evidence TEXT NOT NULL
    )`,
    'CREATE INDEX evidence_collected ON evidence (agent, collected_at)',

    `CREATE TABLE alerts (
      alert_id TEXT NOT NULL,
      receiver TEXT NOT NULL,
      agent TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      kind TEXT NOT NULL,
      created_at BIGINT NOT NULL,
      state TEXT NOT NULL,
      finished_at BIGINT,
      error TEXT,
      PRIMARY KEY (alert_id, receiver)
    )`,
    'CREATE INDEX alerts_incident ON alerts (incident_id, created_at)',

    `CREATE TABLE timeline_events (
      id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      kind TEXT NOT NULL,
      began_at BIGINT NOT NULL,
      ended_at BIGINT,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      container_name TEXT NOT NULL,
      detail TEXT NOT NULL
    )`,
    'CREATE INDEX timeline_events_began ON timeline_events (agent, began_at)',
  ],
};
