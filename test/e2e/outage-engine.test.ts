/** The notices and alerts of the real agent, run in this process, while the engine is away or hangs. */
import { afterEach, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { createJumpingClock, type JumpingClock } from '../support/jumping-clock.ts';
import { appMessages, expectEverywhereOnce, type Receivers, STAND_INS, startReceivers } from '../support/receivers.ts';
import { SAFE, soon } from '../support/world.ts';

const MINUTE = 60_000;

let world: FastWorld;
let clock: JumpingClock;
let receivers: Receivers;

afterEach(async () => {
  await world.close();
  await receivers.close();
});

async function start({ engineMs = 300 } = {}): Promise<void> {
  clock = createJumpingClock();
  receivers = await startReceivers();
  world = await startFastWorld({
    clock,
    containers: ['web', 'other'],
    claude: () => answer(SAFE),
    requestTimeouts: { engineMs },
    env: { CHECK_INTERVAL: '1', VERIFY_STABLE_SECONDS: '1', VERIFY_DEADLINE_SECONDS: '5', ...receivers.env },
  });
  await awaitConnected(true);
}

const awaitConnected = (connected: boolean) =>
  soon(async () => ((await world.health()).docker_connected === connected ? true : undefined));
const titles = () => world.slack.posts.map(({ text }) => text.split('\n', 1)[0]);

describe('an engine that is away', () => {
  it('for a minute causes one notice, and one more when it is back', async () => {
    await start();
    world.engine.faults.refuseConnections();
    await awaitConnected(false);
    expect(titles()).toEqual([]);
    clock.pass(MINUTE);
    await soon(() => (world.slack.posts.length === 1 ? true : undefined));
    clock.pass(60 * MINUTE);
    world.engine.faults.clear();
    await awaitConnected(true);
    await soon(() => (world.slack.posts.length === 2 ? true : undefined));
    for (const service of STAND_INS) await soon(() => (receivers[service].length === 2 ? true : undefined));
    await soon(() => (appMessages(receivers).length === 2 ? true : undefined));
    const expected = [
      expect.stringContaining('Container Doctor cannot reach the Docker engine'),
      expect.stringContaining('Container Doctor is connected to the Docker engine again'),
    ];
    expect(titles()).toEqual(expected);
    expect(appMessages(receivers).map(({ text }) => text)).toEqual(expected);
    expect(world.claude.requests).toEqual([]);
  });

  it('delays no crash: the events of that time cause one alert when it is back', async () => {
    await start();
    world.engine.faults.refuseConnections();
    await awaitConnected(false);
    world.engine.container('web')?.log('ERROR: the pool is exhausted');
    world.engine.container('web')?.exit(1);
    world.engine.faults.clear();
    await soon(() => (world.slack.posts.length > 0 ? true : undefined));
    await soon(async () => ((await world.metric('container_doctor_incidents_open')) === 0 ? true : undefined));
    await expectEverywhereOnce(receivers, await world.history());
    expect(world.engine.count('restart', 'web')).toBe(1);
    expect(world.claude.requests).toHaveLength(1);
    expect(world.engine.container('other')?.starts).toBe(1);
    await expect.poll(() => world.metric('container_doctor_log_lines_total')).toBe(1);
  });
});

it('an engine that hangs does not delay the saving of an incident', async () => {
  await start({ engineMs: 60_000 });
  // The agent inspects each container once to learn its secrets.
  await soon(() => (world.engine.count('inspect', 'web') > 0 ? true : undefined));
  for (const operation of ['list', 'inspect', 'logs'] as const) world.engine.faults.hang(operation);
  const before = Date.now();
  world.engine.container('web')?.log('ERROR: the pool is exhausted');
  await soon(() => world.logger.records.find(({ message }) => message === 'incident opened'));
  expect(Date.now() - before).toBeLessThan(30_000);
});

it('an engine that hangs right after a container crashed delays no alert, and nothing is restarted', async () => {
  await start();
  for (const operation of ['list', 'inspect', 'logs'] as const) world.engine.faults.hang(operation);
  world.engine.container('web')?.exit(1);
  await awaitConnected(false);
  await soon(() => (world.slack.posts.length > 0 ? true : undefined));
  expect(world.engine.count('restart')).toBe(0);
  world.engine.faults.clear();
  await awaitConnected(true);
  expect(world.claude.requests).toHaveLength(1);
  expect(world.slack.posts).toHaveLength(1);
});
