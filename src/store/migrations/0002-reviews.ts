import type { Migration } from '../migrate.ts';

/** A table of its own: a person's verdict must not be written over by what the agent saves of the incident. */
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
