import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';

const APP = { SLACK_BOT_TOKEN: 'xoxb-1-2-secret', SLACK_CHANNEL: 'C0123456789' };
const BUTTONS = { SLACK_APP_TOKEN: 'xapp-1-A1-2-secret', SLACK_APPROVERS: 'U0123456789, W0123456789' };

const problemsOf = (env: Record<string, string>) => {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.problems.map(({ name, value, message }) => `${name}=${value}: ${message}`);
};
const receiversOf = (env: Record<string, string>) => {
  const loaded = loadConfig(env);
  return loaded.ok ? loaded.config.receivers.map(({ name }) => name) : [];
};

describe('the settings of the Slack app', () => {
  it('configure a receiver beside the webhook', () => {
    expect(receiversOf(APP)).toEqual(['slack_app']);
    expect(receiversOf({ ...APP, ...BUTTONS })).toEqual(['slack_app']);
    expect(receiversOf({ ...APP, SLACK_WEBHOOK_URL: 'https://hooks.slack.com/x' })).toEqual(['slack', 'slack_app']);
  });

  it('read both tokens from files, and both are secrets', () => {
    const files: Record<string, string> = { '/bot': 'xoxb-1\n', '/app': 'xapp-1\n' };
    const env = { SLACK_CHANNEL: 'C0123456789', SLACK_BOT_TOKEN_FILE: '/bot', SLACK_APP_TOKEN_FILE: '/app' };
    const loaded = loadConfig(env, (path) => files[path] ?? '');
    expect(loaded.ok && loaded.config.secrets).toEqual(['xoxb-1', 'xapp-1']);
  });

  it.each([
    [
      { ...APP, SLACK_BOT_TOKEN: 'xapp-1-x' },
      /^SLACK_BOT_TOKEN=\(hidden\): must be the bot token .* begins with xoxb-$/,
    ],
    [{ ...APP, SLACK_BOT_TOKEN: 'xoxp-1-x' }, /^SLACK_BOT_TOKEN=\(hidden\): must be the bot token/],
    [{ ...APP, ...BUTTONS, SLACK_APP_TOKEN: 'xoxb-1' }, /^SLACK_APP_TOKEN=\(hidden\): must be .* begins with xapp-$/],
    [{ ...APP, SLACK_CHANNEL: '#alerts' }, /^SLACK_CHANNEL=#alerts: must be the id of a channel, .* not its name/],
    [{ ...APP, SLACK_CHANNEL: 'alerts' }, /^SLACK_CHANNEL=alerts: must be the id/],
    [{ ...APP, ...BUTTONS, SLACK_APPROVERS: '@jane' }, /^SLACK_APPROVERS=@jane: must be ids of Slack users/],
    [{ ...APP, SLACK_APPROVERS: 'U0123456789' }, /^SLACK_APP_TOKEN=.*: is required with SLACK_APPROVERS/],
    [{ SLACK_BOT_TOKEN: 'xoxb-1' }, /^SLACK_CHANNEL=: is required with SLACK_BOT_TOKEN; must be the id/],
    [{ SLACK_CHANNEL: 'C0123456789' }, /^SLACK_BOT_TOKEN=.*: is required with SLACK_CHANNEL/],
    [{ SLACK_APP_TOKEN: 'xapp-1' }, /^SLACK_BOT_TOKEN=.*: is required with SLACK_APP_TOKEN/],
    [{ ...APP, SLACK_API_URL: 'slack.com' }, /^SLACK_API_URL=slack\.com: must be an http or https URL/],
  ])('refuse %o', (env, problem) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(problem)]);
  });
});

describe('the manifest of the Slack app', () => {
  const read = (file: string) => readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
  const manifest = parse(read('slack-app.yaml'));

  it('asks for nothing but to write messages, and for clicks without an open port', () => {
    expect(manifest.oauth_config).toEqual({ scopes: { bot: ['chat:write'] } });
    expect(manifest.settings).toMatchObject({ socket_mode_enabled: true, interactivity: { is_enabled: true } });
    expect(manifest.settings.token_rotation_enabled).toBe(false);
    expect(manifest.settings.event_subscriptions).toBeUndefined();
  });

  it('is what the link in docs/slack.md creates the app from', () => {
    const link = /\(https:\/\/api\.slack\.com\/apps\?new_app=1&manifest_yaml=([^)]+)\)/.exec(read('slack.md'))?.[1];
    expect(parse(decodeURIComponent(link ?? ''))).toEqual(manifest);
  });

  it('is within the limits of a manifest', () => {
    const { name, description } = manifest.display_information;
    expect(name.length).toBeLessThanOrEqual(35);
    expect(description.length).toBeLessThanOrEqual(140);
    expect(manifest.features.bot_user.display_name.length).toBeLessThanOrEqual(80);
  });
});
