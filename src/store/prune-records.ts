/** Deletes the records that the pages show. */
import type { Database } from './schema/tables.ts';

/**
 * How many incidents keep their details, the newest: a question has about 20 KB, evidence and the gates of a decision
 * about 4 KB each. Together at most about 40 MB; usually a tenth of that.
 */
const KEPT = { questions: 1_000, evidence: 2_000, gates: 3_000 } as const;

/** Deletes the records of incidents that are deleted. */
export async function deleteRecords(trx: Database, incidentIds: readonly string[]): Promise<void> {
  for (const table of ['decisions', 'questions', 'evidence', 'alerts'] as const) {
    await trx.deleteFrom(table).where('incident_id', 'in', incidentIds).execute();
  }
}

interface Pruning {
  readonly what: string;
  /** Changes at most a batch of rows, and returns how many. */
  change(trx: Database): Promise<number>;
}

/** The records that are deleted although their incident is kept. */
export function recordPruning(options: {
  readonly agent: string;
  readonly before: number;
  readonly batch: number;
}): readonly Pruning[] {
  const { agent, before, batch } = options;
  return [
    {
      what: 'delete old questions',
      async change(trx) {
        const old = trx
          .selectFrom('questions')
          .select('id')
          .where('agent', '=', agent)
          .orderBy('asked_at', 'desc')
          .offset(KEPT.questions)
          .limit(batch);
        const { numDeletedRows } = await trx.deleteFrom('questions').where('id', 'in', old).executeTakeFirst();
        return Number(numDeletedRows);
      },
    },
    {
      what: 'delete old evidence',
      async change(trx) {
        const old = trx
          .selectFrom('evidence')
          .select('incident_id')
          .where('agent', '=', agent)
          .orderBy('collected_at', 'desc')
          .offset(KEPT.evidence)
          .limit(batch);
        const { numDeletedRows } = await trx.deleteFrom('evidence').where('incident_id', 'in', old).executeTakeFirst();
        return Number(numDeletedRows);
      },
    },
    {
      what: 'delete old gates',
      async change(trx) {
        const old = trx
          .selectFrom('decisions')
          .select('id')
          .where('agent', '=', agent)
          .where('gates', '<>', '[]')
          .orderBy('decided_at', 'desc')
          .offset(KEPT.gates)
          .limit(batch);
        const { numUpdatedRows } = await trx
          .updateTable('decisions')
          .set({ gates: '[]' })
          .where('id', 'in', old)
          .executeTakeFirst();
        return Number(numUpdatedRows);
      },
    },
    {
      what: 'delete old events of the timeline',
      async change(trx) {
        const old = trx
          .selectFrom('timeline_events')
          .select('id')
          .where('agent', '=', agent)
          .where('ended_at', '<', before)
          .limit(batch);
        const { numDeletedRows } = await trx.deleteFrom('timeline_events').where('id', 'in', old).executeTakeFirst();
        return Number(numDeletedRows);
      },
    },
  ];
}
