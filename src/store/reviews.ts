import {
  type Aftermath,
  type DecisionKind,
  type DecisionReason,
  HELD_BACK_REASONS,
  type Outcome,
  RESTART_REASONS,
  type Verdict,
} from '../domain/decision.ts';
import type { Diagnosis } from '../domain/diagnosis.ts';
import type { Detector, IncidentState } from '../domain/incident.ts';
import type { GivenVerdict, ReviewedCase, ReviewStore } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { shownRows } from './fleet-scope.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';
import { selectCases, storableText, traceOf } from './rows.ts';

/** Reasons of restarts, and of restarts that only a setting held back. */
export const REVIEWED_REASONS: readonly DecisionReason[] = [...RESTART_REASONS, ...HELD_BACK_REASONS];

const VERDICTS_SEEN = 'verdicts_seen';

export function createReviewStore(current: CurrentDatabase, queries: QueryRunner): ReviewStore {
  const { agent } = current;
  const metadata = createMetadata(current);
  return {
    async saveAftermath(incidentId, aftermath, at) {
      await queries.write('save the aftermath of an incident', () =>
        current.db
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
      return queries.write('save a verdict', () =>
        current.db.transaction().execute(async (trx) => {
          const known = await trx
            .selectFrom('incidents')
            .select('agent')
            .where(shownRows(current, 'agent'))
            .where('id', '=', incidentId)
            .where('decision_reason', 'is not', null)
            .executeTakeFirst();
          if (!known) return false;
          const given = { verdict, note: note === undefined ? null : storableText(note), reviewed_at: at };
          await trx
            .insertInto('reviews')
            .values({ agent: known.agent, incident_id: incidentId, ...given })
            .onConflict((conflict) => conflict.column('incident_id').doUpdateSet(given))
            .execute();
          return true;
        }),
      );
    },

    verdictsSince(time) {
      return queries.read('read new verdicts', async () => {
        const rows = await current.db
          .selectFrom('reviews')
          .innerJoin('incidents', 'incidents.id', 'reviews.incident_id')
          .select(['reviews.incident_id', 'reviews.verdict', 'reviews.note', 'reviews.reviewed_at'])
          .select(['incidents.diagnosis', 'incidents.trace_id', 'incidents.span_id'])
          .where('reviews.agent', '=', agent)
          .where('reviews.verdict', 'is not', null)
          .where('reviews.reviewed_at', '>', time)
          .orderBy('reviews.reviewed_at')
          .orderBy('reviews.incident_id')
          .execute();
        return rows.map((row): GivenVerdict => {
          const { model } = JSON.parse(row.diagnosis ?? '{}') as Partial<Diagnosis>;
          return {
            incidentId: row.incident_id,
            verdict: row.verdict as Verdict,
            ...(row.note !== null && { note: row.note }),
            at: row.reviewed_at ?? 0,
            ...(model !== undefined && { model }),
            ...traceOf(row),
          };
        });
      });
    },

    loadVerdictsSeen: () =>
      queries.read('read which verdicts were passed on', async () => {
        const at = await metadata.get(VERDICTS_SEEN);
        return at === undefined ? undefined : Number(at);
      }),

    async saveVerdictsSeen(at) {
      await queries.write('save which verdicts were passed on', () => metadata.set(VERDICTS_SEEN, String(at)));
    },

    judgedDiagnoses(limit) {
      return queries.read('read the judged diagnoses', async () => {
        const rows = await current.db
          .selectFrom('reviews')
          .innerJoin('incidents', 'incidents.id', 'reviews.incident_id')
          .select(['incidents.diagnosis', 'reviews.verdict'])
          .where(shownRows(current, 'reviews.agent'))
          .where('reviews.verdict', 'is not', null)
          .where('incidents.diagnosis', 'is not', null)
          .orderBy('reviews.reviewed_at', 'desc')
          .limit(limit)
          .execute();
        return rows.map(({ diagnosis, verdict }) => ({
          diagnosis: JSON.parse(diagnosis ?? '{}') as Diagnosis,
          verdict: verdict as Verdict,
        }));
      });
    },

    reviewedCases(limit) {
      return queries.read('read the reviewed cases', async () => {
        const rows = await selectCases(current.db)
          .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
          .select(['reviews.aftermath', 'reviews.verdict', 'reviews.note'])
          .where('incidents.agent', '=', agent)
          .where((eb) =>
            // The latest decision after a restart may have another reason, such as `restart_limit`.
            eb.or([eb('incidents.decision_reason', 'in', REVIEWED_REASONS), eb('attempts.id', 'is not', null)]),
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
