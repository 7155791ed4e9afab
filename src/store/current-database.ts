import type { Database } from './schema/tables.ts';

/** The database in use and the agent whose rows are read and written. */
export interface CurrentDatabase {
  /** Changes when the store moves to memory and back: read it anew for every query. */
  readonly db: Database;
  readonly agent: string;
  /** It is a PostgreSQL database, which other agents may use too. False while memory takes its place. */
  readonly isShared: boolean;
}
