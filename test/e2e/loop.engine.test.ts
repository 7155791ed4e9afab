/**
 * The whole loop on a real engine with real failing containers and the real SDK. Slack and Claude are local stand-ins.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import {
  describeEngine,
  docker,
  ensureBaseImage,
  type RunOptions,
  runContainer,
  type TestContainer,
} from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

const MIB = 1024 * 1024;
/** Runs forever and stops at once on SIGTERM. */
const IDLE = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
/** A container that fails on its first start and is healthy after a restart. */
const onFirstStart = (failure: string) =>
  `if [ -f /once ]; then echo "INFO ready"; ${IDLE}; fi; touch /once; ${failure}`;

describeEngine('the loop', (dockerHost) => {
  const run = `cd-e2e-${randomBytes(3).toString('hex')}`;
  let claude: ClaudeServer;
  let slack: SlackServer;
  let doctor: Doctor;
  const containers: TestContainer[] = [];

  const start = async (name: string, options: Omit<RunOptions, 'name'>): Promise<TestContainer> => {
    const container = await runContainer({ ...options, name: `${run}-${name}` });
    containers.push(container);
    return container;
  };
  const requestsFor = (name: string) => claude.requests.filter((request) => request.prompt.includes(`${run}-${name}`));
  const postsFor = (name: string) => slack.posts.filter((post) => post.text.includes(`${run}-${name}`));
  const entryOf = async (name: string) =>
    (await doctor.history()).filter((entry) => entry.container === `${run}-${name}`).at(-1);
  const diagnosed = (name: string) =>
    eventually(async () => ((await entryOf(name))?.decision ? await entryOf(name) : undefined), {
      deadlineMs: 60_000,
      everyMs: 50,
    });
  const restarted = (name: string) =>
    eventually(async () => ((await entryOf(name))?.outcome ? await entryOf(name) : undefined), {
      deadlineMs: 60_000,
      everyMs: 50,
    });
  const posted = (name: string, count = 1) =>
    eventually(() => (postsFor(name).length >= count ? postsFor(name) : undefined), {
      deadlineMs: 60_000,
      everyMs: 50,
    });
  /** Waits until a later problem of another container has been handled, and so all earlier ones. */
  const settle = async () => {
    const name = `marker-x${randomBytes(2).toString('hex')}`;
    await start(name, { cmd: `echo "ERROR marker failed" >&2; ${IDLE}` });
    await diagnosed(name);
  };

  beforeAll(ensureBaseImage, 60_000);

  beforeEach(async () => {
    claude = await startClaudeServer((prompt) => {
      if (prompt.includes('No space left'))
        return answer({ root_cause: 'The disk is full.', severity: 'high', auto_restart_safe: false });
      if (prompt.includes('timed out after'))
        return answer({ root_cause: 'One slow call.', severity: 'low', auto_restart_safe: false });
      if (prompt.includes('marker')) return answer({ severity: 'low' });
      return answer(SAFE);
    });
    slack = await startSlackServer();
    doctor = await startDoctor({
      DOCKER_HOST: dockerHost,
      TARGET_CONTAINERS: `${run}-*`,
      CHECK_INTERVAL: '1',
      AUTO_FIX: 'true',
      MAX_RESTARTS_PER_HOUR_HOST: '1000',
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      VERIFY_STABLE_SECONDS: '2',
      VERIFY_DEADLINE_SECONDS: '15',
      MAX_DIAGNOSES_PER_HOUR: '100',
    });
  });

  afterEach(async () => {
    const code = await doctor?.stop();
    await Promise.all(containers.splice(0).map((container) => container.remove()));
    await claude?.close();
    await slack?.close();
    expect(code).toBe(0);
  });

  afterAll(async () => {
    await Promise.all(containers.map((container) => container.remove()));
  });

  it('restarts a container that was killed for memory and logged nothing', async () => {
    await start('oom', { cmd: onFirstStart('sleep 0.3; exec tail /dev/zero'), memory: 16 * MIB });
    expect(await restarted('oom')).toMatchObject({
      decision: 'restart',
      outcome: 'recovered',
      patterns: expect.arrayContaining(['oom']),
    });
    expect((await posted('oom'))[0]?.text).toMatch(/restart/i);
    expect(requestsFor('oom')).toHaveLength(1);
    expect(postsFor('oom')).toHaveLength(1);
    expect(requestsFor('oom')[0]?.prompt).toMatch(/16 ?MiB|16777216/);
  });

  it('asks Claude once about an error that repeats 300 times, restarts, and sends one alert', async () => {
    const error = 'ERROR request failed: QueuePool limit of size 5 overflow 10 reached, connection timed out';
    await start('pool', { cmd: onFirstStart(`for i in $(seq 300); do echo "${error} $i" >&2; done; ${IDLE}`) });
    expect(await restarted('pool')).toMatchObject({ decision: 'restart', outcome: 'recovered' });
    await posted('pool');
    await settle();
    expect(requestsFor('pool')).toHaveLength(1);
    expect(postsFor('pool')).toHaveLength(1);
    expect((await entryOf('pool'))?.occurrences).toBe(300);
  });

  it('records a transient timeout without an alert', async () => {
    await start('slow', { cmd: `echo "ERROR upstream call timed out after 3000 ms, retrying" >&2; ${IDLE}` });
    expect(await diagnosed('slow')).toMatchObject({ decision: 'record', diagnosis: { severity: 'low' } });
    await settle();
    expect(requestsFor('slow')).toHaveLength(1);
    expect(postsFor('slow')).toHaveLength(0);
  });

  it('never restarts if the disk is full', async () => {
    await start('disk', {
      cmd: `echo 'ERROR:  could not extend file "base/16384/2619": No space left on device' >&2; echo 'PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device' >&2; ${IDLE}`,
    });
    const entry = await diagnosed('disk');
    expect(entry).toMatchObject({ decision: 'notify', outcome: null });
    expect(['disk_full', 'restart_not_safe']).toContain(entry?.reason);
    await posted('disk');
    await settle();
    expect(requestsFor('disk')).toHaveLength(1);
    expect(postsFor('disk')).toHaveLength(1);
  });

  it('notices a health check that fails without a log line', async () => {
    await start('hung', {
      cmd: `rm -f /bad; ${onFirstStart(`sleep 1; touch /bad; ${IDLE}`)}`,
      healthcheck: { cmd: 'test ! -f /bad', intervalMs: 500, retries: 2 },
    });
    expect(await restarted('hung')).toMatchObject({ detector: 'health', decision: 'restart', outcome: 'recovered' });
    expect(requestsFor('hung')).toHaveLength(1);
  });

  it('reports once a container that crashes in a loop and that the engine restarts, and does not restart it', async () => {
    const container = await start('loop', { cmd: 'echo "INFO starting"; sleep 0.2; exit 3', restart: 'always' });
    await posted('loop');
    await eventually(
      async () => ((await docker().getContainer(container.id).inspect()).RestartCount >= 5 ? true : undefined),
      {
        deadlineMs: 60_000,
        everyMs: 100,
      },
    );
    await settle();
    expect(requestsFor('loop')).toHaveLength(1);
    expect(await entryOf('loop')).toMatchObject({ decision: 'notify', outcome: null });
    expect((await doctor.health()).fixes_applied[`${run}-loop`] ?? 0).toBe(0);
    expect(postsFor('loop').length).toBeLessThanOrEqual(2);
  });

  it('escalates once if restarts do not help and the limit is reached', async () => {
    await start('doomed', { cmd: 'echo "INFO starting"; sleep 0.2; exit 4' });
    const posts = await eventually(
      () => (postsFor('doomed').some((post) => /repeated failure/i.test(post.text)) ? postsFor('doomed') : undefined),
      { deadlineMs: 90_000, everyMs: 200 },
    );
    expect(posts.filter((post) => /repeated failure/i.test(post.text))).toHaveLength(1);
    expect((await doctor.health()).fixes_applied[`${run}-doomed`]).toBe(3);
    expect(requestsFor('doomed').map((request) => request.body?.model)).toEqual([
      'claude-haiku-5-5',
      'claude-sonnet-5-5',
    ]);
  }, 120_000);

  it('sends no alert about a noisy but healthy container', async () => {
    const lines = [
      'INFO 0 errors, 0 failed',
      'WARN retry 1 after timeout, will try again',
      'DEBUG no exception was thrown',
      '172.17.0.1 - - [23/Nov/2026:10:00:00 +0000] "GET /error/timeout HTTP/1.1" 200 512',
      'INFO fatal_count=0 error_rate=0.00',
    ];
    await start('noisy', { cmd: `${lines.map((line) => `echo '${line}'`).join('; ')}; ${IDLE}` });
    await settle();
    expect(requestsFor('noisy')).toHaveLength(0);
    expect(postsFor('noisy')).toHaveLength(0);
  });

  it('reports no problem if a person stops, kills, restarts or recreates a container', async () => {
    const stopped = await start('stopped', { cmd: 'while true; do sleep 0.1; done' });
    const killed = await start('killed', { cmd: IDLE });
    const bounced = await start('bounced', { cmd: 'while true; do sleep 0.1; done' });
    const old = await start('fresh', { cmd: 'while true; do sleep 0.1; done' });
    await eventually(async () => ((await doctor.health()).monitoring.length >= 4 ? true : undefined));
    await docker().getContainer(stopped.id).stop({ t: 1 });
    await docker().getContainer(killed.id).kill();
    await docker().getContainer(bounced.id).restart({ t: 1 });
    await old.remove();
    await start('fresh', { cmd: IDLE });
    await settle();
    for (const name of ['stopped', 'killed', 'bounced', 'fresh']) {
      expect(requestsFor(name), name).toHaveLength(0);
      expect(postsFor(name), name).toHaveLength(0);
    }
  });

  it('keeps watching a container that is recreated with the same name', async () => {
    const old = await start('again', { cmd: IDLE });
    await eventually(async () => ((await doctor.health()).monitoring.includes(`${run}-again`) ? true : undefined));
    await old.remove();
    await start('again', { cmd: `echo "ERROR upstream call timed out after 5 s" >&2; ${IDLE}` });
    expect(await diagnosed('again')).toMatchObject({ decision: 'record' });
    expect(requestsFor('again')).toHaveLength(1);
  });

  it('handles eleven containers at the same time, each once', async () => {
    const names = Array.from({ length: 11 }, (_, i) => `many-${i}-`);
    await Promise.all(
      names.map((name) => start(name, { cmd: onFirstStart(`sleep 1; echo "ERROR cannot serve" >&2; ${IDLE}`) })),
    );
    await Promise.all(names.map((name) => restarted(name)));
    await Promise.all(names.map((name) => posted(name)));
    for (const name of names) {
      expect(requestsFor(name), name).toHaveLength(1);
      expect(postsFor(name), name).toHaveLength(1);
      expect(await entryOf(name), name).toMatchObject({ outcome: 'recovered' });
    }
  }, 60_000);
});
