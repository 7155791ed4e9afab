/** What a newer version of the agent does to the database. */

type Run = (sql: string) => Promise<unknown>;

/** A migration that only adds: programs from schema 16 on can use the database. */
export async function addNextSchema(run: Run): Promise<void> {
  await run('ALTER TABLE incidents ADD COLUMN added_later TEXT');
  await run(`ALTER TABLE incidents ADD COLUMN added TEXT NOT NULL DEFAULT 'by default'`);
  await run('ALTER TABLE outbox ADD COLUMN added BIGINT');
  await run('ALTER TABLE notes ADD COLUMN added BIGINT');
  await run('CREATE TABLE added (id TEXT NOT NULL PRIMARY KEY)');
  await run(`INSERT INTO schema_version (version, name, applied_at, readable_from) VALUES (98, 'expand', 0, 16)`);
}

/** A migration after which this version cannot use the database. */
export async function breakSchema(run: Run): Promise<void> {
  await run(`INSERT INTO schema_version (version, name, applied_at, readable_from) VALUES (99, 'contract', 0, 99)`);
}

export async function endNextSchema(run: Run): Promise<void> {
  await run('DELETE FROM schema_version WHERE version = 99');
}
