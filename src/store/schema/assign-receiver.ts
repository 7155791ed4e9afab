import type { Database } from './tables.ts';

/**
 * Gives the alerts of versions before `0003-outbox-receivers` to the receiver that is configured now, so that each
 * pending one is sent exactly once. Not part of the migration: agents that share a database have different receivers.
 */
export async function assignReceiver(db: Database, agent: string, receiver: string): Promise<void> {
  await db.updateTable('outbox').set({ receiver }).where('agent', '=', agent).where('receiver', '=', '').execute();
}
