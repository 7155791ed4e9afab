import type { Migration } from './migration.ts';

/**
 * `schema_version.readable_from`: which programs can use the database after a migration (see Migration); null in earlier
 * rows. `agents.metrics_address`: where Prometheus reaches the agent, `host:port`; null if it cannot.
 */
export const fleetUpdates: Migration = {
  version: 16,
  name: 'fleet-updates',
  statements: [
    'ALTER TABLE schema_version ADD COLUMN readable_from BIGINT',
    'ALTER TABLE agents ADD COLUMN metrics_address TEXT',
  ],
  readableFrom: 14,
};
