import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/time.ts';
import { createSocket, type Socket } from '../../../src/notifiers/slack-app/socket.ts';
import { eventually } from '../../support/eventually.ts';
import { type SlackApp, startSlackApp } from '../../support/slack-app-server.ts';

let slack: SlackApp;
let stop: AbortController;
let received: unknown[];
let running: Promise<void> | undefined;

beforeEach(async () => {
  slack = await startSlackApp();
  stop = new AbortController();
  received = [];
});
afterEach(async () => {
  stop.abort();
  await running;
  await slack.close();
});

function start(over: { speed?: number; onInteraction?: (payload: unknown) => Promise<void> } = {}): Socket {
  const { speed = 50, onInteraction = async (payload: unknown) => void received.push(payload) } = over;
  const socket = createSocket({
    appToken: slack.appToken,
    apiUrl: slack.apiUrl,
    // A fast back-off.
    clock: { monotonic: systemClock.monotonic, sleep: (ms, signal) => systemClock.sleep(ms / speed, signal) },
    timeoutMs: 1_000,
    onInteraction: (payload, acknowledge) => acknowledge().then(() => onInteraction(payload)),
  });
  running = socket.run(stop.signal);
  return socket;
}

const connected = (socket: Socket) =>
  eventually(() => (socket.problem() === undefined && slack.socket.connections() > 0 ? true : undefined));
const click = () =>
  slack.socket.click({
    team: slack.team,
    channel: slack.channel,
    messageTs: '1.000001',
    user: 'U0JANE0001',
    actionId: 'restart',
    blockId: 'b',
    type: 'button',
    value: 'req-1',
  });

describe('the connection for clicks', () => {
  it('delivers a click, which is acknowledged before anything is done', async () => {
    const never = new Promise<void>(() => undefined);
    const socket = start({
      onInteraction: (payload) => {
        received.push(payload);
        return never;
      },
    });
    await connected(socket);
    expect(await click()).toMatchObject({ acknowledged: true });
    await eventually(() => (received.length === 1 ? true : undefined));
    expect(received[0]).toMatchObject({ type: 'block_actions', user: { id: 'U0JANE0001' } });
    expect(slack.violations).toEqual([]);
  });

  it('acknowledges what it does not use', async () => {
    const socket = start();
    await connected(socket);
    expect(await slack.socket.deliver('slash_commands', { command: '/x' })).toMatchObject({ acknowledged: true });
    expect(received).toEqual([]);
  });

  it.each(['refresh_requested', 'warning'] as const)('is renewed when Slack announces its end: %s', async (reason) => {
    const socket = start();
    await connected(socket);
    await slack.socket.renew(reason);
    await eventually(() => (slack.socket.opened() === 2 && slack.socket.connections() === 1 ? true : undefined));
    expect(await click()).toMatchObject({ acknowledged: true });
    expect(socket.problem()).toBeUndefined();
  });

  it('is opened again when it is cut, as often as that happens', async () => {
    const socket = start({ speed: 5_000 });
    await connected(socket);
    for (let i = 2; i <= 14; i += 1) {
      slack.socket.dropAll();
      await eventually(() => (slack.socket.opened() === i && slack.socket.connections() === 1 ? true : undefined));
    }
    expect(await click()).toMatchObject({ acknowledged: true });
  });

  it('is opened as soon as Slack accepts it again', async () => {
    slack.socket.refuse();
    const socket = start();
    await eventually(() => (/closed the connection|no connection/.test(socket.problem() ?? '') ? true : undefined));
    slack.socket.accept();
    await connected(socket);
  });

  it.each([
    ['a revoked token', () => slack.revoke(), /revoked.*SLACK_APP_TOKEN.*token_revoked/],
    ['a server error', () => slack.reply('apps.connections.open', { status: 500 }), /Slack answered 500/],
    ['a missing scope', () => slack.reply('apps.connections.open', { error: 'missing_scope' }), /missing_scope/],
    ['no answer', () => slack.reply('apps.connections.open', 'hang'), /did not answer in time/],
    ['a page of a proxy', () => slack.reply('apps.connections.open', { status: 200, body: '<p>' }), /SLACK_API_URL/],
  ])('names %s and tries again', async (_, spoil, why) => {
    spoil();
    const socket = start();
    await eventually(() => (why.test(socket.problem() ?? '') ? true : undefined));
    const calls = slack.callsOf('apps.connections.open').length;
    await eventually(() => (slack.callsOf('apps.connections.open').length > calls ? true : undefined));
  });

  it('waits as long as Slack asks', async () => {
    slack.reply('apps.connections.open', [{ status: 429, headers: { 'retry-after': '10' } }]);
    const socket = start();
    await connected(socket);
    const [first, second] = slack.callsOf('apps.connections.open');
    // 10 s, of a clock that is 50 times as fast.
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(200);
  });

  it('ends when the agent stops, also while it is being opened', async () => {
    slack.reply('apps.connections.open', 'hang');
    start();
    await eventually(() => (slack.callsOf('apps.connections.open').length === 1 ? true : undefined));
    stop.abort();
    await running;
    slack.reply('apps.connections.open', undefined);
    await eventually(() => (slack.socket.connections() === 0 ? true : undefined));
  });
});
