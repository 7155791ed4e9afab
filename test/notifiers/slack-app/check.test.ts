import { tmpdir } from 'node:os';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCheck } from '../../../src/commands/check.ts';
import { sendTestAlerts } from '../../../src/commands/check-send.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { checkSlackApp } from '../../../src/notifiers/slack-app/check.ts';
import type { SlackAppSettings } from '../../../src/notifiers/slack-app/settings.ts';
import { slackAppEnv } from '../../support/slack-app-env.ts';
import { type SlackApp, startSlackApp } from '../../support/slack-app-server.ts';
import { JANE } from './support.ts';

let slack: SlackApp;
beforeEach(async () => {
  slack = await startSlackApp();
});

const check = (over: Partial<SlackAppSettings> = {}, timeoutMs?: number) => {
  onTestFinished(() => slack.close());
  const { botToken, appToken, channel, apiUrl } = slack;
  return checkSlackApp(
    { botToken, appToken, channel, apiUrl, approvers: [JANE], minSeverity: 'low', ...over },
    timeoutMs,
  );
};

describe('the check of the Slack app', () => {
  it('says where alerts go and who may press buttons, and posts nothing', async () => {
    expect(await check()).toEqual({
      ok: true,
      detail: 'doctor in Stand-in, channel C0ALERTS01; buttons for 1 person',
    });
    expect(slack.shown()).toEqual([]);
    expect(slack.socket.opened()).toBe(0);
    expect(slack.violations).toEqual([]);
  });

  it.each([
    ['no app-level token', { appToken: undefined }, /no buttons \(SLACK_APP_TOKEN/],
    ['nobody who may press them', { approvers: [] }, /no buttons \(SLACK_APPROVERS/],
  ])('says that there are no buttons: %s', async (_, over, detail) => {
    expect(await check(over)).toEqual({ ok: true, detail: expect.stringMatching(detail) });
  });

  it.each([
    ['a revoked token', () => slack.revoke(), /token_revoked/],
    ['a missing scope', () => Object.assign(slack, { scopes: ['users:read'] }), /lacks the scope chat:write/],
    ['an archived channel', () => slack.setChannel('archived'), /archived.*SLACK_CHANNEL=C0ALERTS01/],
    ['a deleted channel', () => slack.setChannel('deleted'), /channel_not_found/],
    ['a channel that it is not in', () => slack.setChannel('left'), /invite it/],
    ['an error of the server', () => slack.reply('auth.test', { status: 502 }), /Slack answered 502/],
    [
      'an app-level token without its scope',
      () => slack.reply('apps.connections.open', { error: 'missing_scope' }),
      /the buttons would not work: .*missing_scope/,
    ],
  ])('names %s', async (_, spoil, why) => {
    spoil();
    expect(await check()).toEqual({ ok: false, why: expect.stringMatching(why) });
    expect(slack.shown()).toEqual([]);
  });

  it('warns of scopes that the tokens do not need, and names them', async () => {
    slack.scopes = ['chat:write', 'channels:history', 'files:write'];
    slack.appScopes = ['connections:write', 'authorizations:read'];
    expect(await check()).toEqual({
      ok: true,
      detail: 'doctor in Stand-in, channel C0ALERTS01; buttons for 1 person',
      warnings: [
        'SLACK_BOT_TOKEN needs only the scope chat:write, but also has channels:history, files:write; remove them under "OAuth & Permissions" and install the app again',
        'SLACK_APP_TOKEN needs only the scope connections:write, but also has authorizations:read; generate a token with that scope alone',
      ],
    });
  });

  it('names an address that is not that of Slack', async () => {
    expect(await check({ apiUrl: `${slack.url}/other/` })).toMatchObject({ ok: false });
    expect(await check({ apiUrl: 'http://127.0.0.1:9/api/' })).toMatchObject({ why: /no connection to Slack/ });
  });

  it('names tokens that were mixed up', async () => {
    expect(await check({ botToken: slack.appToken })).toMatchObject({ why: /not_allowed_token_type/ });
    expect(await check({ appToken: slack.botToken })).toMatchObject({ why: /not_allowed_token_type/ });
  });
});

it('`container-doctor check` prints these warnings, and they are no failure', async () => {
  onTestFinished(() => slack.close());
  slack.scopes = ['chat:write', 'users:read'];
  const printed: string[] = [];
  const output = { print: (text: string) => void printed.push(text), printError: () => {} };
  await runCheck([], { ...slackAppEnv(slack), DOCKER_HOST: 'unix:///nowhere', DATA_DIR: tmpdir() }, output);
  const lines = printed.join('').split('\n');
  const at = lines.findIndex((line) => line.startsWith('ok        Slack app'));
  expect(lines[at + 1]).toMatch(/^warning {3}Slack app {4}SLACK_BOT_TOKEN needs .* also has users:read;/);
});

it('a test alert of `check --send` is a message without buttons, and nothing is kept of it', async () => {
  onTestFinished(() => slack.close());
  const loaded = loadConfig({ ...slackAppEnv(slack), DATA_DIR: '/nowhere' });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const results = await sendTestAlerts(loaded.config, { print: () => {}, now: Date.now });
  expect(results).toMatchObject([{ title: 'Slack app', result: { ok: true } }]);
  expect(slack.shown()).toHaveLength(1);
  expect(JSON.stringify(slack.shown())).not.toContain('"action_id"');
  expect(slack.violations).toEqual([]);
});
