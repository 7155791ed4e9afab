/** A Kysely dialect for `node:sqlite`. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';
import { dropOldest } from '../../lib/bounded.ts';

/** Statements differ by table and by number of rows. This is several times the number that we use. */
const STATEMENT_CACHE_SIZE = 200;

/** Kysely expects the interface of better-sqlite3; this implements the part that it calls. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const statements = new Map<string, StatementSync>();

  function prepared(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known !== undefined) {
      // Move it to the end, so that the map is in order of last use.
      statements.delete(sql);
      statements.set(sql, known);
      return known;
    }
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    dropOldest(statements, STATEMENT_CACHE_SIZE);
    return statement;
  }

  return new SqliteDialect({
    database: {
      close: () => {
        statements.clear();
        database.close();
      },
      prepare: (sql) => {
        // SQLite rolls back by itself after "disk full" and I/O errors. A second rollback would fail and hide the
        // cause.
        if (sql === 'rollback' && !database.isTransaction) return NOTHING;
        // A transaction that has read cannot write once another process has: SQLite then fails, without waiting.
        const statement = prepared(sql === 'begin' ? 'begin immediate' : sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
          run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
          iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
        };
      },
    },
  });
}

const NOTHING = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};
