/** What people are told while the engine is away or hangs, by the real agent in this process. */
import { afterEach, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { createJumpingClock, type JumpingClock } from '../support/jumping-clock.ts';
import { SAFE, soon } from '../support/world.ts';

const MINUTE = 60_000;

let world: FastWorld;
let clock: JumpingClock;

afterEach(() => world.close());

async function start(): Promise<void> {
  clock = createJumpingClock();
  world = await startFastWorld({
    clock,
    containers: ['web', 'other'],
    claude: () => answer(SAFE),
    requestTimeouts: { engineMs: 300 },
    env: { CHECK_INTERVAL: '1', VERIFY_STABLE_SECONDS: '1', VERIFY_DEADLINE_SECONDS: '5' },
  });
  await awaitConnected(true);
}

const awaitConnected = (connected: boolean) =>
  soon(async () => ((await world.health()).docker_connected === connected ? true : undefined));
const toldTitles = () => world.slack.posts.map(({ text }) => text.split('\n', 1)[0]);

describe('an engine that is away', () => {
  it('for a minute is told of in Slack, once, and once more when it is back', async () => {
    await start();
    world.engine.faults.refuseConnections();
    await awaitConnected(false);
    expect(toldTitles()).toEqual([]);
    clock.pass(MINUTE);
    await soon(() => (world.slack.posts.length === 1 ? true : undefined));
    clock.pass(60 * MINUTE);
    world.engine.faults.clear();
    await awaitConnected(true);
    await soon(() => (world.slack.posts.length === 2 ? true : undefined));
    expect(toldTitles()).toEqual([
      expect.stringContaining('Container Doctor cannot reach the Docker engine'),
      expect.stringContaining('Container Doctor is connected to the Docker engine again'),
    ]);
    expect(world.claude.requests).toEqual([]);
  });

  it('holds no crash back: what it remembers of that time is told when it is back, once', async () => {
    await start();
    world.engine.faults.refuseConnections();
    await awaitConnected(false);
    world.engine.container('web')?.log('ERROR: the pool is exhausted');
    world.engine.container('web')?.exit(1);
    world.engine.faults.clear();
    await soon(() => (world.slack.posts.length > 0 ? true : undefined));
    await soon(async () => ((await world.metric('container_doctor_incidents_open')) === 0 ? true : undefined));
    expect(world.engine.count('restart', 'web')).toBe(1);
    expect(world.claude.requests).toHaveLength(1);
    expect(world.engine.container('other')?.starts).toBe(1);
    expect(await world.metric('container_doctor_log_lines_total')).toBe(1);
  });
});

it('an engine that hangs right after a container crashed keeps no alert back, and nothing is restarted in the dark', async () => {
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
