import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { checkSlackApp } from '../../../src/notifiers/slack-app/check.ts';
import type { SlackAppSettings } from '../../../src/notifiers/slack-app/settings.ts';
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

  it('names an address that is not that of Slack', async () => {
    expect(await check({ apiUrl: `${slack.url}/other/` })).toMatchObject({ ok: false });
    expect(await check({ apiUrl: 'http://127.0.0.1:9/api/' })).toMatchObject({ why: /no connection to Slack/ });
  });

  it('names tokens that were mixed up', async () => {
    expect(await check({ botToken: slack.appToken })).toMatchObject({ why: /not_allowed_token_type/ });
    expect(await check({ appToken: slack.botToken })).toMatchObject({ why: /not_allowed_token_type/ });
  });
});
