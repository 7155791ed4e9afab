/** Restarts that wait for a person who answers in Slack: the whole loop on the simulated engine. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { JANE, JOE, STRANGER, slackAppEnv } from '../support/slack-app-env.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE } from '../support/world.ts';

const SPEED = 20;
const ASK = { 'container-doctor.restart': 'ask' };

let slack: SlackApp;
let world: FastWorld;

beforeEach(async () => {
  slack = await startSlackApp();
  world = await startFastWorld({
    speed: SPEED,
    containers: [{ name: 'web', labels: ASK }],
    claude: () => answer(SAFE),
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '5', ...slackAppEnv(slack) },
  });
});
afterEach(async () => {
  await world.close();
  expect(slack.violations).toEqual([]);
  await slack.close();
});

const soon = <T>(read: () => Promise<T | undefined> | T | undefined) => eventually(read, { deadlineMs: 60_000 });
const fail = (text = 'ERROR cannot serve: deadlock') => world.engine.container('web')?.log(text, { stream: 'stderr' });
const restarts = () => world.engine.count('restart', 'web');
const messages = () => slack.shown().filter(({ threadTs }) => threadTs === undefined);
const textOf = (message: ChannelMessage) => slack.textOf(slack.message(message.ts) ?? message);
const shows = (message: ChannelMessage, text: string | RegExp) =>
  soon(() => (textOf(message).search(text) >= 0 ? true : undefined));
const hasButton = (message: ChannelMessage, id: string) =>
  JSON.stringify(message.blocks).includes(`"action_id":"${id}"`);

/** The message of a waiting restart, once it can be answered. */
async function asked(): Promise<ChannelMessage> {
  fail();
  return soon(() => {
    const [message] = messages();
    return message && hasButton(message, 'restart') && slack.socket.connections() > 0 ? message : undefined;
  });
}

