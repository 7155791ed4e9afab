/** Several agents with one Slack app and one database: one connection, and each click reaches the agent of its message. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { JANE, slackAppEnv } from '../support/slack-app-env.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

const why = whyNoPostgres();
const ASK = { 'container-doctor.restart': 'ask' };

const soon = <T>(read: () => Promise<T | undefined> | T | undefined) =>
  eventually(read, { deadlineMs: 60_000, everyMs: 50 });

let server: PostgresServer;
let slack: SlackApp;
beforeAll(async () => {
  if (why === undefined) server = await startPostgres();
}, 60_000);
afterAll(() => server?.close());
beforeEach(async () => {
  slack = await startSlackApp();
});
afterEach(() => slack.close());

const connections = (count: number) => soon(() => (slack.socket.connections() === count ? true : undefined));
const textOf = (message: ChannelMessage) => slack.textOf(slack.message(message.ts) ?? message);
const shows = (message: ChannelMessage, text: string | RegExp) =>
  soon(() => (textOf(message).search(text) >= 0 ? true : undefined));
/** The message with buttons of a host's container. */
const asks = (container: string) =>
  soon(() =>
    slack
      .shown()
      .find((message) => JSON.stringify(message.blocks).includes('"restart"') && textOf(message).includes(container)),
  );

