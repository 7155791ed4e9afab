/** A real agent process whose PostgreSQL database goes away during an incident, and which is killed meanwhile. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { type DatabaseSwitch, databaseSwitch } from '../support/database-outage.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

const why = whyNoPostgres();

describe.skipIf(why !== undefined)(why === undefined ? 'without its database' : `without its database (${why})`, () => {
  let server: PostgresServer;
  let world: World;
  let database: DatabaseSwitch;
  beforeAll(async () => {
    server = await startPostgres();
    // The database goes away before Claude answers.
    world = await startWorld(() => ({ ...answer(SAFE), delayMs: 2_000 }));
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await world?.close();
    await server?.close();
  }, 60_000);

  it('an agent diagnoses, restarts and alerts, remembers it after a kill, and hands over once, also if killed then', async () => {
    const { engine, claude, slack } = world;
    const url = server.createDatabase();
    database = await databaseSwitch(url);
    const start = () => world.start({ DATABASE_URL: url, AGENT_NAME: 'web-1', MAX_RESTARTS_PER_HOUR: '1' });
    const posts = (text: string) => slack.posts.filter((post) => post.text.includes(text));
    const rows = (sql: string) => database.query(sql);
    const kill = async (doctor: Doctor) => {
      doctor.signal('SIGKILL');
      await doctor.exited;
    };

    let doctor = await start();
    const app = engine.addContainer({ name: 'app' });
    app.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await soon(() => (claude.requests.length === 1 ? true : undefined));
    await database.away();
    await soon(() => posts('incident ').find(({ text }) => text.includes('app')));
    expect(engine.count('restart', 'app')).toBe(1);
    expect(await doctor.health()).toMatchObject({
      status: 'degraded',
      store_healthy: true,
      database_away_since: expect.any(String),
    });
    await soon(() => posts('database is away')[0]);
    await eventually(async () => await expect.poll(() => doctor.metric('container_doctor_store_standby')).toBe(1));

    // The events of the restart are known to be handled. Otherwise the next run would read them as those of a person.
    await soon(async () => {
      const file = new DatabaseSync(path.join(doctor.dataDir, 'standby.db'), { readOnly: true });
      const saved = file.prepare(`SELECT cursor FROM cursors WHERE container_id = 'engine-events'`).get()?.cursor;
      file.close();
      const { last_event_at: last } = await doctor.health();
      return Date.parse(JSON.parse(String(saved)).at) >= Date.parse(String(last)) - 1_000 ? true : undefined;
    });
    await kill(doctor);
    doctor = await start();
    expect(await doctor.health()).toMatchObject({ store_healthy: true, database_away_since: expect.any(String) });
    expect((await doctor.history()).map(({ container }) => container)).toEqual(['app']);
    // The limit of one restart an hour holds, and the first problem is known.
    app.log('ERROR lost the leader election', { stream: 'stderr' });
    await soon(() => (claude.requests.length === 2 ? true : undefined));
    const decided = await soon(async () => {
      const all = await doctor.history();
      return all.every((one) => one.reason !== null) && all.length === 2 ? all : undefined;
    });
    expect(decided.map((one) => one.reason)).toEqual(['restart_allowed', 'restart_limit']);
    expect(engine.count('restart', 'app')).toBe(1);

    // It is killed in the middle of the copy.
    await database.hold('decisions');
    await database.back();
    await database.somebodyWaits();
    await kill(doctor);
    await database.letGo();
    expect(await rows('SELECT id FROM decisions')).toEqual([]);

    doctor = await start();
    expect(await doctor.health()).toMatchObject({ store_healthy: true, database_away_since: null });
    const count = async (table: string) => Number((await rows(`SELECT count(*) AS n FROM ${table}`))[0]?.n);
    expect(await count('incidents')).toBe(2);
    expect(await count('decisions')).toBe(2);
    expect(await count('asks')).toBe(2);
    expect(await count('claude_requests')).toBe(2);
    expect(await rows('SELECT outcome FROM attempts')).toEqual([{ outcome: 'recovered' }]);
    await soon(async () => ((await doctor.health()).outbox_pending === 0 ? true : undefined));
    expect(await rows(`SELECT DISTINCT state FROM outbox`)).toEqual([{ state: 'sent' }]);
    expect(await count('outbox')).toBe(posts('incident ').length);
    expect(posts('deadlock')).toHaveLength(1);
    expect(posts('leader election')).toHaveLength(1);
    expect(claude.requests).toHaveLength(2);
    expect(engine.count('restart', 'app')).toBe(1);
    expect(readdirSync(doctor.dataDir).filter((name) => name.includes('refused'))).toEqual([]);
  }, 300_000);
});
