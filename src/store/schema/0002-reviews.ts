import type { Migration } from './migration.ts';

/** A separate table, so that the agent's updates of an incident never overwrite a person's verdict. */
export const reviews: Migration = {
  version: 2,
  name: 'reviews',
  statements: [
    `CREATE TABLE reviews (
      incident_id TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      aftermath TEXT,
      aftermath_at BIGINT,
      verdict TEXT,
      note TEXT,
      reviewed_at BIGINT
    )`,
  ],
};
