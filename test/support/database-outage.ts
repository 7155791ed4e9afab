/** A database that refuses connections, while its server runs. */
import pg from 'pg';
import { eventually } from './eventually.ts';

export interface DatabaseSwitch {
  /** Ends all connections and refuses new ones. */
  away(): Promise<void>;
  back(): Promise<void>;
  /** From now on, whoever writes to `table` waits. */
  hold(table: string): Promise<void>;
  /** Resolves when somebody waits. */
  somebodyWaits(): Promise<void>;
  /** Ends the wait. */
  letGo(): Promise<void>;
  /** Works during the outage. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function databaseSwitch(url: string): Promise<DatabaseSwitch> {
  const name = new URL(url).pathname.slice(1);
  const admin = new pg.Client({ connectionString: url.replace(`/${name}`, '/postgres') });
  const inside = new pg.Client({ connectionString: url });
  for (const client of [admin, inside]) {
    client.on('error', () => {});
    await client.connect();
  }
  const { rows } = await inside.query('SELECT pg_backend_pid() AS pid');
  const accept = (yes: boolean) => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${yes}`);
  return {
    async away() {
      await accept(false);
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> ${rows[0].pid}`,
      );
    },
    back: async () => void (await accept(true)),
    async hold(table) {
      await inside.query('BEGIN');
      await inside.query(`LOCK TABLE ${table} IN EXCLUSIVE MODE`);
    },
    async somebodyWaits() {
      await eventually(
        async () => {
          const waiting = await admin.query(
            `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`,
          );
          return waiting.rows.length > 0 ? true : undefined;
        },
        { deadlineMs: 60_000 },
      );
    },
    letGo: async () => void (await inside.query('ROLLBACK')),
    query: async (sql) => (await inside.query(sql)).rows,
    close: async () => void (await Promise.all([admin.end(), inside.end()])),
  };
}
