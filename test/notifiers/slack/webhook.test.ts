import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSlackWebhook, createSlackWebhook } from '../../../src/notifiers/slack/webhook.ts';
import { sampleAlert } from '../../support/samples.ts';
import { type SlackBehaviour, type SlackServer, startSlackServer } from '../../support/slack-server.ts';

const NEVER = new AbortController().signal;
let slack: SlackServer;
beforeEach(async () => {
  slack = await startSlackServer();
});
afterEach(() => slack.close());

const send = (signal = NEVER, timeoutMs = 5000) =>
  createSlackWebhook({ webhookUrl: slack.webhookUrl, timeoutMs }).send(sampleAlert(), signal);

describe('the Slack webhook', () => {
  it('posts a message as JSON', async () => {
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(slack.posts).toHaveLength(1);
    expect(slack.posts[0]?.headers['content-type']).toMatch(/^application\/json/);
    expect(slack.posts[0]?.body.blocks[0].type).toBe('header');
    expect(slack.posts[0]?.text).toContain('The connection pool is exhausted');
  });

  const table: [what: string, behaviour: SlackBehaviour, expected: object][] = [
    [
      'waits for as long as Slack requests',
      { status: 429, headers: { 'retry-after': '30' } },
      { kind: 'retry', status: 429, afterMs: 30_000 },
    ],
    [
      'waits for a second if Slack does not say how long',
      { status: 429 },
      { kind: 'retry', status: 429, afterMs: 1000 },
    ],
    [
      'waits for at most an hour',
      { status: 429, headers: { 'retry-after': '999999' } },
      { kind: 'retry', afterMs: 3_600_000 },
    ],
    [
      'retries after 500',
      { status: 500, body: 'rollup_error' },
      { kind: 'retry', status: 500, why: 'Slack answered 500 rollup_error' },
    ],
    [
      'retries after 503',
      { status: 503, body: '<html>down</html>' },
      { kind: 'retry', status: 503, why: 'Slack answered 503' },
    ],
    [
      'retries after a redirect',
      { status: 302, headers: { location: 'http://127.0.0.1:9' } },
      { kind: 'retry', status: 302 },
    ],
    [
      'retries after a web page, which cannot come from Slack',
      { status: 200, body: '<html>log in</html>' },
      { kind: 'retry', status: 200 },
    ],
    ['retries after a broken connection', 'drop', { kind: 'retry', why: expect.stringMatching(/^no connection/) }],
    [
      'drops a message that Slack rejects',
      { status: 400, body: 'invalid_payload' },
      { kind: 'dropped', status: 400, why: 'Slack answered 400 invalid_payload' },
    ],
    [
      'drops a message if posting is forbidden',
      { status: 403, body: 'action_prohibited' },
      { kind: 'dropped', status: 403 },
    ],
    ['drops a message if the webhook is gone', { status: 404, body: 'no_service' }, { kind: 'dropped', status: 404 }],
    [
      'drops a message if the channel is gone',
      { status: 410, body: 'channel_is_archived' },
      { kind: 'dropped', status: 410 },
    ],
  ];
  it.each(table)('%s', async (_what, behaviour, expected) => {
    slack.reply(behaviour);
    expect(await send()).toMatchObject(expected);
    expect(slack.posts).toHaveLength(1);
  });

  it('retries if Slack does not answer in time', async () => {
    slack.reply('hang');
    expect(await send(NEVER, 100)).toEqual({ kind: 'retry', why: 'Slack did not answer in time' });
  });

  it('relies on the status of an answer whose body is cut off, so that nothing is sent twice', async () => {
    slack.reply([
      { status: 200, cut: true },
      { status: 503, cut: true },
    ]);
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(await send()).toEqual({ kind: 'retry', status: 503, why: 'Slack answered 503' });
  });

  it('stops when it is aborted', async () => {
    slack.reply('hang');
    expect(await send(AbortSignal.timeout(100))).toEqual({ kind: 'retry', why: 'sending was aborted' });
  });

  it('sends only the text if Slack rejects the layout', async () => {
    slack.reply([{ status: 400, body: 'invalid_blocks' }]);
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(slack.posts).toHaveLength(2);
    expect(slack.posts[1]?.body.blocks).toBeUndefined();
    expect(slack.posts[1]?.body.text).toContain('The connection pool is exhausted');
  });

  it('never reveals the URL, which is a secret', async () => {
    for (const webhookUrl of [
      'not a URL/services/T1/B1/s3cret',
      'http://127.0.0.1:1/services/T1/B1/s3cret',
      'http://[::bad/s3cret',
    ]) {
      const result = await createSlackWebhook({ webhookUrl }).send(sampleAlert(), NEVER);
      expect(result.kind).toBe('retry');
      expect(JSON.stringify(result)).not.toContain('s3cret');
    }
  });
});

describe('the check of the webhook', () => {
  it.each([
    ['works', { status: 400, body: 'no_text' }, { ok: true, detail: 'the webhook answers' }],
    ['was revoked', { status: 404, body: 'no_service' }, { ok: false, why: 'Slack answered 404 no_service' }],
    ['is forbidden', { status: 403, body: 'invalid_token' }, { ok: false, why: 'Slack answered 403 invalid_token' }],
    ['cannot be reached', 'drop' as const, { ok: false, why: expect.stringMatching(/^no connection/) }],
  ])('reports that it %s, without posting a message', async (_what, behaviour, expected) => {
    slack.reply(behaviour);
    expect(await checkSlackWebhook({ webhookUrl: slack.webhookUrl })).toEqual(expected);
    expect(slack.posts.map((post) => post.body)).toEqual([{}]);
  });
});
