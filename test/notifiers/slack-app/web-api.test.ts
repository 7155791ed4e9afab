import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppBlock } from '../../../src/notifiers/slack-app/app-blocks.ts';
import { createWebApi, type WebApi } from '../../../src/notifiers/slack-app/web-api.ts';
import { type ApiBehaviour, type SlackApp, startSlackApp } from '../../support/slack-app-server.ts';

const HELLO: readonly AppBlock[] = [{ type: 'header', text: { type: 'plain_text', text: 'Hello', emoji: false } }];
const MESSAGE = { text: 'Hello', blocks: HELLO };

let slack: SlackApp;
let api: WebApi;

beforeEach(async () => {
  slack = await startSlackApp();
  api = apiWith({});
});
afterEach(() => slack.close());

function apiWith(over: { timeoutMs?: number }): WebApi {
  return createWebApi({
    botToken: slack.botToken,
    channel: slack.channel,
    apiUrl: slack.apiUrl,
    ...over,
  });
}

async function posted(): Promise<string> {
  const result = await api.post(MESSAGE);
  if (result.kind === 'failed') throw new Error(result.failure.why);
  return result.value;
}

describe("the calls of Slack's Web API", () => {
  it('post a message, edit it, reply in its thread, and reply so that the channel sees it', async () => {
    const ts = await posted();
    await api.edit(ts, { ...MESSAGE, text: 'Hello again' });
    await api.post(MESSAGE, { ts, broadcast: false });
    await api.post(MESSAGE, { ts, broadcast: true });
    expect(slack.message(ts)).toMatchObject({ text: 'Hello again', edits: 1 });
    expect(slack.thread(ts)).toHaveLength(2);
    expect(slack.shown()).toHaveLength(2);
    expect(slack.violations).toEqual([]);
  });

  it('show a text to one person only', async () => {
    await api.whisper('U0JANE0001', { text: 'Not you', blocks: HELLO });
    expect(slack.ephemerals).toEqual([{ user: 'U0JANE0001', text: 'Not you' }]);
    expect(slack.violations).toEqual([]);
  });

  it('say who the app is and what it may do', async () => {
    expect(await api.identify()).toEqual({
      kind: 'ok',
      value: { team: slack.team, teamName: 'Stand-in', botUser: 'doctor', scopes: ['chat:write'] },
    });
  });

  it('send the text alone if Slack does not accept the layout, and an edit then removes the old layout', async () => {
    const broken = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151), emoji: false } }] as const;
    const ts = await posted();
    expect(await api.edit(ts, { text: 'Without a layout', blocks: broken })).toMatchObject({ kind: 'ok' });
    expect(slack.message(ts)).toMatchObject({ text: 'Without a layout', blocks: [] });
    expect(await api.post({ text: 'New', blocks: broken })).toMatchObject({ kind: 'ok' });
  });

  const FAILURES: readonly [what: string, behaviour: ApiBehaviour, expected: object][] = [
    ['a rate limit', { status: 429, headers: { 'retry-after': '7' } }, { kind: 'wait', afterMs: 7_000, status: 429 }],
    ['a rate limit without a pause', { status: 429 }, { kind: 'wait' }],
    ['a rate limit in the answer', { error: 'ratelimited' }, { kind: 'wait', code: 'ratelimited' }],
    ['an error of the server', { status: 503, body: 'no' }, { kind: 'wait', status: 503, why: 'Slack answered 503' }],
    ['no answer', 'hang', { kind: 'wait', why: 'Slack did not answer in time' }],
    ['a closed connection', 'drop', { kind: 'wait', why: expect.stringMatching(/^no connection to Slack/) }],
    [
      'the page of a proxy',
      { status: 200, body: '<html>Sign in</html>' },
      { kind: 'wait', why: expect.not.stringContaining('Sign in') },
    ],
    ['a code that it does not know', { error: 'new_error' }, { kind: 'wait', why: expect.stringMatching(/new_error/) }],
    ['a message that is too long', { error: 'msg_too_long' }, { kind: 'message' }],
  ];
  it.each(FAILURES)('report %s as data', async (_, behaviour, expected) => {
    slack.reply('chat.postMessage', behaviour);
    const patient = behaviour === 'hang' ? apiWith({ timeoutMs: 300 }) : api;
    expect(await patient.post(MESSAGE)).toMatchObject({ kind: 'failed', failure: expected });
  });

  it.each([
    ['a revoked token', () => slack.revoke(), /revoked.*SLACK_BOT_TOKEN.*\(token_revoked\)/],
    ['a missing scope', () => Object.assign(slack, { scopes: ['users:read'] }), /missing_scope, needed: chat:write/],
    ['an archived channel', () => slack.setChannel('archived'), /SLACK_CHANNEL is archived/],
    ['a deleted channel', () => slack.setChannel('deleted'), /SLACK_CHANNEL was deleted.*channel_not_found/],
    ['a channel that it was removed from', () => slack.setChannel('left'), /invite it/],
  ])('name %s, and wait for a person to correct it', async (_, spoil, why) => {
    spoil();
    const failure = { kind: 'wait', why: expect.stringMatching(why) };
    expect(await api.post(MESSAGE)).toMatchObject({ kind: 'failed', failure });
  });

  it('report a deleted message, and a thread whose message was deleted', async () => {
    const ts = await posted();
    slack.deleteMessage(ts);
    expect(await api.edit(ts, MESSAGE)).toMatchObject({ failure: { kind: 'missing', code: 'message_not_found' } });
    expect(await api.post(MESSAGE, { ts, broadcast: false })).toMatchObject({ failure: { kind: 'missing' } });
  });

  it('never send the token to another server, and never put it in a reason', async () => {
    slack.reply('chat.postMessage', { status: 302, headers: { location: 'http://127.0.0.1:9/' } });
    const result = await api.post(MESSAGE);
    expect(JSON.stringify(result)).not.toContain('xoxb');
    expect(result).toMatchObject({ kind: 'failed', failure: { kind: 'wait' } });
  });
});
