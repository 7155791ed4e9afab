/** The real agent while the clock of the host, which the engine uses too, steps forward and back. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import { answer } from '../support/claude-server.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { createJumpingClock, type JumpingClock } from '../support/jumping-clock.ts';
import { expectEverywhereOnce, type Receivers, STAND_INS, startReceivers } from '../support/receivers.ts';
import { SAFE, soon } from '../support/world.ts';

const HOUR = 3_600_000;

let world: FastWorld;
let clock: JumpingClock;
let receivers: Receivers;

afterEach(async () => {
  await world.close();
  await receivers.close();
});

async function start(env: Record<string, string> = {}): Promise<SimulatedContainer> {
  clock = createJumpingClock();
  receivers = await startReceivers();
  world = await startFastWorld({
    clock,
    containers: ['web', 'other'],
    claude: () => answer(SAFE),
    env: { CHECK_INTERVAL: '1', VERIFY_STABLE_SECONDS: '1', VERIFY_DEADLINE_SECONDS: '5', ...receivers.env, ...env },
  });
  await soon(async () => ((await world.health()).docker_connected ? true : undefined));
  return world.engine.container('web') as SimulatedContainer;
}

const restarts = (outcome?: string) =>
  world.metric('container_doctor_restarts_total', outcome === undefined ? {} : { outcome });
const awaitRestarts = (count: number, outcome?: string) =>
  soon(async () => ((await restarts(outcome)) === count ? true : undefined));
/** Waits until the restart and its late events are over. */
const awaitSettled = async () => {
  await soon(async () => ((await world.metric('container_doctor_incidents_open')) === 0 ? true : undefined));
  clock.pass(10_000);
};

describe.each([
  ['forward an hour', HOUR],
  ['back an hour', -HOUR],
  ['back two seconds', -2_000],
])('when the clock is set %s', (_, step) => {
  it('every line is counted once, Claude is asked once, and /health is correct', async () => {
    const web = await start({ AUTO_FIX: 'false' });
    const other = world.engine.container('other') as SimulatedContainer;
    let printed = 0;
    const print = () => {
      web.log(`ERROR: the pool is exhausted, request ${printed}`);
      other.log(`request ${printed} served`);
      printed += 2;
    };
    for (let n = 0; n < 20; n++) print();
    await soon(() => (world.slack.posts.length === 1 ? true : undefined));
    clock.jump(step);
    const unwell: unknown[] = [];
    for (let turn = 0; turn < 5; turn++) {
      for (let n = 0; n < 10; n++) print();
      world.engine.faults.dropConnections();
      for (let n = 0; n < 10; n++) print();
      await soon(async () => {
        const health = await world.health();
        if (health.loop_stalled) unwell.push(health);
        return (await world.metric('container_doctor_log_lines_total')) === printed ? true : undefined;
      });
    }
    expect(unwell).toEqual([]);
    expect(world.claude.requests).toHaveLength(1);
    // The heartbeat follows the clock.
    await soon(async () => {
      const beat = await world.metric('container_doctor_heartbeat_timestamp_seconds');
      return Math.abs(clock.now() / 1000 - beat) < 60 ? true : undefined;
    });
  });

  it('a restart under verification is judged by how long the container ran', async () => {
    const web = await start({ VERIFY_STABLE_SECONDS: '60', VERIFY_DEADLINE_SECONDS: '120' });
    web.exit(1);
    await soon(() => (world.engine.count('restart') === 1 && web.running ? true : undefined));
    clock.jump(step);
    // After the step it is inspected again, and the verification continues.
    const inspections = world.engine.count('inspect');
    await soon(() => (world.engine.count('inspect') > inspections + 1 ? true : undefined));
    expect(await restarts()).toBe(0);
    clock.pass(60_000);
    await awaitRestarts(1, 'recovered');
  });

  it('a problem of before does not count as one that came back', async () => {
    await start();
    const slow = world.engine.addContainer({ name: 'slow', startTakesMs: 500 });
    await soon(async () => ((await world.health()).monitoring.includes('slow') ? true : undefined));
    slow.exit(1);
    await soon(() => (world.engine.count('restart') === 1 ? true : undefined));
    clock.jump(step);
    await soon(() => (slow.running ? true : undefined));
    clock.pass(60_000);
    await awaitRestarts(1, 'recovered');
  });

  it('an alert is retried after its back-off', async () => {
    const web = await start({ AUTO_FIX: 'false' });
    world.slack.reply([{ status: 500 }]);
    for (const service of STAND_INS) receivers.reply(service, { status: 500 });
    receivers.slackApp.reply('chat.postMessage', { status: 500 });
    web.exit(1);
    await soon(() => (world.slack.posts.length === 1 ? true : undefined));
    for (const service of STAND_INS) await soon(() => (receivers[service].length > 0 ? true : undefined));
    await soon(() => (receivers.slackApp.callsOf('chat.postMessage').length > 0 ? true : undefined));
    for (const service of STAND_INS) receivers.reply(service, undefined);
    receivers.slackApp.reply('chat.postMessage', undefined);
    clock.jump(step);
    await soon(async () => ((await world.health()).outbox_pending === 0 ? true : undefined));
    expect(world.slack.posts).toHaveLength(2);
    await expectEverywhereOnce(receivers, await world.history());
  });
});

describe('the restart limit', () => {
  /** Each crash has its own exit code, so that each is an incident. */
  const crash = async (web: SimulatedContainer, code: number) => {
    const before = await world.metric('container_doctor_decisions_total');
    web.exit(code);
    await soon(async () => ((await world.metric('container_doctor_decisions_total')) > before ? true : undefined));
  };

  it('holds when the clock steps back', async () => {
    const web = await start({ MAX_RESTARTS_PER_HOUR: '1' });
    await crash(web, 1);
    await awaitRestarts(1, 'recovered');
    await awaitSettled();
    clock.jump(-HOUR);
    await crash(web, 2);
    await expect.poll(() => world.metric('container_doctor_decisions_total', { reason: 'restart_limit' })).toBe(1);
    expect(world.engine.count('restart')).toBe(1);
  });

  it('is lifted by one hour when the clock steps forward by one hour', async () => {
    const web = await start({ MAX_RESTARTS_PER_HOUR: '1' });
    await crash(web, 1);
    await awaitRestarts(1, 'recovered');
    await awaitSettled();
    clock.jump(HOUR);
    await crash(web, 2);
    await awaitRestarts(2, 'recovered');
    await awaitSettled();
    await crash(web, 3);
    await expect.poll(() => world.metric('container_doctor_decisions_total', { reason: 'restart_limit' })).toBe(1);
    expect(world.engine.count('restart')).toBe(2);
  });
});
