/**
 * One connection to PostgreSQL, made when it is needed and made anew when it is lost; what is asked of it waits its
 * turn. To Kysely it looks like a pool.
 *
 * One and not many: the lock on the agent's name belongs to the session, so that whoever can write has the lock, and
 * an agent needs some ten small statements an incident.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { StoreError } from '../errors.ts';

/** The network, or the server as a whole, rather than a statement. */
export class ConnectionLost extends Error {}

const CONNECT_TIMEOUT_MS = 5_000;
const SLOW_FAILURE_MS = 1_000;
/** Our statements take milliseconds. The server gives up first, so that it and we agree about what was done. */
const STATEMENT_TIMEOUT_MS = 8_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** A killed agent's session ends when the server notices; on one machine that is at once. */
const LOCK_PATIENCE_MS = 3_000;
const LOCK_LOOK_MS = 200;

/** PostgreSQL's 8-byte integers (type 20) as numbers: ours are times and counts, far below 2^53. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === 20 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

interface ConnectionOptions {
  readonly url: string;
  readonly agent: string;
  /** Nobody else may use this name in this database while we are connected. */
  readonly exclusive: boolean;
}

export function createConnection({ url, agent, exclusive }: ConnectionOptions): PostgresPool {
  let client: pg.Client | undefined;
  let lastTurn: Promise<void> = Promise.resolve();
  let ended = false;
  /** What waits behind a try that took seconds to fail must not wait seconds each. */
  let tryAgainAt = 0;
  let lastFailure = '';

  async function open(): Promise<pg.Client> {
    const begun = Date.now();
    const opened = new pg.Client({
      connectionString: url,
      application_name: `container-doctor ${agent}`.slice(0, 63),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      types,
    });
    const forget = () => {
      if (client === opened) client = undefined;
    };
    // Without a listener the loss of an idle connection would end the process.
    opened.on('error', forget);
    opened.on('end', forget);
    try {
      await opened.connect();
      // A machine that vanishes must not keep its agent's name for the two hours that TCP waits by default.
      await opened.query(
        'SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3',
      );
      if (exclusive) await lockName(opened, agent);
      return opened;
    } catch (error) {
      discard(opened);
      const translated = lostOrAsItIs(error);
      if (Date.now() - begun > SLOW_FAILURE_MS) {
        tryAgainAt = Date.now() + CONNECT_TIMEOUT_MS;
        lastFailure = messageOf(translated);
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
    const before = lastTurn;
    lastTurn = turn.promise;
    await before;
    try {
      if (ended) throw new ConnectionLost('the connection is closed');
      if (client === undefined && Date.now() < tryAgainAt) throw new ConnectionLost(lastFailure);
      client ??= await open();
    } catch (error) {
      turn.resolve();
      throw error;
    }
    const current = client;
    const query = async <R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> => {
      try {
        return (await current.query(sql, [...parameters])) as unknown as PostgresQueryResult<R>;
      } catch (error) {
        const translated = lostOrAsItIs(error);
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

/** Throws a StoreError `locked` where another agent of this name is connected. */
async function lockName(client: pg.Client, agent: string): Promise<void> {
  const deadline = Date.now() + LOCK_PATIENCE_MS;
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
    await delay(LOCK_LOOK_MS);
  }
}

function lostOrAsItIs(error: unknown): unknown {
  if (error instanceof pg.DatabaseError || error instanceof StoreError || error instanceof ConnectionLost) return error;
  return new ConnectionLost(messageOf(error), { cause: error });
}

/** Where a name has several addresses, each one's failure stands in a message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
