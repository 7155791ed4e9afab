import type { Database } from './schema.ts';

/** Where the rows are, and whose. `db` is another one once the store has moved: to be read at each use. */
export interface Place {
  readonly db: Database;
  readonly agent: string;
}

/** A file in DATA_DIR belongs to one agent, whatever it is called. */
export const THE_FILES_AGENT = 'local';
