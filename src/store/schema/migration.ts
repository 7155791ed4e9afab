/** One schema change, in SQL that both SQLite and PostgreSQL accept. Never edit its statements after a release. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
  /** Run only on PostgreSQL, after the others. */
  readonly postgres?: readonly string[];
  /**
   * Programs whose schema is this version or later can use the database afterwards. Absent: only those that have this
   * migration. A change that only adds (tables, indexes, columns that may be null or have a default) names an earlier
   * version, so that agents of two versions can share the database during an update. Recorded from version 16.
   */
  readonly readableFrom?: number;
}
