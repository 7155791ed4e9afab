import type { Migration } from './migration.ts';

/** The cause of an incident in another one, and the containers that suffer from it; JSON, null for most. */
export const correlation: Migration = {
  version: 5,
  name: 'correlation',
  statements: ['ALTER TABLE incidents ADD COLUMN cause TEXT', 'ALTER TABLE incidents ADD COLUMN members TEXT'],
};
