import { describe, expect, it, onTestFinished } from 'vitest';
import { policyDefaults } from '../../src/config/config.ts';
import { formatProblem, loadConfig } from '../../src/config/load.ts';
import { httpUrl, type SettingTable, token } from '../../src/config/setting.ts';
import { minSeveritySetting, type ReceiverModule, type ReceiverSettings } from '../../src/notifiers/receiver-module.ts';
import { RECEIVER_NAMES, RECEIVER_SETTINGS } from '../../src/notifiers/registry.ts';
import type { SendResult } from '../../src/pipeline/ports/receiver.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { readBody, startHttpStandIn } from '../support/http-stand-in.ts';

const PAGER_SETTINGS = {
  PAGER_URL: { schema: httpUrl(), allowed: 'an http or https URL', about: 'a pager' },
  PAGER_TOKEN: { schema: token(), allowed: 'printable ASCII', about: 'its token', secret: true },
  PAGER_MIN_SEVERITY: minSeveritySetting('the pager'),
} as const satisfies SettingTable;

interface PagerSettings extends ReceiverSettings {
  readonly url: string;
  readonly token: string;
}

/** A receiver as a folder in src/notifiers/ would define it. */
const pager: ReceiverModule<typeof PAGER_SETTINGS, PagerSettings> = {
  name: 'pager',
  title: 'Pager',
  settings: PAGER_SETTINGS,
  configure({ PAGER_URL: url, PAGER_TOKEN, PAGER_MIN_SEVERITY: minSeverity }, refuse) {
    if (url === undefined) return undefined;
    if (PAGER_TOKEN === undefined) {
      refuse('PAGER_TOKEN', 'is required with PAGER_URL');
      return undefined;
    }
    return { url, token: PAGER_TOKEN, minSeverity };
  },
  create: (settings) => ({
    paceMs: 0,
    send: (alert, signal) => page(settings, { container: alert.incident.container.name }, signal),
    sendNotice: (notice, signal) => page(settings, { notice: notice.title }, signal),
  }),
  async check(settings) {
    const result = await page(settings, {}, AbortSignal.timeout(60_000));
    return result.kind === 'sent' ? { ok: true, detail: 'the pager answers' } : { ok: false, why: result.why };
  },
};

