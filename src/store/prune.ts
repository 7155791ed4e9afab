import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Guard } from './guard.ts';
import { RESTARTED } from './history.ts';
import type { Place } from './place.ts';
import type { Database } from './schema.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long what is done with is kept. Open incidents and pending alerts are never pruned. */
export interface Retention {
  readonly resolvedIncidentsMs: number;
  readonly maxResolvedIncidents: number;
  /** Of asks, requests and restarts. At least as long as the longest window that a limit looks back over. */
  readonly ledgerMs: number;
  /** Of alerts sent or dropped. An alert enqueued again later than this would be sent again. */
  readonly sentAlertsMs: number;
}

export const DEFAULT_RETENTION: Retention = {
  // A quarter: "did we have this before?" is asked about the last release or two.
  resolvedIncidentsMs: 90 * DAY_MS,
  // About 3 KB each with diagnosis and labels: some 30 MB.
  maxResolvedIncidents: 10_000,
  ledgerMs: 90 * DAY_MS,
  sentAlertsMs: 7 * DAY_MS,
};

/** Rows deleted. */
export interface Pruned {
  readonly incidents: number;
  readonly attempts: number;
  readonly ledger: number;
  readonly alerts: number;
}

/** Each batch is one transaction: some milliseconds, and then others have their turn. */
const BATCH_ROWS = 200;

/**
 * Deletes what is older than `retention` allows, oldest first. Diagnoses and restarts that go are added to the
 * totals. Aborting `signal` stops it between two batches.
 */
export async function prune(
  place: Place,
  guard: Guard,
  options: { now: number; retention: Retention; signal?: AbortSignal },
): Promise<Pruned> {
  const { agent } = place;
  const { now, retention, signal } = options;

  async function inBatches(what: string, deleteBatch: (trx: Database) => Promise<number>): Promise<number> {
    let total = 0;
    while (!signal?.aborted) {
      const deleted = await guard.write(`prune ${what}`, () => place.db.transaction().execute(deleteBatch));
      total += deleted;
      if (deleted < BATCH_ROWS) break;
      await nextTurn();
    }
    return total;
  }

  const oldIncidents = await inBatches('old incidents', async (trx) => {
    const rows = await trx
      .selectFrom('incidents')
      .select(['id', 'diagnosed_at'])
      .where('agent', '=', agent)
      .where('state', '=', 'resolved')
      .where('resolved_at', '<', now - retention.resolvedIncidentsMs)
      .orderBy('resolved_at')
      .limit(BATCH_ROWS)
      .execute();
    return deleteIncidents(trx, agent, rows);
  });
  const surplusIncidents = await inBatches('surplus incidents', async (trx) => {
    const { resolved } = await trx
      .selectFrom('incidents')
      .select((eb) => eb.fn.countAll().as('resolved'))
      .where('agent', '=', agent)
      .where('state', '=', 'resolved')
      .executeTakeFirstOrThrow();
    const surplus = Number(resolved) - retention.maxResolvedIncidents;
    if (surplus <= 0) return 0;
    const rows = await trx
      .selectFrom('incidents')
      .select(['id', 'diagnosed_at'])
      .where('agent', '=', agent)
      .where('state', '=', 'resolved')
      .orderBy('resolved_at')
      .orderBy('id')
      .limit(Math.min(surplus, BATCH_ROWS))
      .execute();
    return deleteIncidents(trx, agent, rows);
  });

  const attempts = await inBatches('old restarts', (trx) => deleteAttempts(trx, agent, now - retention.ledgerMs));

  const asks = await inBatches('old asks', async (trx) => {
    const old = trx
      .selectFrom('asks')
      .select('id')
      .where('agent', '=', agent)
      .where('asked_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('asks').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });
  const requests = await inBatches('old requests', async (trx) => {
    const old = trx
      .selectFrom('claude_requests')
      .select('id')
      .where('agent', '=', agent)
      .where('requested_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('claude_requests').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });

  const alerts = await inBatches('alerts that are out', async (trx) => {
    const old = trx
      .selectFrom('outbox')
      .select('alert_id')
      .where('agent', '=', agent)
      .where('state', '<>', 'pending')
      .where('finished_at', '<', now - retention.sentAlertsMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('outbox').where('alert_id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });

  return { incidents: oldIncidents + surplusIncidents, attempts, ledger: asks + requests, alerts };
}

async function deleteIncidents(
  trx: Database,
  agent: string,
  rows: readonly { id: string; diagnosed_at: number | null }[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const diagnosed = rows.filter((row) => row.diagnosed_at !== null).length;
  if (diagnosed > 0) {
    await trx
      .insertInto('pruned_diagnoses')
      .values({ agent, diagnoses: diagnosed })
      .onConflict((conflict) =>
        conflict
          .column('agent')
          .doUpdateSet((eb) => ({ diagnoses: eb('pruned_diagnoses.diagnoses', '+', eb.ref('excluded.diagnoses')) })),
      )
      .execute();
  }
  const ids = rows.map((row) => row.id);
  await trx.deleteFrom('reviews').where('incident_id', 'in', ids).execute();
  await trx.deleteFrom('incidents').where('id', 'in', ids).execute();
  return rows.length;
}

async function deleteAttempts(trx: Database, agent: string, before: number): Promise<number> {
  const rows = await trx
    .selectFrom('attempts')
    .select(['id', 'container_name', 'outcome'])
    .where('agent', '=', agent)
    .where('started_at', '<', before)
    .orderBy('started_at')
    .limit(BATCH_ROWS)
    .execute();
  if (rows.length === 0) return 0;
  const restarts = new Map<string, number>();
  for (const { container_name: name, outcome } of rows) {
    if (RESTARTED.some((restarted) => restarted === outcome)) restarts.set(name, (restarts.get(name) ?? 0) + 1);
  }
  if (restarts.size > 0) {
    await trx
      .insertInto('pruned_restarts')
      .values(Array.from(restarts, ([container_name, count]) => ({ agent, container_name, restarts: count })))
      .onConflict((conflict) =>
        conflict
          .columns(['agent', 'container_name'])
          .doUpdateSet((eb) => ({ restarts: eb('pruned_restarts.restarts', '+', eb.ref('excluded.restarts')) })),
      )
      .execute();
  }
  const ids = rows.map((row) => row.id);
  await trx.deleteFrom('attempts').where('id', 'in', ids).execute();
  return rows.length;
}
