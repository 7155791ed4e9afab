import type { Migration } from './migration.ts';

/**
 * Where other hosts reach the containers of each agent. Only new tables. Used on PostgreSQL only.
 *
 * `fleet_addresses`: names and addresses of the agent's host. `fleet_endpoints`: published ports (`network` and `name`
 * empty), and names and addresses of Swarm tasks on the networks that they share (`port` 0). `down`: a container behind it
 * does not run, or is unhealthy.
 */
export const fleetEndpoints: Migration = {
  version: 14,
  name: 'fleet-endpoints',
  statements: [
    `CREATE TABLE fleet_addresses (
      address TEXT NOT NULL,
      agent TEXT NOT NULL,
      PRIMARY KEY (address, agent)
    )`,
    `CREATE TABLE fleet_endpoints (
      agent TEXT NOT NULL,
      network TEXT NOT NULL,
      name TEXT NOT NULL,
      port BIGINT NOT NULL,
      project TEXT NOT NULL,
      service TEXT NOT NULL,
      down BIGINT NOT NULL,
      PRIMARY KEY (network, name, port, agent, project, service)
    )`,
  ],
  postgres: ['CREATE INDEX fleet_endpoints_agent ON fleet_endpoints (agent, project, service)'],
};
