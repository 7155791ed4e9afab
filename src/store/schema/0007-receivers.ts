import type { Migration } from './migration.ts';

/**
 * `outbox`: the incident of an alert, and the flood that held it back (see flood.ts). Both are null in earlier rows.
 *
 * `followed_incidents`: one row per incident and receiver that follows it, with what the receiver remembers. `shown_at`:
 * the receiver has a message for it. `resolved_at`: its end is in the outbox.
 */
export const receivers: Migration = {
  version: 7,
  name: 'receivers',
  statements: [
    'ALTER TABLE outbox ADD COLUMN incident_id TEXT',
    'ALTER TABLE outbox ADD COLUMN flood TEXT',
    `CREATE TABLE followed_incidents (
      agent TEXT NOT NULL,
      receiver TEXT NOT NULL,
      incident_id TEXT NOT NULL,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      value TEXT,
      since BIGINT NOT NULL,
      shown_at BIGINT,
      resolved_at BIGINT,
      PRIMARY KEY (agent, receiver, incident_id)
    )`,
    'CREATE INDEX followed_incidents_incident ON followed_incidents (incident_id)',
    'CREATE INDEX followed_incidents_problem ON followed_incidents (agent, receiver, project, service, fingerprint, since)',
    'CREATE INDEX followed_incidents_open ON followed_incidents (agent, receiver) WHERE resolved_at IS NULL',
  ],
};
