import type { Migration } from './migration.ts';

/**
 * Why the container is not the cause itself, and which other containers are affected. JSON; null for most incidents.
 */
export const correlation: Migration = {
  version: 5,
  name: 'correlation',
  statements: ['ALTER TABLE incidents ADD COLUMN cause TEXT', 'ALTER TABLE incidents ADD COLUMN members TEXT'],
};