describe.skipIf(why !== undefined)(why ?? 'agents with one Slack app', { timeout: 180_000 }, () => {
  let fleet: TestFleet;
  let databaseUrl: string;
  afterEach(() => fleet.close(), 60_000);

  const start = async (names: readonly string[], speed: number) => {
    databaseUrl = server.createDatabase();
    const env = { ...slackAppEnv(slack), VERIFY_STABLE_SECONDS: '5' };
    fleet = await startFleet({ databaseUrl, speed, containers: [], claude: () => answer(SAFE), env });
    const worlds: FastWorld[] = [];
    for (const name of names) {
      const world = await fleet.start(name);
      if (worlds.length === 0) await connections(1);
      world.engine.addContainer({ name: `app-of-${name}`, labels: ASK });
      worlds.push(world);
    }
    return worlds as [FastWorld, FastWorld, ...FastWorld[]];
  };
  const fail = (world: FastWorld, name: string) =>
    soon(() => (world.engine.count('logs', name) > 0 ? true : undefined)).then(() =>
      world.engine.container(name)?.log(`ERROR cannot serve ${name}: deadlock`, { stream: 'stderr' }),
    );

  it('have one connection; a click is answered by the agent whose message it is, and it edits the message', async () => {
    const [one, two, three] = (await start(['web-1', 'web-2', 'web-3'], 4)) as [FastWorld, FastWorld, FastWorld];
    await Promise.all([fail(one, 'app-of-web-1'), fail(two, 'app-of-web-2'), fail(three, 'app-of-web-3')]);
    const [first, second, third] = [await asks('app-of-web-1'), await asks('app-of-web-2'), await asks('app-of-web-3')];
    const click = (message: ChannelMessage, action: string) => slack.click({ user: JANE, message, action });
    expect(await click(second, 'restart')).toMatchObject({ acknowledged: true });
    expect(await click(third, 'leave')).toMatchObject({ acknowledged: true });
    expect(await click(first, 'restart')).toMatchObject({ acknowledged: true });
    await shows(second, '✅ Restarted, and it recovered');
    await shows(third, '🚫 Left as it is: decided by ');
    await shows(first, '✅ Restarted, and it recovered');
    await shows(second, /^✅ Resolved/);
    await click(second, 'verdict_right');
    await shows(second, 'Judged right by ');
    expect(one.engine.count('restart', 'app-of-web-1')).toBe(1);
    expect(two.engine.count('restart', 'app-of-web-2')).toBe(1);
    expect(three.engine.count('restart', 'app-of-web-3')).toBe(0);
    expect([slack.socket.connections(), slack.socket.opened()]).toEqual([1, 1]);
    expect([slack.ephemerals, slack.violations]).toEqual([[], []]);
    const [incident] = (await one.api('/incidents?host=web-2')).incidents;
    const { audit } = await one.api(`/incidents/${incident.id}`);
    expect(audit).toMatchObject([
      { action: 'approve', actor: { via: 'slack', who: JANE, from: slack.channel } },
      { action: 'verdict', actor: { via: 'slack', who: JANE } },
    ]);
    // Slack may deliver a click twice, for example if it has not heard that it arrived.
    const payload = {
      type: 'block_actions',
      user: { id: JANE },
      team: { id: slack.team },
      container: { message_ts: second.ts, channel_id: slack.channel },
      actions: [{ action_id: 'verdict_wrong', block_id: 'verdict', value: incident.id, action_ts: '1.2' }],
    };
    await Promise.all([slack.socket.deliver('interactive', payload), slack.socket.deliver('interactive', payload)]);
    await shows(second, 'Judged wrong by ');
    expect((await one.api(`/incidents/${incident.id}`)).audit).toHaveLength(3);
  });

  it('tell the person if the agent of the message does not answer, and it is not restarted later', async () => {
    const [, two] = await start(['web-1', 'web-2'], 10);
    await fail(two, 'app-of-web-2');
    const message = await asks('app-of-web-2');
    const cut = new pg.Client({ connectionString: databaseUrl });
    cut.on('error', () => {});
    await cut.connect();
    await cut.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'container-doctor%web-2'`,
    );
    await cut.query(`SELECT pg_advisory_lock(hashtextextended('container-doctor agent web-2', 0))`);
    expect(await slack.click({ user: JANE, message, action: 'restart' })).toMatchObject({ acknowledged: true });
    const { text } = await soon(() => slack.ephemerals[0]);
    expect(text).toBe(
      'The click was not confirmed: the agent on web-2 did not answer within 10 s; the request was withdrawn.',
    );
    await cut.end();
    // It uses the database again, and the next click reaches it.
    await soon(async () => {
      if (textOf(message).includes('Left as it is')) return true;
      await slack.click({ user: JANE, message, action: 'leave' });
      return undefined;
    });
    expect(two.engine.count('restart', 'app-of-web-2')).toBe(0);
  });
});

describe.skipIf(why !== undefined)(why ?? 'the agent with the connection is killed', { timeout: 180_000 }, () => {
  it('right after a click: it is answered once, and another agent opens the next connection', async () => {
    const databaseUrl = server.createDatabase();
    const worlds: [World, World] = await Promise.all([startWorld(), startWorld(() => answer(SAFE))]);
    const [one, two] = worlds;
    try {
      const env = (name: string) => ({ ...slackAppEnv(slack), DATABASE_URL: databaseUrl, AGENT_NAME: name });
      const holder = await one.start(env('web-1'));
      await connections(1);
      const containers = ['app-a', 'app-b'].map((name) => two.engine.addContainer({ name, labels: ASK }));
      await two.start(env('web-2'));
      for (const { name, log } of containers) log(`ERROR cannot serve ${name}: deadlock`, { stream: 'stderr' });
      const [first, second] = [await asks('app-a'), await asks('app-b')];

      const { acknowledged } = await slack.click({ user: JANE, message: first, action: 'restart' });
      holder.signal('SIGKILL');
      await holder.exited;
      expect(acknowledged).toBe(true);
      await shows(first, '✅ Restarted, and it recovered');
      expect(two.engine.count('restart', 'app-a')).toBe(1);

      await soon(() => (slack.socket.opened() === 2 && slack.socket.connections() === 1 ? true : undefined));
      expect(await slack.click({ user: JANE, message: second, action: 'restart' })).toMatchObject({
        acknowledged: true,
      });
      await shows(second, '✅ Restarted, and it recovered');
      expect(['app-a', 'app-b'].map((name) => two.engine.count('restart', name))).toEqual([1, 1]);
      expect([slack.ephemerals, slack.violations]).toEqual([[], []]);
    } finally {
      await Promise.all(worlds.map((world) => world.close()));
    }
  });
});
