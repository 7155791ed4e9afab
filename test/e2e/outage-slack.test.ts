/**
 * Slack, its webhook and its Web API, fails in different ways for more than an hour while the other receivers work, and
 * the other way round. An hour of the agent takes a quarter of a real minute.
 */
import { describe, expect, it, type TestContext } from 'vitest';
import { FAILURES_BEFORE_NOTICE } from '../../src/pipeline/notify/receiver-queue.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, metricToBe, PROBLEMS, startFastWorld } from '../support/fast-world.ts';
import { takeName } from '../support/name-service.ts';
import { appMessages, expectEverywhereOnce, incidentsInApp, startReceivers } from '../support/receivers.ts';
import { slackAppBesideOthers } from '../support/slack-app-env.ts';
import type { ApiBehaviour, SlackApp } from '../support/slack-app-server.ts';
import { incidentOf, type SlackBehaviour, type SlackPost, type SlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

const SPEED = 240;
const MINUTE_MS = 60_000;
const CONTAINERS = ['api', 'shop', 'mail', 'search'];

interface Outage {
  begin(slack: SlackServer, app: SlackApp): void | Promise<void>;
  end(slack: SlackServer, app: SlackApp): void | Promise<void>;
  /** The host of both addresses. Default: the address of the stand-ins. */
  readonly host?: string;
  readonly receiverMs?: number;
  /** What `/health` reports about the webhook, and about the app. */
  readonly why: RegExp;
  readonly whyApp: RegExp;
}

const answers = (behaviour: SlackBehaviour & ApiBehaviour, why: RegExp, whyApp: RegExp): Outage => ({
  begin(slack, app) {
    slack.reply(behaviour);
    replyToAll(app, behaviour);
  },
  end(slack, app) {
    slack.reply({ status: 200, body: 'ok' });
    replyToAll(app, undefined);
  },
  why,
  whyApp,
});

function replyToAll(app: SlackApp, behaviour: ApiBehaviour | undefined): void {
  for (const method of ['chat.postMessage', 'chat.update', 'auth.test', 'apps.connections.open']) {
    app.reply(method, behaviour);
  }
}

const refuse = async (slack: SlackServer, app: SlackApp) => void (await Promise.all([slack.refuse(), app.refuse()]));
const accept = async (slack: SlackServer, app: SlackApp) => void (await Promise.all([slack.accept(), app.accept()]));

const OUTAGES: readonly [what: string, make: (context: TestContext) => Outage][] = [
  [
    'answers 429 with Retry-After',
    () => answers({ status: 429, headers: { 'retry-after': '5' } }, /answered 429/, /rate limit is reached/),
  ],
  [
    'answers 500',
    () => answers({ status: 500, body: 'rollup_error' }, /answered 500 rollup_error/, /Slack answered 500/),
  ],
  // The timeout is in real time, and must be long enough for a response on a busy machine.
  [
    'takes messages and never answers',
    () => ({ ...answers('hang', /did not answer in time/, /did not answer in time/), receiverMs: 2_000 }),
  ],
  ['refuses connections', () => ({ begin: refuse, end: accept, why: /ECONNREFUSED/, whyApp: /ECONNREFUSED/ })],
  [
    'cannot be found by its name',
    ({ onTestFinished }) => {
      const host = 'hooks.slack.invalid';
      const name = takeName(host);
      onTestFinished(name.release);
      name.resolve();
      return {
        async begin(slack, app) {
          name.lose();
          // No earlier connection may be reused.
          await refuse(slack, app);
          await accept(slack, app);
        },
        end: name.resolve,
        host,
        why: /ENOTFOUND|EAI_AGAIN/,
        whyApp: /ENOTFOUND|EAI_AGAIN/,
      };
    },
  ],
];

/** Few enough to be sent one by one afterwards; see flood.test.ts for more. */
const DURING = PROBLEMS.slice(0, 9);

describe.concurrent('an hour in which Slack', () => {
  for (const [what, make] of OUTAGES) {
    it(`${what}: every alert arrives once, late and in order`, { timeout: 150_000 }, async (context) => {
      const outage = make(context);
      const receivers = await startReceivers();
      const app = receivers.slackApp;
      const at = (url: string) => url.replace('127.0.0.1', outage.host ?? '127.0.0.1');
      context.onTestFinished(receivers.close);
      const world = await startFastWorld({
        speed: SPEED,
        containers: [...CONTAINERS, 'worker'],
        env: {
          MAX_DIAGNOSES_PER_HOUR: '100',
          ...receivers.env,
          ...slackAppBesideOthers({ ...app, apiUrl: at(app.apiUrl) }),
        },
        claude: (prompt) => answer(prompt.includes('worker gave up') ? SAFE : {}),
        webhookUrl: (slack) => at(slack.webhookUrl),
        requestTimeouts: { receiverMs: outage.receiverMs },
      });
      context.onTestFinished(world.close);
      const { clock, engine, slack } = world;

      fail(world, 'api', 'the first problem');
      await soon(() => (alerts(slack).length === 1 && incidentsInApp(receivers).length === 1 ? true : undefined));
      await outage.begin(slack, app);
      const startedAt = clock.now();
      const postsBefore = slack.posts.length;
      const callsBefore = postsOf(app);

      for (const [i, problem] of DURING.entries()) {
        if (i === 4) {
          fail(world, 'worker', 'worker gave up');
          engine.container('worker')?.exit(1);
        } else {
          fail(world, CONTAINERS[i % CONTAINERS.length] as string, problem);
        }
        // Even on a slow machine the next problem must come after the alert of this one.
        await soon(async () => ((await pendingOf(world, 'slack')) === i + 1 ? true : undefined));
        if (i === 8) await expectStateDuring(world, outage, i + 1);
        await clock.sleep(4 * MINUTE_MS);
      }
      await clock.sleep(startedAt + 60 * MINUTE_MS - clock.now());
      const tries = (integration: string) =>
        world.metric('container_doctor_notifications_total', { integration, outcome: 'failed' });
      for (const each of ['slack', 'slack_app']) {
        await soon(async () => ((await tries(each)) > FAILURES_BEFORE_NOTICE ? true : undefined));
      }

      // Incidents were handled as usual in the meantime, and Slack got few requests.
      const history = await world.history();
      expect(history).toHaveLength(DURING.length + 1);
      expect(history.every(({ decision }) => decision !== null)).toBe(true);
      expect(history.find(({ container }) => container === 'worker')?.outcome).toBe('recovered');
      expect(engine.count('restart')).toBe(1);
      expect(alerts(slack)).toHaveLength(1);
      expect(incidentsInApp(receivers)).toHaveLength(1);
      // All requests are counted, except one in progress. The page of metrics may be a second old.
      const [posts, calls] = [slack.posts.length - postsBefore, postsOf(app) - callsBefore];
      await soon(async () => ((await tries('slack')) >= posts - 1 ? true : undefined));
      await soon(async () => ((await tries('slack_app')) >= calls - 1 ? true : undefined));
      for (const each of ['slack', 'slack_app']) {
        expect(await tries(each)).toBeLessThanOrEqual(maxTries(clock.now() - startedAt));
      }
      // The other receivers were not affected.
      await expectEverywhereOnce(receivers, history, { app: false });

      await outage.end(slack, app);
      const expected = history.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id }) => id);
      await soon(() => (alerts(slack).length >= expected.length ? true : undefined));
      // Time for a duplicate to show up.
      await clock.sleep(5 * MINUTE_MS);
      const notice = shown(slack).find(({ text }) => text.includes('Alerts were delayed'));
      const [first, ...late] = alerts(slack);
      expect(notice?.text).toMatch(/No message could be delivered/);
      expect(notice?.text).toMatch(outage.why);
      expect(notice?.text).toMatch(/sent next, oldest first: 9 alerts/);
      expect([first, ...late].map((post) => post && incidentOf(post))).toEqual(expected);
      for (const [earlier, later] of pairs([notice as SlackPost, ...late])) {
        expect(later.at - earlier.at).toBeGreaterThanOrEqual(1_000);
      }
      expect(first?.text).not.toMatch(/Late by/);
      for (const post of late) expect(post.text).toMatch(/^Late by \d+ (min|h)/);
      await expectStateAfter(world, shown(slack).length);
      // The app has the same notice, and one message for each incident in the same order.
      await expectEverywhereOnce(receivers, history);
      expect(incidentsInApp(receivers)).toEqual(expected);
      const notices = appMessages(receivers).filter(({ incident }) => incident === undefined);
      expect(
        notices.filter(({ text }) => /Alerts were delayed[\s\S]*sent next, oldest first: /.test(text)),
      ).toHaveLength(1);
    });
  }
});

