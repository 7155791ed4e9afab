import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { formatProblem, loadConfig } from '../../../src/config/load.ts';
import type { Alert } from '../../../src/domain/alert.ts';
import { alertEvent, noticeEvent, summaryEvent, webhookEvent } from '../../../src/notifiers/webhook/event.ts';
import { sign } from '../../../src/notifiers/webhook/signature.ts';
import { createWebhook } from '../../../src/notifiers/webhook/webhook.ts';
import type { Summary } from '../../../src/pipeline/ports/receiver.ts';
import { readBody, startHttpStandIn } from '../../support/http-stand-in.ts';
import { sampleAlert } from '../../support/samples.ts';
import { arbitraryAlert, hostileText } from '../arbitrary-alert.ts';

const NEVER = new AbortController().signal;
const SECRET = `whsec_${Buffer.from('a key that only the two of us know').toString('base64')}`;

const summary: Summary = {
  id: 'flood-1',
  since: Date.now(),
  alerts: 290,
  requests: 1,
  groups: [{ project: 'shop', cause: 'crash', severity: 'high', alerts: 290, containers: ['web'] }],
  incidentIds: ['one'],
};

/** A receiver that verifies each request with a library of Standard Webhooks. */
async function startReceiver(options: { readonly key?: string; readonly status?: number } = {}) {
  const verifier = options.key === undefined ? new Webhook(SECRET) : new Webhook(options.key, { format: 'raw' });
  const events: unknown[] = [];
  const requests: { readonly headers: Record<string, string>; readonly body: string }[] = [];
  const server = await startHttpStandIn(async (request, response) => {
    const body = await readBody(request);
    const headers = request.headers as Record<string, string>;
    requests.push({ headers, body });
    try {
      events.push(verifier.verify(body, headers));
      response.writeHead(options.status ?? 204).end();
    } catch {
      response.writeHead(401).end();
    }
  });
  onTestFinished(server.close);
  return { url: server.url, events, requests, verifier };
}

const create = (url: string, secret = SECRET, now = Date.now) =>
  createWebhook({ url, secret, minSeverity: 'low' }, { now, publicUrl: 'https://doctor.test' });

describe('a request', () => {
  it('is signed so that a library of Standard Webhooks accepts it, and has the form of the schema', async () => {
    const { url, events } = await startReceiver();
    const receiver = create(url);
    expect(await receiver.send(sampleAlert(), NEVER)).toEqual({ kind: 'sent', status: 204 });
    expect(await receiver.sendNotice({ title: 'The store is down', text: 'Full.' }, NEVER)).toMatchObject({
      kind: 'sent',
    });
    expect(await receiver.sendSummary?.(summary, NEVER)).toMatchObject({ kind: 'sent' });
    for (const event of events) webhookEvent.parse(event);
    expect(events.map((event) => (event as { type: string }).type)).toEqual([
      'incident.diagnosed',
      'notice',
      'summary',
    ]);
    expect(events[0]).toMatchObject({
      id: 'alert-1',
      data: { incident: { url: expect.stringMatching(/^https:\/\/doctor\.test\/incidents\//) } },
    });
  });

  it('is accepted with a secret that is plain text', async () => {
    const key = 'a long plain secret';
    const { url, events } = await startReceiver({ key });
    expect(await create(url, key).send(sampleAlert(), NEVER)).toMatchObject({ kind: 'sent' });
    expect(events).toHaveLength(1);
  });

  it('is refused if its body was changed, it was signed with another secret, or it is old', async () => {
    const { url, requests, verifier } = await startReceiver();
    await create(url).send(sampleAlert(), NEVER);
    const { headers, body } = requests[0] as (typeof requests)[number];
    expect(() => verifier.verify(body, headers)).not.toThrow();
    expect(() => verifier.verify(body.replace('high', 'low'), headers)).toThrow();
    expect(() => verifier.verify(body, { ...headers, 'webhook-timestamp': '1' })).toThrow();
    expect(await create(url, 'another secret of ours').send(sampleAlert(), NEVER)).toMatchObject({ status: 401 });
    const hourAgo = () => Date.now() - 3_600_000;
    expect(await create(url, SECRET, hourAgo).send(sampleAlert(), NEVER)).toMatchObject({ status: 401 });
  });

  it('has the same id when it is sent again', async () => {
    const { url, requests } = await startReceiver({ status: 500 });
    const receiver = create(url);
    expect(await receiver.send(sampleAlert(), NEVER)).toMatchObject({ kind: 'retry', status: 500 });
    await receiver.send(sampleAlert(), NEVER);
    await receiver.sendNotice({ title: 'a', text: 'b' }, NEVER);
    await receiver.sendNotice({ title: 'a', text: 'b' }, NEVER);
    const ids = requests.map(({ headers }) => headers['webhook-id']);
    expect([ids[0], ids[2]]).toEqual([ids[1], ids[3]]);
  });

  it('contains neither the secret nor anything that a page would interpret', async () => {
    const { url, requests } = await startReceiver();
    const hostile = sampleAlert({ excerpt: ['</script><script>alert(1)</script>'] });
    await create(url).send(hostile, NEVER);
    expect(requests[0]?.body).not.toMatch(/[<>]/);
    expect(JSON.stringify(requests)).not.toContain(SECRET.slice(6));
  });
});

it('is signed as the documented example', () => {
  expect(sign('a long plain secret', { id: 'evt', body: '{}', now: 1_700_000_000_000 })).toEqual({
    'webhook-id': 'evt',
    'webhook-timestamp': '1700000000',
    'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
  });
});

describe('the schema', () => {
  let events: object[];
  beforeEach(() => {
    events = [];
  });

  it('describes every event, whatever text is in it; no invisible character is left', () => {
    fc.assert(
      fc.property(arbitraryAlert, hostileText, (alert: Alert, text) => {
        events = [
          alertEvent(alert, undefined),
          noticeEvent({ title: text, text, host: text }, 'notice/1', 0),
          summaryEvent(
            { ...summary, groups: [{ cause: text, severity: 'low', alerts: 1, containers: [text] }] },
            undefined,
            0,
          ),
        ];
        for (const event of events) {
          const sent = JSON.parse(JSON.stringify(event));
          webhookEvent.parse(sent);
          expect(Object.values(sent.data).join('')).not.toMatch(/[\p{Cf}\p{Co}\p{Cs}]/u);
        }
      }),
      { numRuns: 200 },
    );
  });
});

it.each([
  [
    { WEBHOOK_URL: 'http://x' },
    'WEBHOOK_SECRET=(hidden): is required with WEBHOOK_URL; must be at least 16 characters',
  ],
  [{ WEBHOOK_SECRET: 'a long plain secret' }, 'WEBHOOK_SECRET=(hidden): has no effect without WEBHOOK_URL'],
  [{ WEBHOOK_URL: 'http://x', WEBHOOK_SECRET: 'short' }, 'WEBHOOK_SECRET=(hidden): must be at least 16 characters'],
  [{ WEBHOOK_URL: 'x', WEBHOOK_SECRET: 'a long plain secret' }, 'WEBHOOK_URL=(hidden): must be an http or https URL'],
])('refuses unsuitable settings: %j', (env, problem) => {
  const loaded = loadConfig(env as Record<string, string>);
  expect(loaded.ok ? [] : loaded.problems.map(formatProblem)[0]).toContain(problem);
});
