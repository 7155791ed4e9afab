import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { connectSqlite, migrateSqlite, openSqlite } from '../../../src/store/engines/sqlite.ts';
import { NOON, temporaryDirectory } from '../support.ts';

test('a transaction that reads before it writes does not fail because another process writes meanwhile', async () => {
  const path = join(await temporaryDirectory(), 'doctor.db');
  const agent = await migrateSqlite(openSqlite(path), () => NOON);
  const command = connectSqlite(new DatabaseSync(path, { timeout: 0 }));
  onTestFinished(() => Promise.all([agent.destroy(), command.destroy()]).then(() => undefined));
  const note = (name: string) => ({ agent: '', name, value: 'x' });

  await agent.transaction().execute(async (trx) => {
    await trx.selectFrom('notes').selectAll().execute();
    // It has to wait. With a time-out of 0, it fails at once.
    await expect(command.insertInto('notes').values(note('command')).execute()).rejects.toThrow(/locked/);
    await trx.insertInto('notes').values(note('agent')).execute();
  });
  await command.insertInto('notes').values(note('command')).execute();
  expect(await agent.selectFrom('notes').select('name').orderBy('name').execute()).toEqual([
    { name: 'agent' },
    { name: 'command' },
  ]);
});
