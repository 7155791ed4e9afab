import type { Migration } from './migration.ts';

/**
 * Problems that people were told of on one host. While a row is recent, the alerts of other hosts about the same problem
 * are held in the outbox (`flood` names the row) and become one message with the hosts. `name`: receiver, destination and
 * problem. `at`: by the clock of the database, renewed by each alert that is held.
 */
export const fleetMessages: Migration = {
  version: 11,
  name: 'fleet-messages',
  statements: [
    `CREATE TABLE fleet_messages (
      name TEXT NOT NULL PRIMARY KEY,
      agent TEXT NOT NULL,
      at BIGINT NOT NULL
    )`,
  ],
  postgres: [`CREATE INDEX outbox_held ON outbox (flood) WHERE state = 'pending' AND flood IS NOT NULL`],
};
