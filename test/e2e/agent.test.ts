import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import {
  answer,
  type ClaudeServer,
  delay,
  hang,
  html200,
  nonsense,
  refusal,
  status,
  truncated,
} from '../support/claude-server.ts';
import { type Doctor, runCommand } from '../support/doctor.ts';
import type { SlackServer } from '../support/slack-server.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

let world: World;
let folder: string;
let host: string;
let engine: SimulatedEngine;
let claude: ClaudeServer;
let slack: SlackServer;

beforeEach(async () => {
  world = await startWorld(() => answer(SAFE));
  ({ folder, host, engine, claude, slack } = world);
});

afterEach(() => world.close());

const start = (env?: Record<string, string>) => world.start(env);
const entry = (
  doctor: Doctor,
  container: string,
  done: (e: Awaited<ReturnType<Doctor['history']>>[number]) => boolean = (e) => e.decision !== null,
) => soon(async () => (await doctor.history()).find((e) => e.container === container && done(e)));
const posts = (count: number) => soon(() => (slack.posts.length >= count ? slack.posts : undefined));

describe('the agent', () => {
  it('reports all invalid settings with exit code 78 and without secrets', async () => {
    const { code, stderr } = await runCommand([], {
      PORT: 'http',
      AUTO_FIX: 'perhaps',
      SLACK_WEBHOOK_URL: 'hooks-s3cr3t',
    });
    expect(code).toBe(78);
    expect(stderr).toMatch(/PORT=http: must be/);
    expect(stderr).toMatch(/AUTO_FIX=perhaps: must be true, ask or false/);
    expect(stderr).toMatch(/SLACK_WEBHOOK_URL=\(hidden\)/);
    expect(stderr).not.toContain('s3cr3t');
  });

  it('supports --help and --version, and rejects an unknown command', async () => {
    expect((await runCommand(['--help'])).stdout).toMatch(/MAX_DIAGNOSES_PER_HOUR/);
    expect((await runCommand(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await runCommand(['frobnicate'])).toMatchObject({ code: 64, stderr: expect.stringContaining('frobnicate') });
  });

  it('serves all pages once it runs', async () => {
    engine.addContainer({ name: 'web' });
    const doctor = await start({ TARGET_CONTAINERS: 'web,ghost' });
    expect(await doctor.health()).toMatchObject({
      docker_connected: true,
      monitoring: ['web'],
      missing_targets: ['ghost'],
      total_diagnoses: 0,
      fixes_applied: {},
      rate_limit_remaining: 20,
      mode: 'auto_fix',
    });
    expect(await doctor.history()).toEqual([]);
    await expect.poll(() => doctor.metric('container_doctor_docker_connected')).toBe(1);
    engine.addContainer({ name: 'ghost' });
    await soon(async () => ((await doctor.health()).missing_targets.length === 0 ? true : undefined));
  });

  it('stops on SIGTERM with exit code 0 while Claude is asked, and resumes the incident at the next start', async () => {
    const web = engine.addContainer({ name: 'web' });
    claude.reply(() => hang());
    const first = await start();
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await soon(() => (claude.requests.length > 0 ? true : undefined));
    expect(await first.stop()).toBe(0);
    expect(slack.posts).toHaveLength(0);

    claude.reply(() => answer(SAFE));
    const second = await start();
    await entry(second, 'web', (e) => e.outcome === 'recovered');
    await posts(1);
    expect(engine.count('restart', 'web')).toBe(1);
  });

  it('exits at once on a second signal', async () => {
    engine.addContainer({ name: 'web' }).log('ERROR cannot serve', { stream: 'stderr' });
    claude.reply(() => hang());
    const doctor = await start();
    await soon(() => (claude.requests.length > 0 ? true : undefined));
    doctor.signal('SIGTERM');
    await soon(() => (doctor.log.some((line) => line.msg === 'stopping') ? true : undefined));
    doctor.signal('SIGTERM');
    expect(await doctor.exited).toBe(1);
  });

  it('verifies a restart at the next start after it was killed during verification, and does not repeat it', async () => {
    const web = engine.addContainer({ name: 'web' });
    const first = await start({ VERIFY_STABLE_SECONDS: '4' });
    web.log('ERROR cannot serve', { stream: 'stderr' });
    await soon(() => (engine.count('restart', 'web') === 1 && web.running ? true : undefined));
    first.signal('SIGKILL');
    await first.exited;
    const second = await start({ VERIFY_STABLE_SECONDS: '1' });
    await entry(second, 'web', (e) => e.outcome === 'recovered');
    await posts(1);
    expect(engine.count('restart', 'web')).toBe(1);
    expect(claude.requests).toHaveLength(1);
    expect(slack.posts).toHaveLength(1);
  });

  it('resumes reading where it stopped: no line is lost, and no alert is repeated', async () => {
    const web = engine.addContainer({ name: 'web' });
    claude.reply(() => answer({ severity: 'medium' }));
    const first = await start();
    web.log('ERROR the first kind of problem', { stream: 'stderr' });
    await posts(1);
    await first.stop();
    web.log('ERROR quite another thing went wrong', { stream: 'stderr' });
    await start();
    await posts(2);
    expect(claude.requests).toHaveLength(2);
  });

  it.each([
    ['is a refusal', () => refusal(), 'refused'],
    ['is truncated', () => truncated(), 'truncated'],
    ['is not JSON', () => nonsense(), 'invalid'],
    ['is a web page', () => html200(), 'proxy_page'],
    ['is 401', () => status(401), 'wrong_key'],
    ['is 429', () => status(429, { 'retry-after': '600' }), 'rate_limited'],
    ['is 529', () => status(529, { 'x-should-retry': 'false' }), 'overloaded'],
  ])('uses the built-in rules if Claude’s response %s, and counts the reason', async (_, behaviour, reason) => {
    const web = engine.addContainer({ name: 'web' });
    claude.reply(behaviour);
    const doctor = await start();
    web.log('FATAL: sorry, too many clients already', { stream: 'stderr' });
    const [post] = await posts(1);
    expect(post?.text).toMatch(/built-in rules/i);
    expect(await entry(doctor, 'web')).toMatchObject({ diagnosis: { tier: 'rules', fallback: reason } });
    await expect
      .poll(() => doctor.metric('container_doctor_claude_requests_total', { outcome: reason }))
      .toBeGreaterThan(0);
  });

  it('handles other containers while one waits for Claude', async () => {
    const slow = engine.addContainer({ name: 'slow' });
    const quick = engine.addContainer({ name: 'quick' });
    claude.reply((prompt) => (prompt.includes('"slow"') ? delay(60_000, answer(SAFE)) : answer(SAFE)));
    const doctor = await start();
    slow.log('ERROR cannot serve', { stream: 'stderr' });
    await soon(() => (claude.requests.length === 1 ? true : undefined));
    quick.log('ERROR cannot serve', { stream: 'stderr' });
    await entry(doctor, 'quick', (e) => e.outcome === 'recovered');
  });

  it('reports a log storm as one incident with samples, in addition to its first error', async () => {
    const web = engine.addContainer({ name: 'web' });
    const doctor = await start({ AUTO_FIX: 'false' });
    const words = [
      'ledger',
      'cart',
      'mailer',
      'search',
      'upload',
      'billing',
      'thumbnail',
      'session',
      'inventory',
      'coupon',
    ];
    const verbs = ['lost', 'corrupted', 'rejected', 'overran', 'mangled', 'starved', 'orphaned', 'deadlocked'];
    for (const word of words) {
      for (const verb of verbs)
        web.log(`ERROR the ${word} component ${verb} its ${verb} ${word} buffer`, { stream: 'stderr' });
    }
    await soon(async () => ((await doctor.history()).some((e) => e.detector === 'storm') ? true : undefined));
    const storm = await soon(() => slack.posts.find((post) => /log storm/i.test(post.text)));
    expect(storm.text.match(/ERROR the \w+ component/g)?.length).toBeGreaterThan(2);
    expect(claude.requests.length).toBeLessThanOrEqual(3);
    await soon(async () =>
      (await doctor.metric('container_doctor_errors_suppressed_total', { reason: 'overflow' })) > 40 ? true : undefined,
    );
  });

  it('only reports what it would have restarted if AUTO_FIX is off', async () => {
    engine.addContainer({ name: 'web' }).oom();
    const doctor = await start({ AUTO_FIX: 'false' });
    expect(await entry(doctor, 'web')).toMatchObject({ decision: 'notify', reason: 'auto_fix_off' });
    expect((await posts(1))[0]?.text).toMatch(/would have been restarted/);
    expect(engine.count('restart')).toBe(0);
  });

  it('delivers an alert exactly once after Slack has recovered', async () => {
    slack.reply([{ status: 500 }, { status: 429, headers: { 'retry-after': '1' } }]);
    const doctor = await start({ AUTO_FIX: 'false' });
    engine.addContainer({ name: 'web' }).log('ERROR cannot serve', { stream: 'stderr' });
    await posts(3);
    await soon(async () => ((await doctor.health()).outbox_pending === 0 ? true : undefined));
    expect(slack.posts).toHaveLength(3);
    await expect
      .poll(() => doctor.metric('container_doctor_notifications_total', { integration: 'slack', outcome: 'sent' }))
      .toBe(1);
    expect(
      await doctor.metric('container_doctor_notifications_total', { integration: 'slack', outcome: 'failed' }),
    ).toBe(2);
  });

  it('writes alerts to its log if Slack is not configured, and reports missing settings', async () => {
    const doctor = await start({ SLACK_WEBHOOK_URL: '', ANTHROPIC_API_KEY: '' });
    const logged = () => doctor.log.map((line) => String(line.msg)).join('\n');
    expect(logged()).toMatch(/ANTHROPIC_API_KEY is not set/);
    expect(logged()).toMatch(/SLACK_WEBHOOK_URL is not set/);
    engine.addContainer({ name: 'db' }).log('PANIC: No space left on device', { stream: 'stderr' });
    await soon(() => (/No space is left on the disk/.test(logged()) ? true : undefined));
  });

  it('sends and keeps no secrets', async () => {
    const env = ['DB_PASSWORD=correct-horse-battery'];
    engine
      .addContainer({ name: 'web', env })
      .log(
        'ERROR cannot open the store: user=app password=hunter2hunter2 (tried correct-horse-battery) Bearer abcdef0123456789abcdef',
        { stream: 'stderr' },
      );
    const doctor = await start({ AUTO_FIX: 'false', LOG_LEVEL: 'debug', HTTP_TOKEN: '' });
    await posts(1);
    await entry(doctor, 'web');
    const everything = [
      JSON.stringify(claude.requests.map((request) => request.body)),
      JSON.stringify(slack.posts.map((post) => post.body)),
      JSON.stringify(await doctor.history()),
      await doctor.metrics(),
      doctor.output(),
    ];
    for (const text of everything) {
      expect(text).not.toMatch(/hunter2hunter2|correct-horse-battery|abcdef0123456789abcdef|sk-ant-stand-in-key|T000/);
    }
  });

  it('requires the token for all pages except the status in /health', async () => {
    engine.addContainer({ name: 'web' });
    const doctor = await start({ HTTP_TOKEN: 'open-sesame-open' });
    const get = (page: string, token?: string) =>
      fetch(`${doctor.url}${page}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
    expect((await get('/history')).status).toBe(401);
    expect((await get('/metrics', 'wrong')).status).toBe(401);
    expect((await get('/history', 'open-sesame-open')).status).toBe(200);
    const withoutToken = await get('/health');
    expect(withoutToken.status).toBe(200);
    expect(Object.keys((await withoutToken.json()) as object)).toEqual(['status']);
  });

  it('reports an unreachable engine in /health, and loses no line in the meantime', async () => {
    const web = engine.addContainer({ name: 'web' });
    const doctor = await start({ AUTO_FIX: 'false' });
    engine.faults.refuseConnections();
    engine.faults.dropConnections();
    await soon(async () => ((await fetch(`${doctor.url}/health`)).status === 503 ? true : undefined));
    web.log('ERROR printed while the engine was unreachable', { stream: 'stderr' });
    engine.faults.clear();
    await posts(1);
    await soon(async () => ((await fetch(`${doctor.url}/health`)).status === 200 ? true : undefined));
  });

  it('starts without an engine and connects to it later', async () => {
    await engine.close();
    const doctor = await start();
    expect((await doctor.health()).docker_connected).toBe(false);
    const late = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
    await late.listen();
    try {
      late.addContainer({ name: 'web' });
      await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
    } finally {
      await late.close();
    }
  });
});

describe('check', () => {
  const env = () => ({
    DOCKER_HOST: host,
    DATA_DIR: path.join(folder, 'data'),
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    AUTO_FIX: 'true',
  });

  it('lists what would be watched and checks all connections, at no cost', async () => {
    engine.addContainer({ name: 'web' });
    engine.addContainer({ name: 'api' });
    const { code, stdout } = await runCommand(['check'], env());
    expect(stdout).toMatch(/watches\s+api, web/);
    expect(stdout).toMatch(/restarts\s+allowed/);
    expect(code).toBe(0);
    expect(claude.requests).toHaveLength(0);
    expect(engine.count('restart', 'web') + engine.count('restart', 'api')).toBe(0);
  });

  it('reports each problem, with exit code 1', async () => {
    await engine.close();
    const { code, stdout } = await runCommand(['check'], env());
    expect(code).toBe(1);
    expect(stdout).toMatch(/PROBLEM\s+engine/);
  });

  it('reports that a proxy forbids restarts', async () => {
    engine.addContainer({ name: 'web' });
    engine.faults.respond('restart', 403);
    const { code, stdout } = await runCommand(['check'], env());
    expect(stdout).toMatch(/PROBLEM\s+restarts\s+AUTO_FIX is on, but/);
    expect(code).toBe(1);
  });
});
