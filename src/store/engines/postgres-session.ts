/**
 * A second connection to PostgreSQL, for what a session has besides queries: it is woken by NOTIFY, and it holds locks
 * that end with it. Nothing is lost while it is away: its users also poll.
 */
import pg from 'pg';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';

export interface DatabaseSession {
  /** Keeps the connection until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Runs `work` whenever this session holds the lock on `name`, until `signal` aborts. `lost` aborts when the lock is
   * lost, or the session: another one may have it then. If `work` ends before, others get the lock. Never rejects, if
   * `work` does not.
   */
  whileLocked(name: string, signal: AbortSignal, work: (lost: AbortSignal) => Promise<void>): Promise<void>;
  /** Why it is not connected; undefined if it is, and until an attempt has failed. */
  problem(): string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
/** How often the session shows that it is alive, and tries to get a lock that another one holds. */
const CHECK_EVERY_MS = 5_000;
/** How often a lock is tried that waits for the connection. */
const CHECK_CONNECTED_MS = 250;
/**
 * The server ends a session that has not been heard of for this long, so that the locks of a host that is off, cut off or
 * paused are free. PostgreSQL 14 and later; on earlier ones, TCP keepalives do the same, except for a paused host.
 */
const SERVER_PATIENCE = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2`;
const IDLE_SESSION_TIMEOUT = `SET idle_session_timeout = '20s'`;
/** After `work` has given a lock back, another session has this long to take it. */
const PAUSE_AFTER_WORK_MS = 15_000;

export function createDatabaseSession(options: {
  /** A secret. */
  readonly url: string;
  readonly agent: string;
  readonly channel: string;
  /** Another agent has woken this one, or may have while the connection was away. */
  onWoken(): void;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}): DatabaseSession {
  const { agent, channel, clock, logger } = options;
  let current: Session | undefined;
  let problem: string | undefined;

  const open = async (): Promise<Session> => {
    const client = new pg.Client({
      connectionString: options.url,
      application_name: `container-doctor session ${agent}`.slice(0, 63),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    const ended = new AbortController();
    client.on('error', () => ended.abort());
    client.on('end', () => ended.abort());
    client.on('notification', ({ payload }) => {
      if (payload === agent) options.onWoken();
    });
    try {
      await client.connect();
      await client.query(SERVER_PATIENCE);
      await client.query(IDLE_SESSION_TIMEOUT).catch(() => undefined);
      await client.query(`LISTEN ${channel}`);
      return { client, ended };
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
  };

  return {
    problem: () => problem,

    async run(signal) {
      while (!signal.aborted) {
        try {
          const { client, ended } = await open();
          current = { client, ended };
          problem = undefined;
          options.onWoken();
          const over = AbortSignal.any([signal, ended.signal]);
          while (!over.aborted) {
            await clock.sleep(CHECK_EVERY_MS, over);
            if (!over.aborted) await client.query('SELECT 1').catch(() => ended.abort());
          }
          current = undefined;
          if (!signal.aborted) problem = 'the connection to the database was lost';
          ended.abort();
          void client.end().catch(() => undefined);
        } catch (error) {
          problem = 'the database cannot be reached';
          logger.debug('the second connection to the database could not be opened', { error: messageOf(error) });
        }
        await clock.sleep(CHECK_EVERY_MS, signal);
      }
    },

    async whileLocked(name, signal, work) {
      while (!signal.aborted) {
        const session = current;
        if (session !== undefined && (await locked(session, name))) {
          const lost = AbortSignal.any([signal, session.ended.signal]);
          await work(lost);
          await unlock(session, name);
          await clock.sleep(PAUSE_AFTER_WORK_MS, lost);
        } else {
          await clock.sleep(session === undefined ? CHECK_CONNECTED_MS : CHECK_EVERY_MS, signal);
        }
      }
    },
  };
}

interface Session {
  readonly client: pg.Client;
  readonly ended: AbortController;
}

const KEY = `hashtextextended('container-doctor ' || $1, 0)`;

async function locked({ client, ended }: Session, name: string): Promise<boolean> {
  try {
    const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${KEY}) AS locked`, [name]);
    return rows[0]?.locked === true;
  } catch {
    // The server may have given the lock to this session, which then must not keep it.
    ended.abort();
    return false;
  }
}

async function unlock({ client, ended }: Session, name: string): Promise<void> {
  await client.query(`SELECT pg_advisory_unlock(${KEY})`, [name]).catch(() => ended.abort());
}
