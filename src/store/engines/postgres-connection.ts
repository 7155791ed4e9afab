/**
 * A single connection to PostgreSQL, with the interface of a pool for Kysely. It is opened on first use and reopened
 * after a loss. Queries run one after the other.
 *
 * One connection is enough, because an incident takes about ten small statements. It also holds the session lock on the
 * agent's name, so only the agent that has the lock can write.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { messageOf, StoreError } from '../../errors.ts';
import type { Recorder } from './recorder.ts';

/** The network or the server failed, not just one statement. */
export class ConnectionLost extends Error {}

const CONNECT_TIMEOUT_MS = 5_000;
/** A failed attempt to connect that took longer than this makes waiting queries fail without another attempt. */
const SLOW_FAILURE_MS = 1_000;
/**
 * Our statements take milliseconds. The server's timeout is the shorter one, so that both sides agree on the result.
 */
const STATEMENT_TIMEOUT_MS = 8_000;
const RESPONSE_TIMEOUT_MS = 10_000;
/** The session of a killed agent ends when the server notices, which is immediately on the same machine. */
const LOCK_TIMEOUT_MS = 3_000;
const LOCK_POLL_MS = 200;

/** Parses 8-byte integers (type 20) as numbers: our values are times and counts far below 2^53. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === 20 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

export interface ConnectionOptions {
  /** A secret. */
  readonly url: string;
  readonly agent: string;
  /** Whether to lock the agent's name while connected, so that no other agent can use it in this database. */
  readonly exclusive: boolean;
  readonly recorder?: Recorder;
}

export function createConnection({ url, agent, exclusive, recorder }: ConnectionOptions): PostgresPool {
  let client: pg.Client | undefined;
  let lastTurn: Promise<void> = Promise.resolve();
  let ended = false;
  /** Epoch ms until which queries fail immediately, set after a slow failure to connect. */
  let retryAt = 0;
  let lastFailure = '';

  async function open(): Promise<pg.Client> {
    const startedAt = Date.now();
    const opened = new pg.Client({
      connectionString: url,
      application_name: `container-doctor ${agent}`.slice(0, 63),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: RESPONSE_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      types,
    });
    const forget = () => {
      if (client === opened) client = undefined;
    };
    // Without a listener, losing an idle connection would end the process.
    opened.on('error', forget);
    opened.on('end', forget);
    try {
      await opened.connect();
      // If this machine fails, the server must release the lock sooner than after TCP's default of two hours.
      await opened.query(
        'SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3',
      );
      if (exclusive) await lockName(opened, agent);
      return opened;
    } catch (error) {
      discard(opened);
      const translated = translate(error);
      if (Date.now() - startedAt > SLOW_FAILURE_MS) {
        retryAt = Date.now() + CONNECT_TIMEOUT_MS;
        lastFailure = messagesOf(translated);
      }
      throw translated;
    }
  }

  function discard(broken: pg.Client): void {
    if (client === broken) client = undefined;
    void broken.end().catch(() => undefined);
  }

  async function connect(): Promise<PostgresPoolClient> {
    const turn = Promise.withResolvers<void>();
    const previousTurn = lastTurn;
    lastTurn = turn.promise;
    await previousTurn;
    try {
      if (ended) throw new ConnectionLost('the connection is closed');
      if (client === undefined && Date.now() < retryAt) throw new ConnectionLost(lastFailure);
      client ??= await open();
    } catch (error) {
      turn.resolve();
      throw error;
    }
    const current = client;
    recorder?.reset();
    const query = async <R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> => {
      try {
        const result = await current.query(recorder?.prepare(sql) ?? sql, [...parameters]);
        recorder?.done(sql, result.rows, result.command === 'ROLLBACK');
        return result as unknown as PostgresQueryResult<R>;
      } catch (error) {
        const translated = translate(error);
        if (translated instanceof ConnectionLost) discard(current);
        throw translated;
      }
    };
    return {
      query: query as PostgresPoolClient['query'],
      release(destroy) {
        if (destroy) discard(current);
        turn.resolve();
      },
    };
  }

  return {
    options: {},
    connect,
    async end() {
      ended = true;
      await lastTurn;
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}

/** Throws a StoreError `locked` if another agent of this name is connected. */
async function lockName(client: pg.Client, agent: string): Promise<void> {
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended('container-doctor agent ' || $1, 0)) AS locked`,
      [agent],
    );
    if (rows[0]?.locked) return;
    if (Date.now() >= deadline) {
      throw new StoreError(
        `another agent called "${agent}" uses this database: stop that one, or give this one an AGENT_NAME of its own`,
        'locked',
      );
    }
    await delay(LOCK_POLL_MS);
  }
}

function translate(error: unknown): unknown {
  if (error instanceof pg.DatabaseError || error instanceof StoreError || error instanceof ConnectionLost) return error;
  return new ConnectionLost(messagesOf(error), { cause: error });
}

/** Joins the messages of an AggregateError, which has one error per address of a host name. */
function messagesOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messagesOf).join('; ') : messageOf(error);
}
