/** One schema change, in SQL that both SQLite and PostgreSQL accept. Never edit its statements after a release. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
  /** Run only on PostgreSQL, after the others. */
  readonly postgres?: readonly string[];
}
