import type { Alert } from '../domain/alert.ts';
import type { Incident } from '../domain/incident.ts';
import type { FollowedIncidents, ReceiverMemory } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';
import { caseOf, NO_PROJECT, selectCases, storableText } from './rows.ts';
import type { Database } from './schema/tables.ts';

/** Which receivers follow which incidents, and what they remember of them. */
export function createFollowedIncidents(
  current: CurrentDatabase,
  queries: QueryRunner,
  now: () => number,
): FollowedIncidents & ReceiverMemory {
  const { agent } = current;
  const metadata = createMetadata(current);
  const noteName = (receiver: string, name: string) => `receiver.${receiver}.${name}`;

  const followersOf = async (incidentId: string): Promise<readonly string[]> => {
    const rows = await current.db
      .selectFrom('followed_incidents')
      .select('receiver')
      .where('incident_id', '=', incidentId)
      .where('agent', '=', agent)
      .execute();
    return rows.map(({ receiver }) => receiver);
  };

  return {
    followersOf: (incidentId) => queries.read('read who follows an incident', () => followersOf(incidentId)),

    followedCase(incidentId) {
      return queries.read('read a followed incident', async () => {
        const followers = await followersOf(incidentId);
        if (followers.length === 0) return undefined;
        const row = await selectCases(current.db).where('incidents.id', '=', incidentId).executeTakeFirst();
        return row && { found: caseOf(row), followers };
      });
    },

    untoldResolutions() {
      return queries.read('read the ends that receivers do not know', async () => {
        const rows = await current.db
          .selectFrom('followed_incidents')
          .innerJoin('incidents', 'incidents.id', 'followed_incidents.incident_id')
          .select('followed_incidents.incident_id')
          .distinct()
          .where('followed_incidents.agent', '=', agent)
          .where('followed_incidents.resolved_at', 'is', null)
          .where('incidents.state', '=', 'resolved')
          .execute();
        return rows.map(({ incident_id }) => incident_id);
      });
    },

    recall(receiver, incidentId) {
      return queries.read("read a receiver's memory", async () => {
        const row = await current.db
          .selectFrom('followed_incidents')
          .select('value')
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('incident_id', '=', incidentId)
          .executeTakeFirst();
        return row?.value ?? undefined;
      });
    },

    async remember(receiver, incident, text) {
      const value = storableText(text);
      await queries.write("write a receiver's memory", () =>
        current.db
          .insertInto('followed_incidents')
          .values({ ...newRow(agent, receiver, incident, now()), value })
          .onConflict((conflict) => conflict.columns(['agent', 'receiver', 'incident_id']).doUpdateSet({ value }))
          .execute(),
      );
    },

    recallNote: (receiver, name) =>
      queries.read("read a receiver's memory", () => metadata.get(noteName(receiver, name))),

    async rememberNote(receiver, name, value) {
      await queries.write("write a receiver's memory", () =>
        metadata.set(noteName(receiver, name), storableText(value)),
      );
    },

    recallEarlier(receiver, incident, since) {
      return queries.read("read a receiver's memory", async () => {
        const { project, service, fingerprint } = problemOf(incident);
        const row = await current.db
          .selectFrom('followed_incidents')
          .select(['incident_id', 'value'])
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('project', '=', project)
          .where('service', '=', service)
          .where('fingerprint', '=', fingerprint)
          .where('incident_id', '<>', incident.id)
          .where('value', 'is not', null)
          .where((eb) => eb.or([eb('resolved_at', 'is', null), eb('resolved_at', '>=', since)]))
          .orderBy('since', 'desc')
          .orderBy('incident_id', 'desc')
          .limit(1)
          .executeTakeFirst();
        return row?.value == null ? undefined : { incidentId: row.incident_id, value: row.value };
      });
    },

    recallOpen(receiver) {
      return queries.read("read a receiver's memory", async () => {
        const rows = await current.db
          .selectFrom('followed_incidents')
          .select(['incident_id', 'value'])
          .where('agent', '=', agent)
          .where('receiver', '=', receiver)
          .where('resolved_at', 'is', null)
          .where('value', 'is not', null)
          .orderBy('since')
          .orderBy('incident_id')
          .execute();
        return rows.flatMap(({ incident_id, value }) => (value === null ? [] : [{ incidentId: incident_id, value }]));
      });
    },
  };
}

/** The receivers follow the incident from now on, or know its end if the alert is about that. */
export async function follow(
  trx: Database,
  agent: string,
  { kind, incident }: Alert,
  receivers: readonly string[],
  now: number,
): Promise<void> {
  if (receivers.length === 0) return;
  const resolved = kind === 'resolved' ? { resolved_at: now } : {};
  await trx
    .insertInto('followed_incidents')
    .values([...new Set(receivers)].map((receiver) => ({ ...newRow(agent, receiver, incident, now), ...resolved })))
    .onConflict((conflict) => {
      const known = conflict.columns(['agent', 'receiver', 'incident_id']);
      return kind === 'resolved' ? known.doUpdateSet(resolved) : known.doNothing();
    })
    .execute();
}

/** The receiver has accepted an alert. If it follows the incident, it has a message about it from now on. */
export async function markShown(
  trx: Database,
  agent: string,
  { alertId, receiver }: { readonly alertId: string; readonly receiver: string },
  at: number,
): Promise<void> {
  await trx
    .updateTable('followed_incidents')
    .set({ shown_at: at })
    .where('agent', '=', agent)
    .where('receiver', '=', receiver)
    .where('shown_at', 'is', null)
    .where('incident_id', '=', (eb) =>
      eb
        .selectFrom('outbox')
        .select('incident_id')
        .where('alert_id', '=', alertId)
        .where('receiver', '=', receiver)
        .limit(1),
    )
    .execute();
}

function newRow(agent: string, receiver: string, incident: Incident, now: number) {
  return { agent, receiver, incident_id: incident.id, ...problemOf(incident), since: now };
}

function problemOf({ container, fingerprint }: Incident) {
  return { project: container.project ?? NO_PROJECT, service: container.service, fingerprint };
}
