/** The store of a real agent process fails: it keeps watching and alerting, restarts nothing, and reports the failure. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import type { SlackServer } from '../support/slack-server.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

let world: World;
let dataDir: string;
let engine: SimulatedEngine;
let slack: SlackServer;
const disks: { unmount(): void }[] = [];

beforeEach(async () => {
  world = await startWorld(() => answer(SAFE));
  ({ engine, slack } = world);
  dataDir = path.join(world.folder, 'data');
});

afterEach(async () => {
  // A lazy unmount, because the agent still uses the disk until it stops.
  for (const disk of disks.splice(0)) disk.unmount();
  await world.close();
});

const start = (over?: Record<string, string>) => world.start({ VERIFY_DEADLINE_SECONDS: '10', ...over });

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 60_000, everyMs: 50 });
const post = (pattern: RegExp) => soon(() => slack.posts.find(({ text }) => pattern.test(text)));
const posts = (pattern: RegExp) => slack.posts.filter(({ text }) => pattern.test(text)).length;

/** Waits, because the page of metrics is rendered at most once a second. */
async function expectMetric(doctor: Doctor, healthy: 0 | 1): Promise<void> {
  await eventually(async () => await expect.poll(() => doctor.metric('container_doctor_store_healthy')).toBe(healthy));
}

async function expectDown(doctor: Doctor, why: RegExp): Promise<void> {
  await post(/store is down/);
  const response = await fetch(`${doctor.url}/health`);
  expect(response.status).toBe(200);
  const health = (await response.json()) as Awaited<ReturnType<Doctor['health']>>;
  expect(health).toMatchObject({ status: 'degraded', store_healthy: false, docker_connected: true });
  expect(health.problems.join('\n')).toMatch(why);
  await expectMetric(doctor, 0);
}

async function expectBack(doctor: Doctor): Promise<void> {
  await post(/store is back/);
  expect(await doctor.health()).toMatchObject({ store_healthy: true });
  await expectMetric(doctor, 1);
  expect([posts(/store is down/), posts(/store is back/)]).toEqual([1, 1]);
}

/** One alert, and no restart. */
async function expectAlertOnly(name: string): Promise<void> {
  const alert = await post(new RegExp(`\\b${name}\\b`));
  expect(alert.text).toMatch(/restart limits cannot be enforced/);
  expect(engine.count('restart', name)).toBe(0);
  expect(posts(new RegExp(`\\b${name}\\b`))).toBe(1);
}

async function expectRestarted(name: string): Promise<void> {
  await post(new RegExp(`\\b${name}\\b`));
  expect(engine.count('restart', name)).toBe(1);
}

const breaks = (name: string) =>
  engine.addContainer({ name }).log(`ERROR ${name} cannot serve: deadlock`, { stream: 'stderr' });

describe('while its store fails, the agent watches and alerts but restarts nothing', { timeout: 180_000 }, () => {
  it('on a full disk, until there is space', async ({ skip }) => {
    mkdirSync(dataDir);
    const disk = mountSmallDisk(dataDir) ?? skip('needs the right to mount a tmpfs');
    disks.push(disk);
    const doctor = await start();
    disk.fill();
    await expectDown(doctor, /the store fails/);
    breaks('early');
    await expectAlertOnly('early');
    disk.free();
    await expectBack(doctor);
    breaks('later');
    await expectRestarted('later');
  });

  it('in an unusable directory, until it is usable; then everything is stored', async () => {
    writeFileSync(dataDir, 'a file is in the way');
    const doctor = await start();
    await expectDown(doctor, /DATA_DIR .* cannot be used/);
    breaks('early');
    await expectAlertOnly('early');
    rmSync(dataDir);
    await expectBack(doctor);
    expect((await doctor.history()).map((entry) => entry.container)).toEqual(['early']);
    expect(await doctor.health()).toMatchObject({ total_diagnoses: 1, rate_limit_remaining: 19 });
    breaks('later');
    await expectRestarted('later');
  });

  it('after it was damaged, for an hour because earlier restarts are unknown; the damaged file is kept', async () => {
    mkdirSync(dataDir);
    const damaged = 'this was a database once\n'.repeat(400);
    writeFileSync(path.join(dataDir, 'doctor.db'), damaged);
    const doctor = await start();
    await expectDown(doctor, /damaged and replaced/);
    breaks('early');
    await expectAlertOnly('early');
    const kept = readdirSync(dataDir).filter((name) => name.includes('.corrupt-'));
    expect(kept).toHaveLength(1);
    expect(readFileSync(path.join(dataDir, kept[0] as string), 'utf8')).toBe(damaged);
  });

  const why = whyNoPostgres();
  // With a directory that can be written it goes on: see fleet-alone.test.ts.
  const failing = 'with a database that fails and recovers, if no standby file can be kept';
  it.skipIf(why !== undefined)(`${failing}${why ? ` (${why})` : ''}`, async () => {
    writeFileSync(dataDir, 'a file is in the way');
    const server = await startPostgres();
    onTestFinished(() => server.close());
    const doctor = await start({ DATABASE_URL: server.createDatabase(), AGENT_NAME: 'host-1' });
    expect(await doctor.health()).toMatchObject({ store_healthy: true });
    await server.stop();
    await expectDown(doctor, /the store fails/);
    breaks('early');
    await expectAlertOnly('early');
    await server.start();
    await expectBack(doctor);
    breaks('later');
    await expectRestarted('later');
  });

  it('delivers an alert that neither the store nor Slack accepted as soon as Slack does', async ({ skip }) => {
    mkdirSync(dataDir);
    const disk = mountSmallDisk(dataDir) ?? skip('needs the right to mount a tmpfs');
    disks.push(disk);
    await start();
    disk.fill();
    slack.reply({ status: 503 });
    breaks('early');
    await post(/early/);
    slack.reply({ status: 200, body: 'ok' });
    const refused = slack.posts.length;
    await soon(() => slack.posts.slice(refused).find(({ text }) => /early/.test(text)));
  });
});