describe('a waiting restart', () => {
  it('approved in Slack is made; the message shows each step and who decided, and notifies nobody again', async () => {
    const message = await asked();
    expect(restarts()).toBe(0);
    expect(await slack.click({ user: JANE, message, action: 'restart' })).toMatchObject({ acknowledged: true });
    await shows(message, '✅ Restart approved by ');
    await shows(message, '✅ Restarted, and it recovered');
    await shows(message, /^✅ Resolved: web/);
    expect(restarts()).toBe(1);
    expect(JSON.stringify(message.blocks)).toContain(`"user_id":"${JANE}"`);
    expect(messages()).toHaveLength(1);
    expect(slack.shown()).toHaveLength(1);
    const thread = await soon(() => (slack.thread(message.ts).length >= 4 ? slack.thread(message.ts) : undefined));
    expect(thread.map((reply) => slack.textOf(reply)).join('\n')).toMatch(
      /Estimated impact[\s\S]*A restart is in progress[\s\S]*it recovered[\s\S]*Resolved: web/,
    );
    const [request] = await world.people.store.requestsOf((await world.history())[0]?.id ?? '');
    expect(request).toMatchObject({ state: 'approved', answeredBy: { via: 'slack', who: JANE, from: slack.channel } });
    await expect
      .poll(() => world.metric('container_doctor_approvals_total', { outcome: 'approved', source: 'slack' }))
      .toBe(1);

    await slack.click({ user: JOE, message, action: 'verdict_right' });
    await shows(message, 'Judged right by ');
  });

  it('denied in Slack is not made, and the message says who decided', async () => {
    const message = await asked();
    await slack.click({ user: JOE, message, action: 'leave' });
    await shows(message, '🚫 Left as it is: decided by ');
    expect(hasButton(message, 'restart')).toBe(false);
    expect((await world.history()).at(-1)).toMatchObject({ reason: 'denied_by_person' });
    expect(restarts()).toBe(0);
  });

  it('that nobody answers expires, and the message loses its buttons', { timeout: 180_000 }, async () => {
    const message = await asked();
    await eventually(() => (textOf(message).includes('⌛ Nobody decided') ? true : undefined), { deadlineMs: 60_000 });
    expect(hasButton(message, 'restart')).toBe(false);
    expect(restarts()).toBe(0);
  });

  it('clicked by two people at once is made once, and the second one learns who was first', async () => {
    const message = await asked();
    const shown = { ...message, blocks: [...message.blocks] };
    await Promise.all([
      slack.click({ user: JANE, message: shown, action: 'restart' }),
      slack.click({ user: JOE, message: shown, action: 'restart' }),
    ]);
    const refusal = await soon(() => slack.ephemerals[0]);
    expect(refusal.text).toMatch(new RegExp(`Nothing was done: .*${refusal.user === JOE ? JANE : JOE}`));
    await shows(message, /^✅ Resolved: web/);
    expect(restarts()).toBe(1);
    expect(slack.ephemerals).toHaveLength(1);
  });

  it('clicked by a stranger is not made; the stranger is refused, and that is audited', async () => {
    const message = await asked();
    await slack.click({ user: STRANGER, message, action: 'restart' });
    const refusal = await soon(() => slack.ephemerals[0]);
    expect(refusal).toMatchObject({ user: STRANGER, text: expect.stringMatching(/^You are not in SLACK_APPROVERS/) });
    expect(restarts()).toBe(0);
    expect(hasButton(message, 'restart')).toBe(true);
    const audit = await world.people.store.auditOf((await world.history())[0]?.id ?? '');
    expect(audit).toMatchObject([
      { action: 'approve', actor: { via: 'slack', who: STRANGER }, result: expect.stringMatching(/SLACK_APPROVERS/) },
    ]);
  });

  it('clicked after the container was started again is not made', async () => {
    const message = await asked();
    const shown = { ...message, blocks: [...message.blocks] };
    await world.engine.container('web')?.restart();
    await shows(message, 'no longer open');
    await slack.click({ user: JANE, message: shown, action: 'restart' });
    const refusal = await soon(() => slack.ephemerals[0]);
    expect(refusal.text).toMatch(/withdrawn/);
    expect(restarts()).toBe(0);
  });

  it('that is snoozed in Slack is not made, and what happens meanwhile is not told', async () => {
    const message = await asked();
    await slack.click({ user: JANE, message, action: 'snooze_1h' });
    await shows(message, '💤 Snoozed by ');
    expect(await world.people.store.snoozes()).toMatchObject([
      { service: { service: 'web' }, by: { via: 'slack', who: JANE } },
    ]);
    const edits = message.edits;
    fail();
    await world.clock.sleep(60_000);
    expect(messages()).toHaveLength(1);
    expect(slack.message(message.ts)?.edits).toBe(edits);
    expect(restarts()).toBe(0);
  });
});

describe('the Slack app', () => {
  it('says in /health that the token was revoked and that buttons do not work, and loses no alert', async () => {
    await soon(() => (slack.socket.connections() > 0 ? true : undefined));
    slack.reply('chat.postMessage', { error: 'token_revoked' });
    slack.reply('apps.connections.open', { error: 'token_revoked' });
    slack.socket.dropAll();
    fail();
    const problems = await soon(async () => {
      const health = await world.health();
      return health.problems.length >= 2 ? health.problems : undefined;
    });
    expect(problems).toEqual([
      expect.stringMatching(/^Slack app: the buttons do not work: the token was revoked;.*SLACK_APP_TOKEN/),
      expect.stringMatching(/^Slack app has accepted no messages since .*token_revoked.*alerts waiting: 1$/),
    ]);
    slack.reply('chat.postMessage', undefined);
    slack.reply('apps.connections.open', undefined);
    await soon(() => (messages().length === 1 ? true : undefined));
    await soon(async () => ((await world.health()).status === 'healthy' ? true : undefined));
  });

  it('continues the message of a problem that comes back, with its count', async () => {
    const message = await asked();
    await slack.click({ user: JANE, message, action: 'restart' });
    await shows(message, /^✅ Resolved: web/);
    fail();
    await shows(message, 'time number 2');
    expect(messages()).toHaveLength(1);
    // The edit notifies nobody; the reply does.
    await soon(() => (slack.shown().length === 2 ? true : undefined));
  });
});
