/** One of two real agents on a real PostgreSQL database is killed in the middle of a question, and started again later. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResponseOf } from '../../src/http/api/responses.ts';
import { answer, hang } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { HURRIED } from '../support/hurried-clock.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { startWorld, type World } from '../support/world.ts';

const why = whyNoPostgres();

/** An agent is silent after 90 seconds, which are a fifth of that here. */
const HURRY = { HURRY: '5' };
const within = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 100_000, everyMs: 100 });

describe.skipIf(why !== undefined)(why === undefined ? 'a killed agent' : `a killed agent (${why})`, () => {
  let server: PostgresServer;
  let one: World;
  let two: World;
  beforeAll(async () => {
    server = await startPostgres();
    one = await startWorld(() => answer({ severity: 'medium', root_cause: 'the lock table is full' }));
    two = await startWorld();
  }, 60_000);
  afterAll(async () => {
    await Promise.all([one?.close(), two?.close()]);
    await server?.close();
  }, 60_000);

  it('loses nothing and doubles nothing: another host asks, one tells that it is silent, it goes on later', async () => {
    const databaseUrl = server.createDatabase();
    const shared = {
      ...HURRY,
      DATABASE_URL: databaseUrl,
      ANTHROPIC_BASE_URL: one.claude.url,
      SLACK_WEBHOOK_URL: one.slack.webhookUrl,
    };
    const containers = [one, two].map(({ engine }) => engine.addContainer({ name: 'app' }));
    const start = (world: World, name: string) => world.start({ ...shared, AGENT_NAME: name }, { program: HURRIED });
    const status = async ({ url }: Doctor): Promise<ResponseOf<'status'>> =>
      (await fetch(`${url}/api/v1/status`)).json() as Promise<ResponseOf<'status'>>;
    const posts = (text: string) => one.slack.posts.filter((post) => post.text.includes(text));

    const [first, second] = await Promise.all([start(one, 'web-1'), start(two, 'web-2')]);
    const { agents } = await within(async () => {
      const seen = await status(second);
      return seen.agents.length === 2 ? seen : undefined;
    });

    one.claude.reply([hang()]);
    containers[0]?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await within(() => (one.claude.requests.length === 1 ? true : undefined));
    containers[1]?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    first.signal('SIGKILL');
    await first.exited;

    // A minute passes.
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rowCount } = await client
      .query('UPDATE claims SET expires_at = expires_at - 60000')
      .finally(() => client.end());
    expect(rowCount).toBe(1);

    const mine = async () => (await second.history()).find(({ host, diagnosis }) => host === 'web-2' && diagnosis);
    expect((await within(mine)).diagnosis?.root_cause).toBe('the lock table is full');
    expect(one.claude.requests).toHaveLength(2);
    await within(() => posts('The agent on web-1 is silent')[0]);
    expect((await status(second)).agents).toMatchObject([{ state: 'silent' }, { state: 'alive' }]);

    const again = await start(one, 'web-1');
    await within(() => posts('The agent on web-1 is back')[0]);
    const both = await within(async () => {
      const all = await again.history();
      return all.length === 2 ? all : undefined;
    });
    expect(both.map(({ host }) => host).sort()).toEqual(['web-1', 'web-2']);
    expect(both.find(({ host }) => host === 'web-1')?.diagnosis?.tier).toBe('known');
    await within(() => posts('the same problem on another host')[0]);
    expect(one.claude.requests).toHaveLength(2);
    expect(posts('The agent on web-1 is silent')).toHaveLength(1);
    expect(posts('The agent on web-1 is back')).toHaveLength(1);
    expect(posts('the same problem on another host')).toHaveLength(1);
    expect(posts('incident ').filter(({ text }) => text.includes('lock table'))).toHaveLength(1);
    expect((await status(again)).agents[0]?.id).toBe(agents[0]?.id);
  }, 600_000);
});
