/** Where other hosts reach the containers of each agent; see migration 14. */

/** A name or an address of the agent's host. */
export interface FleetAddressTable {
  agent: string;
  address: string;
}

export interface FleetEndpointTable {
  agent: string;
  network: string;
  name: string;
  port: number;
  project: string;
  service: string;
  /** 1: a container behind it does not run, or is unhealthy. */
  down: number;
}
