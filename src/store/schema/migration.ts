/** One step of the schema, in SQL that SQLite and PostgreSQL both accept. Never changed once released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}
