import { existsSync } from 'node:fs';
import { Kysely, PostgresDialect } from 'kysely';
import {
  type Aftermath,
  type DecisionKind,
  type DecisionReason,
  type Detector,
  HELD_BACK_REASONS,
  type IncidentState,
  type Outcome,
  type Verdict,
} from '../domain.ts';
import { StoreError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ReviewedCase, ReviewStore } from '../pipeline/ports.ts';
import { agentOf, type Where } from './backend.ts';
import { createConnection } from './connection.ts';
import { databasePath } from './directory.ts';
import { createGuard, type Faults, type Guard } from './guard.ts';
import type { Place } from './place.ts';
import { isPostgresDamage, isPostgresOutage } from './postgres.ts';
import { plainText, selectCases } from './rows.ts';
import type { Database, Schema } from './schema.ts';
import { isCorruption, isOutage, nodeSqliteDialect, openSqlite } from './sqlite.ts';

const WHY_REVIEWED: readonly DecisionReason[] = ['restart_allowed', ...HELD_BACK_REASONS];

export function createReviewStore(place: Place, guard: Guard): ReviewStore {
  const { agent } = place;
  return {
    async saveAftermath(incidentId, aftermath, at) {
      await guard.write('save what became of an incident', () =>
        place.db
          .insertInto('reviews')
          .values({ agent, incident_id: incidentId, aftermath, aftermath_at: at })
          .onConflict((conflict) =>
            conflict
              .column('incident_id')
              .doUpdateSet({ aftermath, aftermath_at: at })
              .where('reviews.aftermath', 'is', null),
          )
          .execute(),
      );
    },

    saveVerdict(incidentId, { verdict, note, at }) {
      return guard.write('save a verdict', () =>
        place.db.transaction().execute(async (trx) => {
          const known = await trx
            .selectFrom('incidents')
            .select('id')
            .where('agent', '=', agent)
            .where('id', '=', incidentId)
            .where('decision_reason', 'is not', null)
            .executeTakeFirst();
          if (!known) return false;
          const given = { verdict, note: note === undefined ? null : plainText(note), reviewed_at: at };
          await trx
            .insertInto('reviews')
            .values({ agent, incident_id: incidentId, ...given })
            .onConflict((conflict) => conflict.column('incident_id').doUpdateSet(given))
            .execute();
          return true;
        }),
      );
    },

    reviewedCases(limit) {
      return guard.read('read the cases to review', async () => {
        const rows = await selectCases(place.db)
          .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
          .select(['reviews.aftermath', 'reviews.verdict', 'reviews.note'])
          .where('incidents.agent', '=', agent)
          .where((eb) =>
            // The last decision for an incident that was restarted may be that the limit is reached.
            eb.or([eb('incidents.decision_reason', 'in', WHY_REVIEWED), eb('attempts.id', 'is not', null)]),
          )
          .orderBy('incidents.decided_at', 'desc')
          .orderBy('incidents.id', 'desc')
          .limit(limit)
          .execute();
        return rows.reverse().map(
          (row): ReviewedCase => ({
            incidentId: row.id,
            containerName: row.container_name,
            detector: row.detector as Detector,
            summary: row.summary,
            decidedAt: row.decided_at ?? row.opened_at,
            decision: { kind: row.decision_kind as DecisionKind, reason: row.decision_reason as DecisionReason },
            state: row.state as IncidentState,
            ...(row.attempt_outcome !== null && { outcome: row.attempt_outcome as Outcome }),
            ...(row.aftermath !== null && { aftermath: row.aftermath as Aftermath }),
            ...(row.verdict !== null && { verdict: row.verdict as Verdict }),
            ...(row.note !== null && { note: row.note }),
          }),
        );
      });
    },
  };
}

/**
 * For a command beside a running agent: the reviews alone, without the agent's lock. Throws a StoreError
 * `missing` where there is no store yet, or one that an older program wrote, and `unavailable` where a shared
 * database cannot be reached.
 */
export async function openReviews(where: Where, logger: Logger): Promise<ReviewStore & { close(): Promise<void> }> {
  const { db, faults, name } = openBeside(where);
  try {
    await db.selectFrom('reviews').select('incident_id').limit(1).execute();
  } catch (error) {
    await db.destroy();
    if (!faults.isOutage(error)) {
      throw new StoreError(`the store in ${name} is of an older program: start the agent once`, 'missing', error);
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError(`${name} cannot be used: ${why}`, 'unavailable', error);
  }
  const guard = createGuard({ logger, ...faults });
  return {
    ...createReviewStore({ db, agent: agentOf(where) }, guard),
    async close() {
      await guard.drain();
      await db.destroy();
    },
  };
}

function openBeside(where: Where): { db: Database; faults: Faults; name: string } {
  if ('databaseUrl' in where) {
    const connection = createConnection({ url: where.databaseUrl, agent: where.agent, exclusive: false });
    const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: connection }) });
    return {
      db,
      faults: { isOutage: isPostgresOutage, isDamage: isPostgresDamage },
      name: 'the database of DATABASE_URL',
    };
  }
  const { dataDir } = where;
  const path = databasePath(dataDir);
  if (!existsSync(path)) throw new StoreError(`there is no store in ${dataDir} yet: the agent has not run`, 'missing');
  const db = new Kysely<Schema>({ dialect: nodeSqliteDialect(openSqlite(path)) });
  return { db, faults: { isOutage, isDamage: isCorruption }, name: dataDir };
}
