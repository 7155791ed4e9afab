import { sql } from 'kysely';
import { type FleetLimit, FleetLimitReached } from '../errors.ts';
import type { CurrentDatabase } from './current-database.ts';
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

/**
 * Runs `write` in a transaction in which the limit is not exceeded: agents that check it at the same time wait for each
 * other. Rejects with FleetLimitReached. Without other agents it only runs `write`.
 */
export function withinFleetLimit(
  { db, isShared }: CurrentDatabase,
  limits: FleetLimits | undefined,
  what: 'restarts' | 'questions',
  now: number,
  write: (trx: Database) => Promise<unknown>,
): Promise<unknown> {
  if (!isShared || limits === undefined) return write(db);
  return db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`container-doctor fleet ${what}`}, 0))`.execute(trx);
    const reached = what === 'restarts' ? await restartLimit(trx, limits, now) : await questionLimit(trx, limits, now);
    if (reached !== undefined) throw new FleetLimitReached(reached);
    await write(trx);
  });
}

async function restartLimit(trx: Database, limits: FleetLimits, now: number): Promise<FleetLimit | undefined> {
  const { restarts } = await trx
    .selectFrom('attempts')
    .select((eb) => eb.fn.countAll().as('restarts'))
    .where('started_at', '>=', now - HOUR_MS)
    .executeTakeFirstOrThrow();
  return Number(restarts) >= limits.restartsPerHour ? 'fleet_restart_limit' : undefined;
}

async function questionLimit(trx: Database, limits: FleetLimits, now: number): Promise<FleetLimit | undefined> {
  const { asks } = await trx
    .selectFrom('asks')
    .select((eb) => eb.fn.countAll().as('asks'))
    .where('asked_at', '>=', now - HOUR_MS)
    .executeTakeFirstOrThrow();
  if (Number(asks) >= limits.diagnosesPerHour) return 'fleet_hourly_cap';
  const { spent } = await trx
    .selectFrom('claude_requests')
    .select((eb) => eb.fn.sum('cost_usd').as('spent'))
    .where('requested_at', '>=', now - DAY_MS)
    .executeTakeFirstOrThrow();
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
  return used >= limits.spendPerDayUsd || (Number(asking) > 0 && withReserve >= limits.spendPerDayUsd)
    ? 'fleet_daily_spend'
    : undefined;
}
