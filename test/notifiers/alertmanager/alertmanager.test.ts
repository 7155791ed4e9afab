import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { sendTestAlerts } from '../../../src/commands/check-send.ts';
import { formatProblem, loadConfig } from '../../../src/config/load.ts';
import { createAlertmanager } from '../../../src/notifiers/alertmanager/api.ts';
import { renderAlertmanager, renderAlertmanagerNotice } from '../../../src/notifiers/alertmanager/payload.ts';
import { startHttpStandIn } from '../../support/http-stand-in.ts';
import { sampleAlert } from '../../support/samples.ts';
import { arbitraryAlert, hostileText } from '../arbitrary-alert.ts';
import { expectInert } from '../inert.ts';
import { createIncidentMemory } from '../memory.ts';

const NEVER = new AbortController().signal;

async function startServer(status: number) {
  const seen: (string | undefined)[] = [];
  const server = await startHttpStandIn((request, response) => {
    seen.push(request.headers.authorization);
    request.resume();
    response.writeHead(status).end('secret text of the server');
  });
  onTestFinished(server.close);
  return { ...server, seen };
}

async function sendTo(env: Record<string, string>) {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const [configured] = loaded.config.receivers;
  const [sent] = await sendTestAlerts(loaded.config, { print: () => {}, now: Date.now });
  return { config: loaded.config, result: sent?.result, check: await configured?.check() };
}

it('sends user name and password of the URL, which appear in no result', async () => {
  const { url, seen } = await startServer(401);
  const withUser = url.replace('http://', 'http://doctor:p%40ss@');
  const { result, check, config } = await sendTo({ ALERTMANAGER_URL: withUser });
  expect(new Set(seen)).toEqual(new Set([`Basic ${Buffer.from('doctor:p@ss').toString('base64')}`]));
  const why = 'Alertmanager answered 401: it refuses the user name, password or token';
  expect(result).toEqual({ ok: false, why: `a test alert could not be sent: ${why}` });
  expect(check).toEqual({ ok: false, why });
  expect(config.secrets).toEqual([withUser]);
});

it('sends a bearer token from a file', async () => {
  const { url, seen } = await startServer(200);
  const loaded = loadConfig({ ALERTMANAGER_URL: url, ALERTMANAGER_TOKEN_FILE: '/run/token' }, () => 't0ken\n');
  expect(loaded).toMatchObject({ ok: true, config: { secrets: [url, 't0ken'] } });
  await sendTo({ ALERTMANAGER_URL: url, ALERTMANAGER_TOKEN: 't0ken' });
  expect(seen[0]).toBe('Bearer t0ken');
});

it.each([
  [{ ALERTMANAGER_URL: 'ftp://x' }, 'ALERTMANAGER_URL=(hidden): must be an http or https URL'],
  [{ ALERTMANAGER_TOKEN: 'x' }, 'ALERTMANAGER_TOKEN=(hidden): has no effect without ALERTMANAGER_URL'],
  [
    { ALERTMANAGER_URL: 'http://a:b@x', ALERTMANAGER_TOKEN: 'x' },
    'ALERTMANAGER_TOKEN=(hidden): must be unset if ALERTMANAGER_URL contains a user name or a password',
  ],
])('refuses unsuitable settings: %j', (env, problem) => {
  const loaded = loadConfig(env as Record<string, string>);
  expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([problem]);
});

it('retries while Alertmanager fails, and gives up what it rejects', async () => {
  const results = [];
  for (const status of [500, 503, 429, 400]) {
    const { url } = await startServer(status);
    const receiver = createAlertmanager({ url, now: Date.now, memory: createIncidentMemory() });
    results.push((await receiver.send(sampleAlert(), NEVER)).kind);
  }
  expect(results).toEqual(['retry', 'retry', 'retry', 'dropped']);
});

it('text from logs and models is inert in labels and annotations, and within their limits', () => {
  fc.assert(
    fc.property(arbitraryAlert, hostileText, (alert, text) => {
      for (const { labels, annotations, startsAt } of [
        renderAlertmanager(alert, undefined),
        renderAlertmanagerNotice({ title: text, text, host: text }, 0),
      ]) {
        for (const value of Object.values(labels)) {
          expectInert(value);
          expect(value.length).toBeLessThanOrEqual(200);
          expect(value).not.toMatch(/\n/);
        }
        for (const value of Object.values(annotations)) {
          expectInert(value);
          expect(value.length).toBeLessThanOrEqual(3_000);
        }
        expect(new Date(startsAt).toISOString()).toBe(startsAt);
        expect(labels.alertname).toMatch(/^Container[A-Za-z]+$/);
      }
    }),
    { numRuns: 200 },
  );
});
