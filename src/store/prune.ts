import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../lib/log.ts';
import type { CurrentDatabase } from './current-database.ts';
import { RESTARTED } from './history.ts';
import { deleteRecords, recordPruning } from './prune-records.ts';
import type { QueryRunner } from './query-runner.ts';
import type { Database } from './schema/tables.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long finished rows are kept. Open incidents and pending alerts are never deleted. */
export interface Retention {
  readonly resolvedIncidentsMs: number;
  readonly maxResolvedIncidents: number;
  /** For asks, requests and restart attempts. Must not be shorter than the longest window of a limit. */
  readonly ledgerMs: number;
  /** For alerts that were sent or dropped. If the same alert is enqueued again after this time, it is sent again. */
  readonly finishedAlertsMs: number;
}

export const DEFAULT_RETENTION: Retention = {
  // Three months: people compare an incident with those of the last release or two.
  resolvedIncidentsMs: 90 * DAY_MS,
  // About 30 MB: an incident with its diagnosis and labels takes about 3 KB.
  maxResolvedIncidents: 10_000,
  ledgerMs: 90 * DAY_MS,
  finishedAlertsMs: 7 * DAY_MS,
};

/** Equals the time that an alert waits for a configured receiver that fails (MAX_AGE_MS in receiver-queue.ts). */
const UNDELIVERABLE_AFTER_MS = DAY_MS;

/** Longer than an alert is held for a message about several hosts. */
const FLEET_MESSAGES_MS = 7 * DAY_MS;

/** Numbers of deleted rows. */
export interface Pruned {
  readonly incidents: number;
  readonly attempts: number;
  readonly ledger: number;
  readonly alerts: number;
}

/** The most rows per transaction, which takes a few milliseconds. Other queries run between transactions. */
const BATCH_ROWS = 200;

/**
 * Deletes rows that are older than `retention` allows, and the oldest resolved incidents beyond the maximum. Deleted
 * diagnoses and restarts are added to the totals.
 *
 * Alerts that have been due for a day are dropped if their receiver is not configured. If `signal` aborts, pruning
 * stops after the current transaction.
 */
