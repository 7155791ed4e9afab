/** Records what an agent writes to PostgreSQL, so that its standby file can follow; see standby.ts. */
import type { Schema } from '../schema/tables.ts';
import { COPIED_TABLES } from './copied-tables.ts';
import type { AnyRow } from './copy-rows.ts';

/** Rows after a statement has written them. */
export interface WrittenRows {
  readonly table: keyof Schema;
  readonly rows: readonly AnyRow[];
}

/** Of one connection, which runs one transaction at a time. */
export interface Recorder {
  /** The statement to run instead of `sql`: one that also returns the rows that it writes. */
  prepare(sql: string): string;
  /** The statement that `prepare` was given has succeeded; `rolledBack`: it was a commit, and failed. */
  done(sql: string, rows: readonly unknown[], rolledBack?: boolean): void;
  /** The transaction in progress, if any, will not be committed. */
  reset(): void;
}

/** As Kysely writes statements. Deletions are not recorded: the next full copy of the file follows them. */
const WRITE = /^(?:insert into|update) "(\w+)"/;
const RECORDED = new Set<string>(COPIED_TABLES.filter(({ standby }) => standby).map(({ name }) => name));

/** `written` is called after the commit, with the rows in the order in which they were written. */
export function createRecorder(written: (rows: WrittenRows) => void): Recorder {
  /** Of the open transaction. */
  let uncommitted: WrittenRows[] | undefined;

  const tableOf = (sql: string): keyof Schema | undefined => {
    const table = WRITE.exec(sql)?.[1];
    return table !== undefined && RECORDED.has(table) ? (table as keyof Schema) : undefined;
  };

  return {
    prepare: (sql) => (tableOf(sql) === undefined || sql.includes(' returning ') ? sql : `${sql} returning *`),

    done(sql, rows, rolledBack = false) {
      if (sql === 'begin') uncommitted = [];
      if (sql === 'commit' || sql === 'rollback') {
        const committed = sql === 'commit' && !rolledBack ? uncommitted : [];
        uncommitted = undefined;
        for (const one of committed ?? []) written(one);
      }
      const table = tableOf(sql);
      if (table === undefined || rows.length === 0) return;
      const one = { table, rows: rows as readonly AnyRow[] };
      if (uncommitted === undefined) written(one);
      else uncommitted.push(one);
    },

    reset() {
      uncommitted = undefined;
    },
  };
}
