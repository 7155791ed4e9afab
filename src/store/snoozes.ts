import { type Selectable, type SqlBool, sql } from 'kysely';
import type { PeopleRecords, Snooze } from '../pipeline/ports/people.ts';
import type { CurrentDatabase } from './current-database.ts';
import { hostOfAgent, shownRows } from './fleet-scope.ts';
import type { QueryRunner } from './query-runner.ts';
import { actorOf, NO_PROJECT, projectOf, storableText } from './rows.ts';
import type { SnoozeTable } from './schema/tables.ts';

type SnoozeStore = Pick<PeopleRecords, 'snoozes' | 'unendedSnoozes' | 'saveSnooze' | 'saveHeldBack' | 'endSnooze'>;

export function createSnoozeStore(current: CurrentDatabase, queries: QueryRunner, now: () => number): SnoozeStore {
  const { agent } = current;
  const unended = (whose = sql<SqlBool>`agent = ${agent}`) =>
    current.db.selectFrom('snoozes').selectAll().where(whose).where('ended_at', 'is', null);
  return {
    snoozes(of) {
      return queries.read('read the snoozes', async () => {
        const rows = await unended(of && shownRows(current, 'agent'))
          .where('until_at', '>', now())
          .orderBy('since')
          .orderBy('id')
          .execute();
        return rows.map((row) => ({ ...snoozeOf(row), ...(of && hostOfAgent(row)) }));
      });
    },

    unendedSnoozes() {
      return queries.read('read the snoozes', async () => {
        const rows = await unended().orderBy('since').orderBy('id').execute();
        return rows.map(snoozeOf);
      });
    },

    async saveSnooze({ id, service, fingerprint, since, until, by, heldBack }) {
      await queries.write('save a snooze', () =>
        current.db
          .insertInto('snoozes')
          .values({
            id,
            agent,
            project: storableText(service.project ?? NO_PROJECT),
            service: storableText(service.service),
            fingerprint: fingerprint === undefined ? null : storableText(fingerprint),
            since,
            until_at: until,
            by_via: by.via,
            by_who: storableText(by.who),
            by_from: by.from === undefined ? null : storableText(by.from),
            held_back: heldBack,
            ended_at: null,
          })
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ until_at: until, held_back: heldBack }))
          .execute(),
      );
    },

    async saveHeldBack(counts) {
      if (counts.length === 0) return;
      await queries.write('save what snoozes have held back', () =>
        current.db.transaction().execute(async (trx) => {
          for (const { id, heldBack } of counts) {
            await trx.updateTable('snoozes').set({ held_back: heldBack }).where('id', '=', id).execute();
          }
        }),
      );
    },

    endSnooze(id, at) {
      return queries.write('end a snooze', async () => {
        const { numUpdatedRows } = await current.db
          .updateTable('snoozes')
          .set({ ended_at: at })
          .where('agent', '=', agent)
          .where('id', '=', id)
          .where('ended_at', 'is', null)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      });
    },
  };
}

export function snoozeOf(row: Selectable<SnoozeTable>): Snooze {
  return {
    id: row.id,
    service: { service: row.service, ...projectOf(row) },
    ...(row.fingerprint !== null && { fingerprint: row.fingerprint }),
    since: row.since,
    until: row.until_at,
    by: actorOf(row.by_via, row.by_who, row.by_from) ?? { via: 'page', who: row.by_who },
    heldBack: row.held_back,
  };
}
