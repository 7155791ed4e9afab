import type { Migration } from './migration.ts';

/**
 * One row per alert and receiver. SQLite cannot change a primary key, so the table is copied. Earlier versions had one
 * receiver and did not store its name. The copied rows have the receiver `''` until the store opens
 * (assign-receiver.ts).
 */
export const outboxReceivers: Migration = {
  version: 3,
  name: 'outbox-receivers',
  statements: [
    `CREATE TABLE outbox_by_receiver (
      alert_id TEXT NOT NULL,
      receiver TEXT NOT NULL,
      agent TEXT NOT NULL,
      seq BIGINT NOT NULL,
      alert TEXT NOT NULL,
      trace_id TEXT,
      span_id TEXT,
      state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dropped')),
      tries BIGINT NOT NULL,
      next_at BIGINT NOT NULL,
      last_error TEXT,
      finished_at BIGINT,
      PRIMARY KEY (alert_id, receiver)
    )`,
    `INSERT INTO outbox_by_receiver
      (alert_id, receiver, agent, seq, alert, trace_id, span_id, state, tries, next_at, last_error, finished_at)
      SELECT alert_id, '', agent, seq, alert, trace_id, span_id, state, tries, next_at, last_error, finished_at
      FROM outbox`,
    'DROP TABLE outbox',
    'ALTER TABLE outbox_by_receiver RENAME TO outbox',
    'CREATE INDEX outbox_seq ON outbox (agent, seq)',
    `CREATE INDEX outbox_pending ON outbox (agent, receiver, next_at) WHERE state = 'pending'`,
    `CREATE INDEX outbox_finished ON outbox (agent, finished_at) WHERE state <> 'pending'`,
  ],
};
