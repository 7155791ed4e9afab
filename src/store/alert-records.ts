/** Which alerts were sent for an incident. These records are kept as long as the incident, longer than the outbox. */
import type { Alert } from '../domain/alert.ts';
import type { Database } from './schema/tables.ts';

export interface Delivery {
  readonly alertId: string;
  readonly receiver: string;
}

export interface AlertEnd {
  readonly state: 'sent' | 'dropped';
  readonly finished_at: number;
  readonly last_error: string | null;
}

export async function recordAlert(
  trx: Database,
  agent: string,
  { id, incident, kind, at }: Alert,
  receivers: readonly string[],
): Promise<void> {
  const alert = { alert_id: id, agent, incident_id: incident.id, kind, created_at: at };
  await trx
    .insertInto('alerts')
    .values([...new Set(receivers)].map((receiver) => ({ ...alert, receiver, state: 'pending' as const })))
    .onConflict((conflict) => conflict.columns(['alert_id', 'receiver']).doNothing())
    .execute();
}

export async function recordAlertEnd(trx: Database, delivery: Delivery, end: AlertEnd): Promise<void> {
  await trx
    .updateTable('alerts')
    .set({ state: end.state, finished_at: end.finished_at, error: end.last_error })
    .where('alert_id', '=', delivery.alertId)
    .where('receiver', '=', delivery.receiver)
    .where('state', '=', 'pending')
    .execute();
}
