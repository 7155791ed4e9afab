import { sql } from 'kysely';
import { type FleetLimit, FleetLimitReached } from '../errors.ts';
import type { CurrentDatabase } from './current-database.ts';
import { shareOf } from './fleet-share.ts';
import type { Database } from './schema/tables.ts';

/** Limits of all agents of a shared database together. */
export interface FleetLimits {
  readonly restartsPerHour: number;
  readonly diagnosesPerHour: number;
  readonly spendPerDayUsd: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Reserved for a question without an answer yet, US dollars; see RESERVED_PER_QUESTION_USD in claude-limits.ts. */
const RESERVED_USD = 0.05;
/** A question is answered or given up within this time. */
const ASKING_MS = 3 * 60_000;

/** How much may be used, by whom. Absent `agent`: all agents together. */
interface Allowance {
  readonly atMost: number;
  /** Epoch ms. */
  readonly since: number;
  readonly agent?: string;
}

/**
 * Runs `write` in a transaction in which the limit is not exceeded: agents that check it at the same time wait for each
 * other. Without the shared database, the agent has its share of the limit. Rejects with FleetLimitReached. If no other
 * agent can share the database, it only runs `write`.
 */
export function withinFleetLimit(
  current: CurrentDatabase,
  limits: FleetLimits | undefined,
  what: 'restarts' | 'questions',
  now: number,
  write: (trx: Database) => Promise<unknown>,
): Promise<unknown> {
  const { db, isShared, share, agent } = current;
  if (limits === undefined || (!isShared && share === undefined)) return write(db);
  const allowance = (kind: 'restarts' | 'questions' | 'dollars', limit: number, windowMs: number): Allowance =>
    share === undefined ? { atMost: limit, since: now - windowMs } : { ...shareOf(share, kind, limit, now), agent };
  return db.transaction().execute(async (trx) => {
    if (isShared) {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`container-doctor fleet ${what}`}, 0))`.execute(trx);
    }
    const reached =
      what === 'restarts'
        ? await restartLimit(trx, allowance('restarts', limits.restartsPerHour, HOUR_MS))
        : ((await questionLimit(trx, allowance('questions', limits.diagnosesPerHour, HOUR_MS))) ??
          (await spendLimit(trx, allowance('dollars', limits.spendPerDayUsd, DAY_MS), now)));
    if (reached !== undefined) throw new FleetLimitReached(reached);
    await write(trx);
  });
}

async function restartLimit(trx: Database, { atMost, since, agent }: Allowance): Promise<FleetLimit | undefined> {
  let attempts = trx.selectFrom('attempts').where('started_at', '>=', since);
  if (agent !== undefined) attempts = attempts.where('agent', '=', agent);
  const { restarts } = await attempts.select((eb) => eb.fn.countAll().as('restarts')).executeTakeFirstOrThrow();
  return Number(restarts) + 1 > atMost ? 'fleet_restart_limit' : undefined;
}

async function questionLimit(trx: Database, { atMost, since, agent }: Allowance): Promise<FleetLimit | undefined> {
  let asked = trx.selectFrom('asks').where('asked_at', '>=', since);
  if (agent !== undefined) asked = asked.where('agent', '=', agent);
  const { asks } = await asked.select((eb) => eb.fn.countAll().as('asks')).executeTakeFirstOrThrow();
  return Number(asks) + 1 > atMost ? 'fleet_hourly_cap' : undefined;
}

async function spendLimit(
  trx: Database,
  { atMost, since, agent }: Allowance,
  now: number,
): Promise<FleetLimit | undefined> {
  let requests = trx.selectFrom('claude_requests').where('requested_at', '>=', since);
  if (agent !== undefined) requests = requests.where('agent', '=', agent);
  const { spent } = await requests.select((eb) => eb.fn.sum('cost_usd').as('spent')).executeTakeFirstOrThrow();
  const { asking } = await trx
    .selectFrom('asks')
    .select((eb) => eb.fn.countAll().as('asking'))
    .where('asked_at', '>=', now - ASKING_MS)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('claude_requests')
            .select('id')
            .whereRef('claude_requests.incident_id', '=', 'asks.incident_id')
            .whereRef('claude_requests.requested_at', '>=', 'asks.asked_at'),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  const used = Number(spent ?? 0);
  const withReserve = used + Number(asking) * RESERVED_USD;
  return used >= atMost || (Number(asking) > 0 && withReserve >= atMost) ? 'fleet_daily_spend' : undefined;
}
