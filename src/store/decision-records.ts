import type { ExplainedDecision } from '../pipeline/ports/store.ts';
import { storableText } from './rows.ts';
import type { Database } from './schema/tables.ts';

/** An incident that goes on for weeks may be decided about many times; the newest decisions matter. */
const KEPT = 20;

/** Adds a decision to the records of its incident, and deletes the oldest beyond the maximum. */
export async function recordDecision(
  trx: Database,
  made: {
    /** Unique. The same for a second try. */
    readonly id: string;
    readonly agent: string;
    readonly incidentId: string;
    readonly decision: ExplainedDecision;
    readonly at: number;
  },
): Promise<void> {
  const { id, agent, incidentId, decision, at } = made;
  await trx
    .insertInto('decisions')
    .values({
      id,
      agent,
      incident_id: incidentId,
      decided_at: at,
      kind: decision.kind,
      reason: decision.reason,
      detail: decision.because === undefined ? null : storableText(decision.because),
      gates: JSON.stringify(decision.gates ?? []),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const oldest = await trx
    .selectFrom('decisions')
    .select('decided_at')
    .where('incident_id', '=', incidentId)
    .orderBy('decided_at', 'desc')
    .offset(KEPT - 1)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return;
  await trx
    .deleteFrom('decisions')
    .where('incident_id', '=', incidentId)
    .where('decided_at', '<', oldest.decided_at)
    .execute();
}
