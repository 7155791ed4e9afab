/** All receivers at once, in the running agent and in `check --send`. Stand-ins take the place of their services. */
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';
import type { SettingValues } from '../../src/config/settings.ts';
import { answer } from '../support/claude-server.ts';
import { runCommand } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { freePort } from '../support/free-port.ts';
import { readBody, startHttpStandIn } from '../support/http-stand-in.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

const SECRET = 'a long plain secret';

// biome-ignore lint/suspicious/noExplicitAny: bodies of three services
type Body = any;

async function startServices() {
  const state = { isDown: false };
  const received: Record<'alertmanager' | 'apprise' | 'webhook', Body[]> = {
    alertmanager: [],
    apprise: [],
    webhook: [],
  };
  const server = await startHttpStandIn(async (request, response) => {
    const [, service = ''] = (request.url ?? '').split('/');
    const text = await readBody(request);
    if (state.isDown && service === 'alertmanager') return void response.writeHead(500).end();
    if (request.method === 'POST') {
      const body = JSON.parse(text);
      if (service === 'webhook') {
        new Webhook(SECRET, { format: 'raw' }).verify(text, request.headers as Record<string, string>);
      }
      received[service as keyof typeof received].push(body);
    }
    response.writeHead(200).end('{}');
  });
  onTestFinished(server.close);
  const env = {
    ALERTMANAGER_URL: `${server.url}/alertmanager`,
    APPRISE_URL: `${server.url}/apprise/notify/key`,
    WEBHOOK_URL: `${server.url}/webhook`,
    WEBHOOK_SECRET: SECRET,
  } satisfies Partial<Record<keyof SettingValues, string>>;
  return { state, received, env };
}

it('each receiver gets what it is meant for, and one that fails delays no other', async () => {
  const { state, received, env } = await startServices();
  const { engine, slack, health, close } = await startFastWorld({
    speed: 20,
    containers: ['web', 'db'],
    claude: () => answer(SAFE),
    env: { ...env, APPRISE_ONLY: 'db', PUBLIC_URL: 'https://doctor.test/' },
  });
  onTestFinished(close);
  state.isDown = true;
  engine.container('web')?.exit(1);
  const kinds = () => received.webhook.map(({ type }) => type);
  await eventually(() => (kinds().includes('incident.resolved') ? true : undefined), { deadlineMs: 60_000 });
  await eventually(() => (slack.posts.length > 0 ? true : undefined));
  expect(kinds()).toEqual(['incident.restarting', 'incident.outcome', 'incident.resolved']);
  expect(slack.posts).toHaveLength(1);
  expect(JSON.stringify(slack.posts[0]?.body)).toContain('https://doctor.test/incidents/');
  expect(received.apprise).toEqual([]);
  const { receivers } = await health();
  expect(receivers.map(({ name, last_error }) => [name, last_error])).toEqual([
    ['slack', null],
    ['alertmanager', 'Alertmanager answered 500'],
    ['apprise', null],
    ['webhook', null],
  ]);

  state.isDown = false;
  const alerts = () => received.alertmanager.flat();
  await eventually(() => (alerts().length >= 3 ? true : undefined), { deadlineMs: 60_000 });
  const [first, , last] = alerts();
  expect(first.labels).toMatchObject({ container: 'web', severity: 'critical' });
  expect(Date.parse(first.endsAt)).toBeGreaterThan(Date.parse(last.endsAt));

  engine.container('db')?.exit(1);
  await eventually(() => (received.apprise.length > 0 ? true : undefined), { deadlineMs: 60_000 });
  expect(received.apprise[0]).toMatchObject({ title: expect.stringContaining('db'), tag: 'high' });
}, 120_000);

it('check --send sends a test alert to each and reports each result', async () => {
  const { received, env } = await startServices();
  const slack = await startSlackServer();
  onTestFinished(slack.close);
  const { code, stdout } = await runCommand(['check', '--send'], {
    ...env,
    ALERTMANAGER_URL: `http://doctor:s3cr3t-word@127.0.0.1:${await freePort()}`,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    SLACK_MIN_SEVERITY: 'low',
    DOCKER_HOST: 'unix:///nowhere',
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(/ok {7}\s+Slack\s+a test alert of severity low was sent/);
  expect(stdout).toMatch(
    /PROBLEM\s+Alertmanager\s+a test alert could not be sent: no connection to Alertmanager \(ECONNREFUSED\)/,
  );
  expect(stdout).toMatch(/ok {7}\s+Apprise\s+a test alert of severity medium was sent/);
  expect(stdout).toMatch(/ok {7}\s+Webhook\s+a test alert of severity medium was sent/);
  expect(stdout).not.toContain('s3cr3t-word');
  expect(slack.posts.at(-1)?.text).toContain('This is a test');
  expect(received.apprise).toHaveLength(1);
  expect(received.webhook).toHaveLength(1);
});
