/**
 * What one agent may use of the limits of all agents while it cannot read what the others use: an equal part of what was
 * left. When what was used then no longer counts, an equal part of the whole limit.
 */
import { sql } from 'kysely';
import type { Database } from './schema/tables.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface FleetShare {
  /** Epoch ms. */
  readonly readAt: number;
  /** That may be using a share: those that were seen on the last day, since an agent may start from a file that old. */
  readonly agents: number;
  /** Of all agents, in the hour or day before `readAt`. */
  readonly used: { readonly restarts: number; readonly questions: number; readonly dollars: number };
}

export async function readFleetShare(db: Database, agent: string, now: number): Promise<FleetShare> {
  const { rows } = await sql<Record<'agents' | 'restarts' | 'questions' | 'dollars', number | null>>`SELECT
    (SELECT count(*) FROM agents WHERE agent <> ${agent} AND seen_at >= ${now - DAY_MS}) AS agents,
    (SELECT count(*) FROM attempts WHERE started_at >= ${now - HOUR_MS}) AS restarts,
    (SELECT count(*) FROM asks WHERE asked_at >= ${now - HOUR_MS}) AS questions,
    (SELECT sum(cost_usd) FROM claude_requests WHERE requested_at >= ${now - DAY_MS}) AS dollars`.execute(db);
  const [row] = rows;
  const number = (value: number | null | undefined) => Number(value ?? 0);
  return {
    readAt: now,
    agents: number(row?.agents) + 1,
    used: {
      restarts: number(row?.restarts),
      questions: number(row?.questions),
      dollars: number(row?.dollars),
    },
  };
}

/** How much this agent may use, and since when its own use counts. */
export function shareOf(
  { readAt, agents, used }: FleetShare,
  what: keyof FleetShare['used'],
  limit: number,
  now: number,
): { readonly atMost: number; readonly since: number } {
  const windowMs = what === 'dollars' ? DAY_MS : HOUR_MS;
  const isOver = now - readAt >= windowMs;
  return {
    atMost: Math.max(0, isOver ? limit : limit - used[what]) / agents,
    // After the clock was set back, more counts rather than less.
    since: isOver || now < readAt ? now - windowMs : readAt,
  };
}
