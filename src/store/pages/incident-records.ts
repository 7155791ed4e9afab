import type { AlertKind } from '../../domain/alert.ts';
import type { DecisionKind, DecisionReason, Gate } from '../../domain/decision.ts';
import type { ClaudeOutcome } from '../../domain/model-failures.ts';
import type { IncidentEvidence, IncidentRecords, StoredQuestion } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import { attemptOf } from '../rows.ts';

/** Most incidents have a handful of each. */
const LIMIT = 50;

/** Everything that was recorded while an incident was handled. */
export async function readIncidentRecords(current: CurrentDatabase, id: string): Promise<IncidentRecords> {
  const { db } = current;
  const decisions = await db
    .selectFrom('decisions')
    .selectAll()
    .where('incident_id', '=', id)
    .orderBy('decided_at')
    .orderBy('id')
    .limit(LIMIT)
    .execute();
  const questions = await db
    .selectFrom('questions')
    .selectAll()
    .where('incident_id', '=', id)
    .orderBy('asked_at', 'desc')
    .limit(LIMIT)
    .execute();
  const requests = await db
    .selectFrom('claude_requests')
    .selectAll()
    .where(shownRows(current, 'agent'))
    .where('incident_id', '=', id)
    .orderBy('requested_at', 'desc')
    .limit(LIMIT)
    .execute();
  const attempts = await db
    .selectFrom('attempts')
    .selectAll()
    .where('incident_id', '=', id)
    .orderBy('started_at', 'desc')
    .limit(LIMIT)
    .execute();
  const alerts = await db
    .selectFrom('alerts')
    .selectAll()
    .where('incident_id', '=', id)
    .orderBy('created_at', 'desc')
    .orderBy('receiver')
    .limit(LIMIT)
    .execute();
  const evidence = await db.selectFrom('evidence').select('evidence').where('incident_id', '=', id).executeTakeFirst();

  return {
    decisions: decisions.map((row) => ({
      at: row.decided_at,
      kind: row.kind as DecisionKind,
      reason: row.reason as DecisionReason,
      gates: JSON.parse(row.gates) as Gate[],
      ...(row.detail !== null && { because: row.detail }),
    })),
    questions: questions.reverse().map((row) => ({
      incidentId: row.incident_id,
      at: row.asked_at,
      model: row.model,
      strength: row.strength as StoredQuestion['strength'],
      text: row.question,
    })),
    requests: requests.reverse().map((row) => ({
      at: row.requested_at,
      incidentId: row.incident_id,
      containerName: row.container_name,
      model: row.model,
      outcome: row.outcome as ClaudeOutcome,
      tokens: {
        input: row.input_tokens,
        output: row.output_tokens,
        cacheRead: row.cache_read_tokens,
        cacheWrite: row.cache_write_tokens,
      },
      costUsd: row.cost_usd,
    })),
    attempts: attempts.reverse().map(attemptOf),
    alerts: alerts.reverse().map((row) => ({
      id: row.alert_id,
      kind: row.kind as AlertKind,
      receiver: row.receiver,
      at: row.created_at,
      state: row.state,
      ...(row.finished_at !== null && { finishedAt: row.finished_at }),
      ...(row.error !== null && { error: row.error }),
    })),
    ...(evidence !== undefined && { evidence: JSON.parse(evidence.evidence) as IncidentEvidence }),
  };
}