async function page({ url, token }: PagerSettings, body: object, signal: AbortSignal): Promise<SendResult> {
  try {
    const headers = { authorization: `Bearer ${token}` };
    const { ok, status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
    return ok ? { kind: 'sent', status } : { kind: 'retry', status, why: `the pager answered ${status}` };
  } catch {
    return { kind: 'retry', why: 'no connection' };
  }
}

async function startPagerServer() {
  const pages: unknown[] = [];
  const state = { status: 200 };
  const server = await startHttpStandIn(async (request, response) => {
    const body = JSON.parse(await readBody(request));
    if (state.status === 200) pages.push({ ...body, authorization: request.headers.authorization });
    response.writeHead(state.status).end();
  });
  onTestFinished(server.close);
  return { url: server.url, pages, state };
}

describe('a receiver that is added to the registry', () => {
  it('gets alerts in the running agent, beside Slack, and has its own state in /health and /metrics', async () => {
    const { url, pages, state } = await startPagerServer();
    const { engine, slack, health, metric, close } = await startFastWorld({
      containers: ['web', 'db'],
      claude: () => answer({}),
      moreReceivers: [pager],
      env: { PAGER_URL: url, PAGER_TOKEN: 'secret-token', PAGER_MIN_SEVERITY: 'low', AUTO_FIX: 'false' },
    });
    onTestFinished(close);
    engine.container('web')?.log('ERROR cannot serve', { stream: 'stderr' });
    await eventually(() => (pages.length > 0 ? true : undefined), { deadlineMs: 60_000 });
    expect(pages).toEqual([{ container: 'web', authorization: 'Bearer secret-token' }]);
    await eventually(() => (slack.posts.length > 0 ? true : undefined), { deadlineMs: 60_000 });
    await expect
      .poll(() => metric('container_doctor_notifications_total', { integration: 'pager', outcome: 'sent' }))
      .toBe(1);

    state.status = 500;
    engine.container('db')?.log('ERROR the index is corrupt', { stream: 'stderr' });
    await eventually(() => (slack.posts.length > 1 ? true : undefined), { deadlineMs: 60_000 });
    const { receivers, problems, outbox_pending } = await eventually(async () => {
      const body = await health();
      return body.receivers.some(({ last_error }) => last_error !== null) ? body : undefined;
    });
    expect(receivers).toEqual([
      { name: 'slack', pending: 0, failing_since: null, last_error: null },
      { name: 'pager', pending: 1, failing_since: expect.any(String), last_error: 'the pager answered 500' },
    ]);
    expect(problems).toEqual([expect.stringMatching(/^Pager has accepted no messages since .*; alerts waiting: 1$/)]);
    expect(outbox_pending).toBe(1);
    await expect.poll(() => metric('container_doctor_outbox_pending', { integration: 'pager' })).toBe(1);
    await expect.poll(() => metric('container_doctor_outbox_pending', { integration: 'slack' })).toBe(0);
  });

  it('can be checked without sending a message', async () => {
    const { url, state } = await startPagerServer();
    const [receiver] = receiversOf({ PAGER_URL: url, PAGER_TOKEN: 't' });
    expect(await receiver?.check()).toEqual({ ok: true, detail: 'the pager answers' });
    state.status = 403;
    expect(await receiver?.check()).toEqual({ ok: false, why: 'the pager answered 403' });
  });

  it('reads its settings like all others, and hides its secrets', () => {
    expect(receiversOf({ PAGER_URL: 'http://pager.test', PAGER_TOKEN: 't' })).toMatchObject([
      { name: 'pager', title: 'Pager', minSeverity: 'medium' },
    ]);
    expect(problemsOf({ PAGER_URL: 'nowhere', PAGER_TOKEN: 'two words', PAGER_MIN_SEVERITY: 'urgent' })).toEqual([
      'PAGER_URL=nowhere: must be an http or https URL',
      'PAGER_TOKEN=(hidden): must be printable ASCII',
      'PAGER_MIN_SEVERITY=urgent: must be low, medium or high',
    ]);
    const loaded = loadConfig({ PAGER_URL: 'http://pager.test', PAGER_TOKEN: 't0ken' }, undefined, [pager]);
    expect(loaded).toMatchObject({ ok: true, config: { secrets: ['t0ken'] } });
  });

  it('can require one setting with another', () => {
    expect(problemsOf({ PAGER_URL: 'http://pager.test' })).toEqual([
      'PAGER_TOKEN=(hidden): is required with PAGER_URL',
    ]);
    expect(problemsOf({ PAGER_URL: 'http://pager.test', PAGER_TOKEN: 'two words' })).toEqual([
      'PAGER_TOKEN=(hidden): must be printable ASCII',
    ]);
  });
});

it('SLACK_MIN_SEVERITY applies to containers whose policy sets no minimum severity of its own', async () => {
  const { engine, slack, history, close } = await startFastWorld({
    containers: ['web'],
    claude: () => answer({ severity: 'medium' }),
    env: { SLACK_MIN_SEVERITY: 'high', AUTO_FIX: 'false' },
  });
  onTestFinished(close);
  const shop = engine.addContainer({ name: 'shop', labels: { 'container-doctor.min-severity': 'low' } });
  engine.container('web')?.log('ERROR cannot serve', { stream: 'stderr' });
  shop.log('ERROR the basket vanished', { stream: 'stderr' });
  await eventually(
    async () => ((await history()).filter(({ decision }) => decision !== null).length === 2 ? true : undefined),
    {
      deadlineMs: 60_000,
    },
  );
  await eventually(() => (slack.posts.length > 0 ? true : undefined), { deadlineMs: 60_000 });
  expect((await history()).map(({ container, decision }) => [container, decision]).sort()).toEqual([
    ['shop', 'notify'],
    ['web', 'record'],
  ]);
  expect(slack.posts.map(({ text }) => text)).toEqual([expect.stringContaining('shop: error in the log')]);
});

describe('the receivers', () => {
  const SLACK = { SLACK_WEBHOOK_URL: 'https://hooks.slack.test/services/T/B/x' };

  it('have distinct names, which are fixed because metrics and stores contain them', () => {
    expect(RECEIVER_NAMES).toEqual(['slack', 'slack_app', 'alertmanager', 'apprise', 'webhook', 'console']);
  });

  it('are the console alone if no other is configured', () => {
    expect(names({})).toEqual(['console']);
    expect(names(SLACK)).toEqual(['slack']);
  });

  it('add all their settings to the table', () => {
    expect(Object.keys(RECEIVER_SETTINGS).map((name) => name.split('_')[0])).toEqual([
      ...Array(10).fill('SLACK'),
      ...Array(4).fill('ALERTMANAGER'),
      ...Array(4).fill('APPRISE'),
      ...Array(4).fill('WEBHOOK'),
    ]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['SLACK_MIN_SEVERITY with Slack', { ...SLACK, SLACK_MIN_SEVERITY: 'high' }, 'high'],
    ['SLACK_MIN_SEVERITY with the console', { SLACK_MIN_SEVERITY: 'high' }, 'high'],
    [
      'the lowest minimum of several receivers',
      { ...SLACK, SLACK_MIN_SEVERITY: 'high', PAGER_URL: 'http://p.test', PAGER_TOKEN: 't', PAGER_MIN_SEVERITY: 'low' },
      'low',
    ],
  ])('define the minimum severity of alerts: %s', (_what, env, expected) => {
    const loaded = loadConfig(env, undefined, [pager]);
    expect(loaded.ok && policyDefaults(loaded.config).minSeverity).toBe(expected);
  });
});

function receiversOf(env: Record<string, string>) {
  const loaded = loadConfig(env, undefined, [pager]);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config.receivers;
}

function problemsOf(env: Record<string, string>): string[] {
  const loaded = loadConfig(env, undefined, [pager]);
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

function names(env: Record<string, string>): string[] {
  return receiversOf(env).map(({ name }) => name);
}