it('half an hour in which every receiver but the webhook of Slack fails: that one gets each alert at once, the others once and later', {
  timeout: 240_000,
}, async (context) => {
  const receivers = await startReceivers();
  const app = receivers.slackApp;
  const world = await startFastWorld({
    speed: SPEED,
    containers: CONTAINERS,
    env: { MAX_DIAGNOSES_PER_HOUR: '100', ...receivers.env, ...slackAppBesideOthers(app) },
    claude: () => answer({}),
  });
  context.onTestFinished(async () => {
    await world.close();
    await receivers.close();
  });
  const { clock, slack } = world;
  const problems = DURING.slice(0, 6);

  fail(world, 'api', 'the first problem');
  await soon(() => {
    expect([alerts(slack).length, incidentsInApp(receivers).length]).toEqual([1, 1]);
    return true;
  });
  await soon(() => (receivers.webhook.length > 0 && receivers.apprise.length > 0 ? true : undefined));
  receivers.reply('alertmanager', { status: 500 });
  receivers.reply('apprise', 'drop');
  receivers.reply('webhook', { status: 429, headers: { 'retry-after': '30' } });
  app.reply('chat.postMessage', { error: 'is_archived' });
  app.reply('chat.update', { error: 'is_inactive' });
  const startedAt = clock.now();
  for (const [i, problem] of problems.entries()) {
    fail(world, CONTAINERS[i % CONTAINERS.length] as string, problem);
    await soon(() => (alerts(slack).length === i + 2 ? true : undefined));
    await clock.sleep(4 * MINUTE_MS);
  }
  await clock.sleep(startedAt + 30 * MINUTE_MS - clock.now());
  const why = Object.fromEntries((await world.health()).receivers.map(({ name, last_error }) => [name, last_error]));
  expect(why).toEqual({
    slack: null,
    slack_app: expect.stringMatching(/archived/),
    alertmanager: 'Alertmanager answered 500',
    apprise: expect.stringMatching(/^no connection to Apprise/),
    webhook: 'the webhook answered 429',
  });
  expect(incidentsInApp(receivers)).toHaveLength(1);

  for (const service of ['alertmanager', 'apprise', 'webhook'] as const) receivers.reply(service, undefined);
  app.reply('chat.postMessage', undefined);
  app.reply('chat.update', undefined);
  await soon(async () => ((await world.health()).outbox_pending === 0 ? true : undefined));
  const history = await world.history();
  expect(history).toHaveLength(problems.length + 1);
  await expectEverywhereOnce(receivers, history);
  expect(alerts(slack)).toHaveLength(history.length);
});

