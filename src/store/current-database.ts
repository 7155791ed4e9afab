import type { FleetShare } from './fleet-share.ts';
import type { Database } from './schema/tables.ts';

/** The database in use and the agent whose rows are read and written. */
export interface CurrentDatabase {
  /** Changes when the store moves to memory and back: read it anew for every query. */
  readonly db: Database;
  readonly agent: string;
  /** It is a PostgreSQL database, which other agents may use too. False while the standby file or memory replaces it. */
  readonly isShared: boolean;
  /** What this agent may use of the limits of all agents. Present while the standby file replaces the database. */
  readonly share?: FleetShare;
}
