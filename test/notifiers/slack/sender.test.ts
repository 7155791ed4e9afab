import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSlack } from '../../../src/notifiers/slack/check.ts';
import { createSlackSender } from '../../../src/notifiers/slack/sender.ts';
import { sampleAlert } from '../../support/samples.ts';
import { type SlackBehaviour, type SlackServer, startSlackServer } from '../../support/slack-server.ts';

const NEVER = new AbortController().signal;
let slack: SlackServer;
beforeEach(async () => {
  slack = await startSlackServer();
});
afterEach(() => slack.close());

const send = (signal = NEVER, timeoutMs = 5000) =>
  createSlackSender({ webhookUrl: slack.webhookUrl, timeoutMs }).send(sampleAlert(), signal);

describe('sending to Slack', () => {
  it('posts the message as JSON', async () => {
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(slack.posts).toHaveLength(1);
    expect(slack.posts[0]?.headers['content-type']).toMatch(/^application\/json/);
    expect(slack.posts[0]?.body.blocks[0].type).toBe('header');
    expect(slack.posts[0]?.text).toContain('The connection pool is exhausted');
  });

  const table: [what: string, behaviour: SlackBehaviour, expected: object][] = [
    [
      'waits as long as Slack says',
      { status: 429, headers: { 'retry-after': '30' } },
      { kind: 'retry', status: 429, afterMs: 30_000 },
    ],
    ['waits a second where Slack does not say', { status: 429 }, { kind: 'retry', status: 429, afterMs: 1000 }],
    [
      'never waits for more than an hour',
      { status: 429, headers: { 'retry-after': '999999' } },
      { kind: 'retry', afterMs: 3_600_000 },
    ],
    [
      'tries again after 500',
      { status: 500, body: 'rollup_error' },
      { kind: 'retry', status: 500, why: 'Slack answered 500 rollup_error' },
    ],
    [
      'tries again after 503',
      { status: 503, body: '<html>down</html>' },
      { kind: 'retry', status: 503, why: 'Slack answered 503' },
    ],
    [
      'tries again after a redirect',
      { status: 302, headers: { location: 'http://127.0.0.1:9' } },
      { kind: 'retry', status: 302 },
    ],
    [
      'does not take a page for an answer',
      { status: 200, body: '<html>log in</html>' },
      { kind: 'retry', status: 200 },
    ],
    ['tries again after a cut connection', 'drop', { kind: 'retry', why: expect.stringMatching(/^no connection/) }],
    [
      'drops what Slack does not take',
      { status: 400, body: 'invalid_payload' },
      { kind: 'dropped', status: 400, why: 'Slack answered 400 invalid_payload' },
    ],
    ['drops where posting is forbidden', { status: 403, body: 'action_prohibited' }, { kind: 'dropped', status: 403 }],
    ['drops where the webhook is gone', { status: 404, body: 'no_service' }, { kind: 'dropped', status: 404 }],
    ['drops where the channel is gone', { status: 410, body: 'channel_is_archived' }, { kind: 'dropped', status: 410 }],
  ];
  it.each(table)('%s', async (_what, behaviour, expected) => {
    slack.reply(behaviour);
    expect(await send()).toMatchObject(expected);
    expect(slack.posts).toHaveLength(1);
  });

  it('tries again later where Slack does not answer in time', async () => {
    slack.reply('hang');
    expect(await send(NEVER, 100)).toEqual({ kind: 'retry', why: 'Slack did not answer in time' });
  });

  it('takes an answer that is cut after its head for what its status says: nothing is sent twice', async () => {
    slack.reply([
      { status: 200, cut: true },
      { status: 503, cut: true },
    ]);
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(await send()).toEqual({ kind: 'retry', status: 503, why: 'Slack answered 503' });
  });

  it('stops when it is told to, and says so', async () => {
    slack.reply('hang');
    expect(await send(AbortSignal.timeout(100))).toEqual({ kind: 'retry', why: 'sending was stopped' });
  });

  it('sends the text alone where Slack does not take the layout', async () => {
    slack.reply([{ status: 400, body: 'invalid_blocks' }]);
    expect(await send()).toEqual({ kind: 'sent', status: 200 });
    expect(slack.posts).toHaveLength(2);
    expect(slack.posts[1]?.body.blocks).toBeUndefined();
    expect(slack.posts[1]?.body.text).toContain('The connection pool is exhausted');
  });

  it('never tells the address, which is a secret', async () => {
    for (const webhookUrl of [
      'not an address/services/T1/B1/s3cret',
      'http://127.0.0.1:1/services/T1/B1/s3cret',
      'http://[::bad/s3cret',
    ]) {
      const result = await createSlackSender({ webhookUrl }).send(sampleAlert(), NEVER);
      expect(result.kind).toBe('retry');
      expect(JSON.stringify(result)).not.toContain('s3cret');
    }
  });
});

describe('the check of the webhook', () => {
  it.each([
    ['works', { status: 400, body: 'no_text' }, { ok: true }],
    ['was revoked', { status: 404, body: 'no_service' }, { ok: false, why: 'Slack answered 404 no_service' }],
    ['is forbidden', { status: 403, body: 'invalid_token' }, { ok: false, why: 'Slack answered 403 invalid_token' }],
    ['cannot be reached', 'drop' as const, { ok: false, why: expect.stringMatching(/^no connection/) }],
  ])('says whether it %s, and posts no message', async (_what, behaviour, expected) => {
    slack.reply(behaviour);
    expect(await checkSlack({ webhookUrl: slack.webhookUrl })).toEqual(expected);
    expect(slack.posts.map((post) => post.body)).toEqual([{}]);
  });
});
