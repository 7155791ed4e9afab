/** The tables of agents that share a database. */

/** One row per agent of a shared database. */
export interface AgentTable {
  agent: string;
  agent_id: string;
  version: string;
  started_at: number;
  /** By the agent's clock, for people. */
  seen_at: number;
  /** Null while it runs, and if it did not stop in an orderly way. */
  stopped_at: number | null;
  /** Grows while the agent works. */
  beat: number;
  /** The beat at which it was found silent. Null: it is not. */
  silent_beat: number | null;
  /** The agent that tells people. */
  silent_by: string | null;
  /** When they were told. */
  silent_told: number | null;
  /** `host:port`. Null: Prometheus cannot reach it. */
  metrics_address: string | null;
}

/** What only one agent may do at a time. */
export interface ClaimTable {
  agent: string;
  name: string;
  /** By the clock of the database. */
  expires_at: number;
}

/** A problem that people were told of, by this agent. */
export interface FleetMessageTable {
  agent: string;
  name: string;
  /** By the clock of the database. */
  at: number;
}

/** What the agent that it names is asked to do. */
export interface FleetActionTable {
  agent: string;
  id: string;
  asked_by: string;
  /** JSON of a FleetAction. */
  action: string;
  /** `withdrawn`: it was not claimed in time. `given_up`: it was claimed, and no result came in time. */
  state: 'asked' | 'claimed' | 'finished' | 'withdrawn' | 'given_up';
  /** All times are by the clock of the database. */
  asked_at: number;
  /** It cannot be claimed after this time. */
  expires_at: number;
  /** How often: more than once if the agent was killed before it wrote the result. */
  claims: number;
  /** JSON of an ActionResult. */
  result: string | null;
}

/** The containers of a host, for the pages of other agents. */
export interface HostSnapshotTable {
  agent: string;
  /** Grows with each change. */
  version: number;
  /** JSON; see app/host-snapshots.ts. */
  content: string;
}

/** A name or an address of the agent's host. */
export interface FleetAddressTable {
  agent: string;
  address: string;
}

/** Where other hosts reach the containers of an agent; see migration 14. */
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