export async function prune(
  current: CurrentDatabase,
  queries: QueryRunner,
  options: {
    readonly now: number;
    readonly retention: Retention;
    /** Names of the configured receivers. */
    readonly receivers: readonly string[];
    readonly logger: Logger;
    readonly signal?: AbortSignal;
  },
): Promise<Pruned> {
  const { agent } = current;
  const { now, retention, receivers, logger, signal } = options;

  /** Repeats `change` until it changes less than a full batch. `change` returns the number of rows that it changed. */
  async function inBatches(what: string, change: (trx: Database) => Promise<number>): Promise<number> {
    let total = 0;
    while (!signal?.aborted) {
      const changed = await queries.write(what, () => current.db.transaction().execute(change));
      total += changed;
      if (changed < BATCH_ROWS) break;
      await nextTurn();
    }
    return total;
  }

  const oldIncidents = await inBatches('delete old incidents', async (trx) => {
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
  const excessIncidents = await inBatches('delete incidents beyond the maximum', async (trx) => {
    const { resolved } = await trx
      .selectFrom('incidents')
      .select((eb) => eb.fn.countAll().as('resolved'))
      .where('agent', '=', agent)
      .where('state', '=', 'resolved')
      .executeTakeFirstOrThrow();
    const excess = Number(resolved) - retention.maxResolvedIncidents;
    if (excess <= 0) return 0;
    const rows = await trx
      .selectFrom('incidents')
      .select(['id', 'diagnosed_at'])
      .where('agent', '=', agent)
      .where('state', '=', 'resolved')
      .orderBy('resolved_at')
      .orderBy('id')
      .limit(Math.min(excess, BATCH_ROWS))
      .execute();
    return deleteIncidents(trx, agent, rows);
  });

  // Rows of incidents that were never stored.
  await inBatches('delete what receivers remember', async (trx) => {
    const old = trx
      .selectFrom('followed_incidents')
      .select(['agent', 'receiver', 'incident_id'])
      .where('agent', '=', agent)
      .where('since', '<', now - retention.resolvedIncidentsMs)
      .where((eb) =>
        eb.not(
          eb.exists(
            eb.selectFrom('incidents').select('id').whereRef('incidents.id', '=', 'followed_incidents.incident_id'),
          ),
        ),
      )
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx
      .deleteFrom('followed_incidents')
      .where((eb) =>
        eb(eb.refTuple('agent', 'receiver', 'incident_id'), 'in', old.$asTuple('agent', 'receiver', 'incident_id')),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  });

  const attempts = await inBatches('delete old restart attempts', (trx) =>
    deleteAttempts(trx, agent, now - retention.ledgerMs),
  );

  const asks = await inBatches('delete old asks', async (trx) => {
    const old = trx
      .selectFrom('asks')
      .select('id')
      .where('agent', '=', agent)
      .where('asked_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('asks').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });
  const requests = await inBatches('delete old requests', async (trx) => {
    const old = trx
      .selectFrom('claude_requests')
      .select('id')
      .where('agent', '=', agent)
      .where('requested_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('claude_requests').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });

  for (const { what, change } of recordPruning({ agent, before: now - retention.ledgerMs, batch: BATCH_ROWS })) {
    await inBatches(what, change);
  }
  await inBatches('delete old requests for restarts', async (trx) => {
    const old = trx
      .selectFrom('restart_requests')
      .select('id')
      .where('agent', '=', agent)
      .where('state', '<>', 'waiting')
      .where('requested_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('restart_requests').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });
  await inBatches('delete old snoozes', async (trx) => {
    const old = trx
      .selectFrom('snoozes')
      .select('id')
      .where('agent', '=', agent)
      .where('ended_at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('snoozes').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });
  await inBatches('delete the old audit', async (trx) => {
    const old = trx
      .selectFrom('audit')
      .select('id')
      .where('agent', '=', agent)
      .where('at', '<', now - retention.ledgerMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx.deleteFrom('audit').where('id', 'in', old).executeTakeFirst();
    return Number(numDeletedRows);
  });

  if (current.isShared) {
    await inBatches('delete old problems of several hosts', async (trx) => {
      const old = trx
        .selectFrom('fleet_messages')
        .select('name')
        .where('at', '<', now - FLEET_MESSAGES_MS)
        .limit(BATCH_ROWS);
      const { numDeletedRows } = await trx.deleteFrom('fleet_messages').where('name', 'in', old).executeTakeFirst();
      return Number(numDeletedRows);
    });
  }

  const dropped = new Map<string, number>();
  await inBatches('drop undeliverable alerts', async (trx) => {
    const names = await dropUndeliverable(trx, { agent, receivers, now });
    for (const name of names) dropped.set(name, (dropped.get(name) ?? 0) + 1);
    return names.length;
  });
  for (const [receiver, count] of dropped) {
    logger.error('alerts were dropped: their receiver is no longer configured', { receiver, alerts: count });
  }
  const alerts = await inBatches('delete old finished alerts', async (trx) => {
    const old = trx
      .selectFrom('outbox')
      .select(['alert_id', 'receiver'])
      .where('agent', '=', agent)
      .where('state', '<>', 'pending')
      .where('finished_at', '<', now - retention.finishedAlertsMs)
      .limit(BATCH_ROWS);
    const { numDeletedRows } = await trx
      .deleteFrom('outbox')
      .where((eb) => eb(eb.refTuple('alert_id', 'receiver'), 'in', old.$asTuple('alert_id', 'receiver')))
      .executeTakeFirst();
    return Number(numDeletedRows);
  });

  return { incidents: oldIncidents + excessIncidents, attempts, ledger: asks + requests, alerts };
}

/** Returns the receiver of each dropped alert. */
async function dropUndeliverable(
  trx: Database,
  { agent, receivers, now }: { agent: string; receivers: readonly string[]; now: number },
): Promise<string[]> {
  let overdue = trx
    .selectFrom('outbox')
    .select(['alert_id', 'receiver'])
    .where('agent', '=', agent)
    .where('state', '=', 'pending')
    .where('next_at', '<', now - UNDELIVERABLE_AFTER_MS)
    .limit(BATCH_ROWS);
  if (receivers.length > 0) overdue = overdue.where('receiver', 'not in', receivers);
  const rows = await overdue.execute();
  for (const { alert_id, receiver } of rows) {
    await trx
      .updateTable('outbox')
      .set({ state: 'dropped', finished_at: now, last_error: 'its receiver is no longer configured' })
      .where('alert_id', '=', alert_id)
      .where('receiver', '=', receiver)
      .execute();
  }
  return rows.map(({ receiver }) => receiver);
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
  await deleteRecords(trx, ids);
  await trx.deleteFrom('followed_incidents').where('incident_id', 'in', ids).execute();
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
