/** Policy from the user's view: labels, the file, `check`, and the effect on the agent. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import type { ScorecardView } from '../../src/http/scorecard.ts';
import { answer } from '../support/claude-server.ts';
import { type Doctor, runCommand } from '../support/doctor.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import type { SlackServer } from '../support/slack-server.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

const RELOADED = 'container_doctor_config_last_reload_successful';

type Decided = { readonly decision: string; readonly reason: string };

let world: World;
let folder: string;
let engine: SimulatedEngine;
let slack: SlackServer;
let file: string;

beforeEach(async () => {
  world = await startWorld(() => answer(SAFE));
  ({ folder, engine, slack } = world);
  file = path.join(folder, 'policy.yaml');
});

afterEach(() => world.close());

const start = (env?: Record<string, string>) => world.start(env);
const environment = (over?: Record<string, string>) => world.environment(over);

// Some tests run several commands, each in its own process, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });
const decided = (doctor: Doctor, container: string) =>
  soon(async () => (await doctor.history()).find((e) => e.container === container && e.decision !== null));
const add = (name: string, labels: Record<string, string> = {}, image = `shop/${name}:1`) =>
  engine.addContainer({
    name,
    image,
    labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [`container-doctor.${k}`, v])),
  });
const fail = (name: string) => engine.container(name)?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });

describe('policy', () => {
  it('does not restart if a label, a mode, the hour or the image forbids it, with the reason', async () => {
    const doctor = await start();
    const cases: Record<string, [labels: Record<string, string>, image: string | undefined, expected: Decided]> = {
      never: [{ restart: 'never' }, undefined, { decision: 'notify', reason: 'policy_never' }],
      ask: [{ restart: 'ask' }, undefined, { decision: 'ask', reason: 'policy_ask' }],
      invalid: [{ restart: 'nope' }, undefined, { decision: 'notify', reason: 'policy_unclear' }],
      observed: [{ mode: 'observe' }, undefined, { decision: 'notify', reason: 'observe_mode' }],
      quiet: [{ 'quiet-hours': '00:00-24:00' }, undefined, { decision: 'notify', reason: 'quiet_hours' }],
      data: [{}, 'bitnami/postgresql:17', { decision: 'notify', reason: 'stateful_image' }],
    };
    for (const [name, [labels, image]] of Object.entries(cases)) {
      add(name, labels, image);
      fail(name);
    }
    for (const [name, [, , expected]] of Object.entries(cases)) {
      expect(await decided(doctor, name), name).toMatchObject(expected);
      await soon(() => slack.posts.some(({ text }) => text.includes(name)) || undefined);
      await expect.poll(() => doctor.metric('container_doctor_decisions_total', expected), { message: name }).toBe(1);
    }
    expect(engine.count('restart')).toBe(0);
  });

  it('says that a person must approve the restart if the policy is ask', async () => {
    await start();
    add('web', { restart: 'ask' });
    fail('web');
    const [post] = await soon(() => (slack.posts.length > 0 ? slack.posts : undefined));
    expect(post?.text).toMatch(
      /its policy requires a person to approve the restart; restart: ask \(label container-doctor\.restart\)/,
    );
  });

  it('allows restarts of a database by a label', async () => {
    const doctor = await start();
    add('db', { restart: 'auto' }, 'postgres:17');
    fail('db');
    expect(await decided(doctor, 'db')).toMatchObject({ decision: 'restart' });
  });

  it('does not watch containers that the file disables', async () => {
    writeFileSync(file, 'rules:\n  - match: { name: quiet }\n    enable: false\n');
    const doctor = await start({ CONFIG_FILE: file });
    add('quiet');
    add('web');
    await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
    expect((await doctor.health()).monitoring).toEqual(['web']);
  });

  it('opens no incident during the grace period, and counts the signals', async () => {
    const doctor = await start();
    add('slow', { grace: '600' });
    add('quick');
    fail('slow');
    fail('quick');
    await decided(doctor, 'quick');
    await soon(async () =>
      (await doctor.metric('container_doctor_errors_suppressed_total', { reason: 'grace' })) > 0 ? true : undefined,
    );
    expect((await doctor.history()).map(({ container }) => container)).toEqual(['quick']);
  });

  it('reports a crash during the grace period that happened while the agent was not running', async () => {
    const first = await start();
    const slow = add('slow', { grace: '600' });
    await soon(async () => ((await first.health()).monitoring.includes('slow') ? true : undefined));
    await first.stop();
    slow.exit(1);
    expect(await decided(await start(), 'slow')).toMatchObject({ detector: 'crash' });
  });

  it('does not restart a container that was just deployed', async () => {
    const doctor = await start();
    const old = add('web');
    await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
    old.remove();
    add('web');
    fail('web');
    expect(await decided(doctor, 'web')).toMatchObject({ decision: 'notify', reason: 'deployed_just_now' });
    expect(engine.count('restart', 'web')).toBe(0);
  });

  it('uses the patterns in the file', async () => {
    writeFileSync(
      file,
      'rules:\n  - match: { name: "*" }\n    detect.match: ledger is out of balance\n    detect.ignore: known nonsense\n',
    );
    const doctor = await start({ CONFIG_FILE: file });
    const web = add('web');
    web.log('ERROR known nonsense', { stream: 'stderr' });
    web.log('INFO ledger is out of balance');
    expect((await decided(doctor, 'web')).patterns.join(' ')).not.toMatch(/nonsense/);
    expect(await doctor.history()).toHaveLength(1);
  });

  it('reloads the file when it changes, and keeps the old rules if the new ones are invalid', async () => {
    writeFileSync(file, 'rules:\n  - match: { name: web }\n    restart: never\n');
    const doctor = await start({ CONFIG_FILE: file });
    for (const name of ['web', 'api']) add(name);
    await expect.poll(() => doctor.metric(RELOADED)).toBe(1);

    writeFileSync(file, 'rules:\n  - match: { name: web }\n    restart: sometimes\n');
    await soon(async () => ((await doctor.metric(RELOADED)) === 0 ? true : undefined));
    expect(doctor.output()).toMatch(/line 3: rule 1, restart: \\"sometimes\\": must be auto, ask or never/);
    fail('web');
    expect(await decided(doctor, 'web')).toMatchObject({ reason: 'policy_never' });

    writeFileSync(file, 'rules:\n  - match: { name: api }\n    restart: ask\n');
    doctor.signal('SIGHUP');
    await soon(async () => ((await doctor.metric(RELOADED)) === 1 ? true : undefined));
    fail('api');
    expect(await decided(doctor, 'api')).toMatchObject({ reason: 'policy_ask' });
    expect(engine.count('restart')).toBe(0);
  });

  it('does not start with an invalid file: exit code 78, and each problem with its line', async () => {
    writeFileSync(file, 'rules:\n  - match: { name: web }\n    restart: nevr\n    graace: 3\n');
    const { code, stderr } = await runCommand([], environment({ CONFIG_FILE: file, PORT: 'http' }));
    expect(code).toBe(78);
    expect(stderr).toMatch(/PORT=http/);
    expect(stderr).toMatch(/line 3: rule 1, restart: "nevr": must be auto, ask or never/);
    expect(stderr).toMatch(/line 4: rule 1: unknown setting "graace"/);
    const missing = await runCommand([], environment({ CONFIG_FILE: `${file}.not` }));
    expect(missing).toMatchObject({ code: 78, stderr: expect.stringMatching(/cannot be read \(ENOENT\)/) });
  });
});

describe('the scorecard', () => {
  const scorecard = async (doctor: Doctor) =>
    (await (await fetch(`${doctor.url}/api/scorecard`)).json()) as ScorecardView;
  const result = (doctor: Doctor, container: string, what: string) =>
    soon(async () =>
      (await scorecard(doctor)).cases.find((one) => one.container === container && one.what_happened === what),
    );

  it('shows what the agent would have done, and what happened after that', async () => {
    const doctor = await start({ AUTO_FIX: 'false' });
    for (const name of ['bounced', 'broken']) add(name);
    fail('bounced');
    fail('broken');
    for (const name of ['bounced', 'broken']) await result(doctor, name, 'still_broken');
    await engine.container('bounced')?.restart();
    await result(doctor, 'bounced', 'restarted_by_person');
    const { overall, containers } = await scorecard(doctor);
    expect(overall).toMatchObject({
      would_have_restarted: 2,
      restarted: 0,
      restarted_by_person: 1,
      still_broken: 1,
      verdicts: { right: 0, wrong: 0 },
    });
    expect(Object.keys(containers)).toEqual(['bounced', 'broken']);
  });

  async function takesVerdicts(env: Record<string, string>): Promise<void> {
    const doctor = await start(env);
    add('web', { mode: 'observe' });
    add('api');
    fail('web');
    fail('api');
    const { id } = await result(doctor, 'web', 'still_broken');
    await result(doctor, 'api', 'recovered');

    const beside = environment(env);
    const recorded = await runCommand(['review', id, 'wrong', 'it', 'was', 'password=hunter2hunter2'], beside);
    expect(recorded).toMatchObject({ code: 0, stdout: `recorded: ${id} was wrong\n` });
    expect((await result(doctor, 'web', 'still_broken')).verdict).toBe('wrong');
    expect((await scorecard(doctor)).containers.web?.verdicts).toEqual({ right: 0, wrong: 1 });

    const { stdout } = await runCommand(['review'], beside);
    expect(stdout).toMatch(/api +0 +1 /);
    expect(stdout).toMatch(/observe_mode; still broken {2}\[wrong: it was/);
    expect(stdout).not.toContain('hunter2');
    expect(await runCommand(['review', 'nobody', 'right'], beside)).toMatchObject({ code: 1 });
    expect(await runCommand(['review', id, 'perhaps'], beside)).toMatchObject({ code: 64 });
  }

  it('stores and shows a person’s verdict while the agent runs', () => takesVerdicts({}));

  const noPostgres = whyNoPostgres();
  describe.skipIf(noPostgres !== undefined)(`in a shared database${noPostgres ? ` (${noPostgres})` : ''}`, () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());

    it('stores and shows a person’s verdict while the agent runs, but not for another agent', async () => {
      const DATABASE_URL = server.createDatabase();
      await takesVerdicts({ DATABASE_URL, AGENT_NAME: 'host-1' });
      const ofAnother = await runCommand(['review'], environment({ DATABASE_URL, AGENT_NAME: 'host-2' }));
      expect(ofAnother).toMatchObject({
        code: 0,
        stdout: 'Nothing was restarted, and nothing would have been restarted.\n',
      });
    });

    it('reports that the agent has not run yet, or that the database cannot be reached', async () => {
      const env = environment({ DATABASE_URL: server.createDatabase(), AGENT_NAME: 'host-1' });
      const empty = await runCommand(['review'], env);
      expect(empty).toMatchObject({ code: 1, stderr: expect.stringMatching(/start the agent once/) });
      const away = environment({ DATABASE_URL: 'postgres://doctor:hunter2hunter2@127.0.0.1:1/x', AGENT_NAME: 'a' });
      const lost = await runCommand(['review'], away);
      expect(lost).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/DATABASE_URL cannot be used: .*ECONNREFUSED/),
      });
      expect(lost.stderr).not.toContain('hunter2');
    });
  });

  it('is empty before the first run', async () => {
    const { code, stderr } = await runCommand(['review'], environment());
    expect(code).toBe(1);
    expect(stderr).toMatch(/the agent has not run/);
  });
});

describe('check', () => {
  it('prints the policy of each container with the source of each value', async () => {
    writeFileSync(
      file,
      'rules:\n  - match: { name: "w*" }\n    grace: 30\n  - match: { name: nobody }\n    restart: never\n',
    );
    add('web', { restart: 'ask' });
    add('db', {}, 'postgres:17');
    add('cache', { restart: 'auto' }, 'redis:8');
    add('api', { grace: 'soon' });
    add('plain');
    const env = environment({ CONFIG_FILE: file });
    const { code, stdout } = await runCommand(['check'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/policy \(AUTO_FIX=true; 2 rules in /);
    expect(stdout).toMatch(/web +restart +ask +label container-doctor\.restart\n +grace +30 +file rule 1\n/);
    expect(stdout).toMatch(/db +restart +never +known stateful image postgres\n/);
    expect(stdout).toMatch(/all default: .*plain/);
    expect(stdout).toMatch(/warning +api: label container-doctor\.grace="soon" is invalid/);
    expect(stdout).toMatch(
      /warning +cache runs the stateful image redis and may be restarted \(label container-doctor\.restart\)/,
    );
    expect(stdout).toMatch(/warning +rule 2 matches no container/);
    const verbose = await runCommand(['check', '--verbose'], env);
    expect(verbose.stdout).toMatch(/plain +enable +true +default\n/);
    expect(engine.count('restart', 'web')).toBe(0);
  });

  it.each<[string, Record<string, string>, string | undefined]>([
    ['AUTO_FIX=ask', { AUTO_FIX: 'ask' }, 'restart is ask for plain, web, but nobody can answer'],
    ['a policy that asks', { AUTO_FIX: 'true' }, 'restart is ask for web, but nobody can answer'],
    ['restarts that are off', { AUTO_FIX: 'false' }, undefined],
    ['a token for the page', { AUTO_FIX: 'ask', HTTP_TOKEN: 'a-token-of-16-characters' }, undefined],
    [
      'a Slack app with approvers',
      {
        AUTO_FIX: 'ask',
        SLACK_BOT_TOKEN: 'xoxb-1-stand-in',
        SLACK_CHANNEL: 'C0123456789',
        SLACK_APP_TOKEN: 'xapp-1-stand-in',
        SLACK_APPROVERS: 'U0123456789',
        SLACK_API_URL: 'http://127.0.0.1:9/',
      },
      undefined,
    ],
    [
      'a Slack app without approvers',
      {
        AUTO_FIX: 'ask',
        SLACK_BOT_TOKEN: 'xoxb-1-stand-in',
        SLACK_CHANNEL: 'C0123456789',
        SLACK_API_URL: 'http://127.0.0.1:9/',
      },
      'nobody can answer',
    ],
  ])('with %s, warns only if a restart would wait for nobody', async (_, env, warning) => {
    add('web', { restart: 'ask' });
    add('plain');
    const { stdout } = await runCommand(['check'], environment(env));
    if (warning === undefined) expect(stdout).not.toContain('nobody can answer');
    else {
      expect(stdout).toContain(warning);
      expect(stdout).toContain('set HTTP_TOKEN, to answer on the page, or SLACK_APPROVERS');
    }
  });
});
