/** A real Docker engine that is restarted or hangs, and a proxy in front of it that cuts every connection. */
import { randomBytes } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { describeEngine, runContainer, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { describeOwnEngine, type OwnEngine, startOwnEngine } from '../support/own-engine.ts';
import { createCuttingProxy } from '../support/proxy.ts';
import { expectEverywhereOnce, type Receivers, STAND_INS, startReceivers } from '../support/receivers.ts';
import { createWatching } from '../support/watching.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

const LONG = 90_000;
/** Prints numbered lines on both streams, and one line on SIGTERM. */
const TALK = `trap 'echo "going down"; exit 0' TERM
i=0; while true; do i=$((i+1)); echo "line $i"; [ $((i % 3)) = 0 ] && echo "note $i" >&2; sleep 0.01; done`;
const QUIET = `trap 'exit 0' TERM; while true; do sleep 0.2; done`;

let world: World;
let receivers: Receivers;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  world = await startWorld(() => answer(SAFE));
  receivers = await startReceivers();
});

afterEach(async () => {
  await world.close();
  await receivers.close();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const statusOf = async (doctor: Doctor) => (await fetch(`${doctor.url}/health`)).status;

/** Waits until `/health` and the metric both say so. */
async function awaitConnected(doctor: Doctor, connected: boolean): Promise<void> {
  await soon(async () => {
    expect(await statusOf(doctor)).toBe(connected ? 200 : 503);
    expect((await doctor.health()).docker_connected).toBe(connected);
    await expect.poll(() => doctor.metric('container_doctor_docker_connected')).toBe(connected ? 1 : 0);
    return true;
  });
}

const linesRead = (doctor: Doctor) => doctor.metric('container_doctor_log_lines_total');

async function expectNoReaction(doctor: Doctor): Promise<void> {
  expect(world.claude.requests).toEqual([]);
  expect(world.slack.posts.map(({ text }) => text)).toEqual([]);
  for (const service of STAND_INS) expect(receivers[service]).toEqual([]);
  expect(receivers.slackApp.shown()).toEqual([]);
  await expect.poll(() => doctor.metric('container_doctor_errors_detected_total')).toBe(0);
  await expect.poll(() => doctor.metric('container_doctor_restarts_total')).toBe(0);
}

describeOwnEngine('a Docker engine', () => {
  async function ownEngine(flags: readonly string[] = []): Promise<OwnEngine> {
    const engine = await startOwnEngine(flags);
    cleanups.push(engine.close);
    return engine;
  }

  it.each([
    ['stops its containers and starts them again', []],
    ['leaves its containers running (live-restore)', ['--live-restore']],
  ])(
    'that is restarted and %s: each line is read once, and there is no alert',
    async (_, flags) => {
      const engine = await ownEngine(flags);
      const talkers: TestContainer[] = [];
      for (const name of ['talk-1', 'talk-2']) talkers.push(await engine.run({ name, cmd: TALK, restart: 'always' }));
      for (let n = 1; n <= 8; n++) await engine.run({ name: `quiet-${n}`, cmd: QUIET, restart: 'unless-stopped' });
      const left = await engine.run({ name: 'left', cmd: QUIET, restart: 'no' });

      const doctor = await world.start({ DOCKER_HOST: engine.dockerHost, ...receivers.env });
      const clock = createJumpingClock();
      const w = createWatching(engine.dockerHost, { clock, reconcileEveryMs: 200 });
      cleanups.push(() => w.watch.stop());
      await w.watch.start();
      await soon(async () => ((await doctor.health()).monitoring.length === 11 ? true : undefined));
      await soon(async () => ((await linesRead(doctor)) > 200 ? true : undefined));

      for (let turn = 0; turn < 2; turn++) {
        await engine.stop();
        await awaitConnected(doctor, false);
        await engine.start();
        await awaitConnected(doctor, true);
        const before = await linesRead(doctor);
        await soon(async () => ((await linesRead(doctor)) > before + 100 ? true : undefined));
      }

      for (const { id } of talkers) await engine.docker.getContainer(id).stop();
      const printed = await Promise.all(talkers.map(engine.logOf));
      await soon(async () => {
        expect(await linesRead(doctor)).toBe(printed.flat().length);
        for (const [n, { name }] of talkers.entries()) expect(w.texts(name)).toEqual(printed[n]);
        return true;
      });
      await expectNoReaction(doctor);
      expect((await doctor.health()).problems).toEqual([]);

      // A minute later, exactly the containers that did not come back are reported.
      const listings = w.listings.length;
      await eventually(() => (w.listings.length > listings + 1 ? true : undefined));
      clock.pass(60_000);
      const expected = flags.length === 0 ? [left.name] : [];
      await eventually(() => {
        expect(w.listings.length).toBeGreaterThan(listings + 5);
        expect(w.missing.map(({ name }) => name)).toEqual(expected);
        return true;
      });
    },
    LONG,
  );

  it(
    'that hangs is reported as away, is used again when it continues, and does not delay the stop of the agent',
    async () => {
      const engine = await ownEngine();
      const talker = await engine.run({ name: 'talk', cmd: TALK });
      const doctor = await world.start({ DOCKER_HOST: engine.dockerHost, ...receivers.env });
      await soon(async () => ((await linesRead(doctor)) > 100 ? true : undefined));

      engine.hang();
      await awaitConnected(doctor, false);
      expect((await doctor.health()).problems).toContain('the Docker engine does not answer: no container is watched');
      engine.resume();
      await awaitConnected(doctor, true);
      await engine.docker.getContainer(talker.id).stop();
      const printed = await engine.logOf(talker);
      await soon(async () => {
        expect(await linesRead(doctor)).toBe(printed.length);
        return true;
      });
      await expectNoReaction(doctor);

      engine.hang();
      await awaitConnected(doctor, false);
      doctor.signal('SIGTERM');
      expect(await Promise.race([doctor.exited, after(10_000, 'still there after 10 s')])).toBe(0);
    },
    LONG,
  );
});

describeEngine('a proxy that cuts every connection after a moment', (dockerHost) => {
  const prefix = `cd-cut-${randomBytes(3).toString('hex')}`;

  it(
    'each line is read once, each problem asked about once, and the engine never counts as away',
    async () => {
      // Of medium severity, so that the crash becomes a separate incident.
      world.claude.reply(() => answer({ severity: 'medium' }));
      const proxy = await createCuttingProxy(dockerHost);
      cleanups.push(proxy.close);
      proxy.cutEvery(700);
      const doctor = await world.start({
        DOCKER_HOST: proxy.dockerHost,
        TARGET_CONTAINERS: `${prefix}-*`,
        AUTO_FIX: 'false',
        ...receivers.env,
      });
      await awaitConnected(doctor, true);

      // Two thousand lines, twenty of them with an error and its stack trace, and a crash at the end.
      const cmd = `i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"
        if [ $((i % 100)) = 0 ]; then printf 'TypeError: x is not a function\\n    at pay (/app/pay.js:10:5)\\n    at run (/app/run.js:3:1)\\n' >&2; fi
        [ $((i % 10)) = 0 ] && sleep 0.03; done; exit 7`;
      const container = await runContainer({ name: `${prefix}-web`, cmd });
      cleanups.push(container.remove);

      const unwell: unknown[] = [];
      await soon(async () => {
        const health = await doctor.health();
        if (!health.docker_connected) unwell.push(health);
        return (await linesRead(doctor)) >= 2_000 + 20 * 3 ? true : undefined;
      });
      await soon(() => (world.slack.posts.length >= 2 ? true : undefined));
      await soon(async () => {
        await expect.poll(() => doctor.metric('container_doctor_errors_detected_total', { detector: 'log' })).toBe(20);
        await expect.poll(() => doctor.metric('container_doctor_errors_detected_total', { detector: 'crash' })).toBe(1);
        return true;
      });
      expect(await linesRead(doctor)).toBe(2_000 + 20 * 3);
      await expect.poll(() => doctor.metric('container_doctor_log_reconnects_total')).toBeGreaterThan(4);
      expect(unwell).toEqual([]);
      expect(doctor.output()).not.toContain('lost the Docker engine');
      expect(world.claude.requests).toHaveLength(2);
      expect(world.slack.posts).toHaveLength(2);
      await expectEverywhereOnce(receivers, await doctor.history());
    },
    LONG,
  );
});