async function pendingOf(world: FastWorld, name: string): Promise<number | undefined> {
  return (await world.health()).receivers.find((each) => each.name === name)?.pending;
}

/** After 0, 2, 4, 8, 16 and 32 s, then every minute. */
const maxTries = (elapsedMs: number) => 6 + Math.ceil(elapsedMs / MINUTE_MS);

/** The messages that Slack accepted. */
const shown = (slack: SlackServer): readonly SlackPost[] => slack.posts.filter(({ answered }) => answered === 200);
/** The alerts among them: on a busy machine the agent may also send notices about itself. */
const alerts = (slack: SlackServer) => shown(slack).filter((post) => incidentOf(post) !== undefined);
/** The requests to show something in the channel. */
const postsOf = (app: SlackApp) => app.callsOf('chat.postMessage').length + app.callsOf('chat.update').length;
const pairs = <T>(all: readonly T[]) => all.slice(1).map((later, i) => [all[i] as T, later] as const);
const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) => eventually(probe, { deadlineMs: 60_000 });

function fail({ engine }: FastWorld, container: string, problem: string): void {
  engine.container(container)?.log(`ERROR ${problem}`, { stream: 'stderr' });
}

async function expectStateDuring(world: FastWorld, outage: Outage, waiting: number): Promise<void> {
  const health = await world.health();
  expect(health).toMatchObject({ status: 'degraded', docker_connected: true });
  expect(health.outbox_pending).toBeGreaterThanOrEqual(waiting);
  expect(health.monitoring).toHaveLength(5);
  const failing = { failing_since: expect.any(String), last_error: expect.stringMatching(outage.why) };
  expect(health.slack).toMatchObject({ configured: true, ...failing });
  expect(health.receivers).toEqual([
    { name: 'slack', pending: waiting, ...failing },
    expect.objectContaining({ name: 'slack_app', last_error: expect.stringMatching(outage.whyApp) }),
    ...['alertmanager', 'apprise', 'webhook'].map((name) => expect.objectContaining({ name, failing_since: null })),
  ]);
  const problem = health.problems.find((each) => each.startsWith('Slack has accepted no messages since '));
  expect(problem).toMatch(outage.why);
  expect(problem).toMatch(new RegExp(`; alerts waiting: ${waiting}$`));
  await metricToBe(world, waiting, 'container_doctor_outbox_pending', { integration: 'slack' });
  await expectSent(world, shown(world.slack).length);
}

const expectSent = (world: FastWorld, count: number) =>
  metricToBe(world, count, 'container_doctor_notifications_total', { integration: 'slack', outcome: 'sent' });

async function expectStateAfter(world: FastWorld, sent: number): Promise<void> {
  await soon(async () => {
    expect(await world.health()).toMatchObject({
      status: 'healthy',
      problems: [],
      outbox_pending: 0,
      slack: { configured: true, failing_since: null, last_error: null },
    });
    return true;
  });
  await metricToBe(world, 0, 'container_doctor_outbox_pending', { integration: 'slack' });
  await expectSent(world, sent);
  await metricToBe(world, 0, 'container_doctor_notifications_total', { outcome: 'dropped' });
}
