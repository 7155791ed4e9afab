/**
 * Kill -9, anywhere. A real agent process is killed at points of the loop that its surroundings can see, and at
 * moments spread over all of it; then it is started again, and the world is looked at: engine, Claude and Slack
 * stand-ins count what was really asked of them, and the database tells what was on disk when the process died.
 *
 * What is promised, and what cannot be (docs/decisions/0013-after-a-kill.md):
 * - a restart is asked for at most once; never a second time for one decision
 * - an alert arrives exactly once, or twice where the agent died between Slack taking it and our writing that down
 * - Claude is asked once, or again where the agent died before the answer was written down
 * - no error line is lost and none opens a second incident
 * - limits and budgets count what they counted
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  createSimulatedEngine,
  type SimulatedContainer,
  type SimulatedEngine,
} from '../../src/demo/simulated-engine.ts';
import { answer, type ClaudeServer, delay, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';

interface World {
  readonly engine: SimulatedEngine;
  readonly web: SimulatedContainer;
  readonly api: SimulatedContainer;
  readonly claude: ClaudeServer;
  readonly slack: SlackServer;
  readonly dataDir: string;
  start(): Promise<Doctor>;
}

/** Resolves at the moment of the kill; the error line has been printed when it is called. */
type Moment = (world: World) => Promise<unknown>;

/** Fine enough to tell the steps of the loop apart, which are milliseconds each. */
const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 10_000, everyMs: 1 });
const later =
  (moment: Moment, ms: number): Moment =>
  (world) =>
    moment(world).then(() => sleep(ms));

const asked: Moment = ({ claude }) => at(() => claude.requests.length > 0);
const restarting: Moment = ({ engine }) => at(() => engine.count('restart', 'web') > 0);
const restarted: Moment = ({ engine, web }) => at(() => engine.count('restart', 'web') > 0 && web.running);
const posted: Moment = ({ slack }) => at(() => slack.posts.length > 0);
const line: Moment = async () => {};
const positionWritten: Moment = ({ dataDir, web }) => at(() => cursorsOnDisk(dataDir).includes(web.id));

/** As slow as the real ones are quick, so that a kill can fall into each of them. */
const CLAUDE_TAKES_MS = 60;
const SLACK_TAKES_MS = 40;
const RESTART_TAKES_MS = 60;

const POINTS: readonly [string, Moment][] = [
  ['when the line was printed', line],
  ['while more lines of the record are awaited', later(line, 120)],
  ['while more evidence is awaited', later(line, 330)],
  ['when the request to Claude arrived', asked],
  ['just before Claude answers', later(asked, CLAUDE_TAKES_MS - 5)],
  ['when Claude’s answer was sent', later(asked, CLAUDE_TAKES_MS + 1)],
  ['when Claude’s answer was read', later(asked, CLAUDE_TAKES_MS + 8)],
  ['when the restart was asked for', restarting],
  ['while the engine restarts it', later(restarting, RESTART_TAKES_MS / 2)],
  ['when it was restarted', restarted],
  ['while the restart is verified', later(restarted, 500)],
  ['when the restart is about to be verified', later(restarted, 1_000)],
  ['when the alert arrived at Slack', posted],
  ['just before Slack answers', later(posted, SLACK_TAKES_MS - 5)],
  ['when Slack’s answer was sent', later(posted, SLACK_TAKES_MS + 1)],
  ['when Slack’s answer was read', later(posted, SLACK_TAKES_MS + 8)],
  ['when all was done', later(posted, SLACK_TAKES_MS + 500)],
];

/** Positions are written once a second: the line falls into each part of that second. */
const PHASES = [0, 150, 300, 450, 600, 700, 800, 900];

/** From the line to the end of the loop it takes some 2 s. */
const SPREAD = Array.from({ length: 25 }, (_, n) => n * 90);

const twoAtATime = semaphore(2);

describe.concurrent('killed', { timeout: 240_000 }, () => {
  it.each(POINTS)('%s', async (_, moment) => twoAtATime(() => killAndLook(moment)));
  it.each(PHASES)('when the position of a line was written that came %d ms into the second', async (ms) =>
    twoAtATime(() => killAndLook(positionWritten, ms)),
  );
  it('while the engine takes its time to stop the container', async () =>
    twoAtATime(() => killAndLook(later(restarting, 2_300), 0, 3_000)));
  it.each(SPREAD)('%d ms after the line', async (ms) => twoAtATime(() => killAndLook(later(line, ms))));
});

async function killAndLook(moment: Moment, waitMs = 0, restartTakesMs = RESTART_TAKES_MS): Promise<void> {
  await inWorld(restartTakesMs, async (world) => {
    const { engine, web, api, claude, slack } = world;
    const first = await world.start();
    await sleep(waitMs);
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await moment(world);
    first.signal('SIGKILL');
    await first.exited;
    // What was under way on the wires is over too.
    await sleep(CLAUDE_TAKES_MS);

    const left = onDisk(world.dataDir);
    const seen = { requests: claude.requests.length, posts: slack.posts.length };
    api.log('ERROR payment refused by the bank', { stream: 'stderr' });
    await first.stop();

    const second = await world.start();
    await eventually(
      async () => {
        const history = await second.history();
        const done = (name: string) => history.find((e) => e.container === name && e.decision !== null);
        if (done('web')?.outcome && done('api') && (await second.health()).outbox_pending === 0) return true;
        throw new Error(
          JSON.stringify(history.map(({ container, decision, outcome }) => [container, decision, outcome])),
        );
      },
      { deadlineMs: 15_000, everyMs: 50 },
    );
    const health = await second.health();
    const history = await second.history();
    expect(await second.stop()).toBe(0);
    const end = onDisk(world.dataDir);

    // One line, one incident; read once or, where its incident was not written yet, again.
    expect(history.map((entry) => entry.container).sort()).toEqual(['api', 'web']);
    expect(end.incidents).toBe(2);

    const restarts = engine.count('restart', 'web');
    // Killed between writing the attempt down and asking the engine: looked at, not repeated.
    expect(restarts).toBeGreaterThanOrEqual(left.attempts === 1 ? 0 : 1);
    expect(restarts).toBeLessThanOrEqual(1);
    expect(end.attempts).toBe(1);
    expect(health.fixes_applied).toEqual({ web: 1 });

    const posts = (name: string) => slack.posts.filter((post) => post.text.includes(name)).length;
    const unrecorded = seen.posts === 1 && left.sent === 0;
    expect(posts('web')).toBe(unrecorded ? 2 : 1);
    expect(posts('api')).toBe(1);

    const paid = (name: string) => claude.requests.filter((request) => request.prompt.includes(`"${name}"`)).length;
    const unanswered = seen.requests === 1 && left.diagnoses === 0;
    expect(paid('web')).toBe(unanswered ? 2 : 1);
    expect(paid('api')).toBe(1);

    expect(health.rate_limit_remaining).toBe(health.rate_limit_limit - end.asks);
    expect(end.asks).toBeGreaterThanOrEqual(claude.requests.length);
    expect(end.asks).toBeGreaterThanOrEqual(left.asks + (left.diagnoses === 1 ? 1 : 2) - 1);
    expect(end.spend).toBeGreaterThanOrEqual(left.spend);
    expect(health.spend_today_usd).toBeCloseTo(end.spend, 6);
  });
}

async function inWorld(restartTakesMs: number, use: (world: World) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'crash-'));
  const engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  const host = await engine.listen();
  const claude = await startClaudeServer((prompt) =>
    delay(
      CLAUDE_TAKES_MS,
      prompt.includes('"web"')
        ? answer({ root_cause: 'It needs a restart.', severity: 'high', auto_restart_safe: true })
        : answer({ severity: 'medium' }),
    ),
  );
  const slack = await startSlackServer({ answersAfterMs: SLACK_TAKES_MS });
  const dataDir = path.join(folder, 'data');
  const doctors: Doctor[] = [];
  try {
    await use({
      engine,
      web: engine.addContainer({ name: 'web', stopTakesMs: restartTakesMs }),
      api: engine.addContainer({ name: 'api' }),
      claude,
      slack,
      dataDir,
      async start() {
        const doctor = await startDoctor({
          DOCKER_HOST: host,
          AUTO_FIX: 'true',
          CHECK_INTERVAL: '1',
          ANTHROPIC_API_KEY: 'sk-ant-stand-in-key',
          ANTHROPIC_BASE_URL: claude.url,
          SLACK_WEBHOOK_URL: slack.webhookUrl,
          VERIFY_STABLE_SECONDS: '1',
          VERIFY_DEADLINE_SECONDS: '10',
          DATA_DIR: dataDir,
        });
        doctors.push(doctor);
        return doctor;
      },
    });
  } catch (error) {
    throw new Error(doctors.map((doctor, n) => `agent ${n + 1}:\n${doctor.output()}`).join('\n\n'), { cause: error });
  } finally {
    await Promise.all(doctors.map((doctor) => doctor.stop()));
    await Promise.all([engine.close(), claude.close(), slack.close()]);
    rmSync(folder, { recursive: true });
  }
}

function cursorsOnDisk(dataDir: string): string[] {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
  try {
    return database
      .prepare('SELECT container_id FROM cursors')
      .all()
      .map((row) => String(row.container_id));
  } finally {
    database.close();
  }
}

/** What the database holds while no agent runs. */
function onDisk(dataDir: string) {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
  const number = (sql: string) => Number(database.prepare(sql).get()?.n ?? 0);
  try {
    return {
      incidents: number('SELECT count(*) AS n FROM incidents'),
      diagnoses: number('SELECT count(*) AS n FROM incidents WHERE diagnosis IS NOT NULL'),
      attempts: number('SELECT count(*) AS n FROM attempts'),
      asks: number('SELECT count(*) AS n FROM asks'),
      spend: number('SELECT sum(cost_usd) AS n FROM claude_requests'),
      sent: number(`SELECT count(*) AS n FROM outbox WHERE state = 'sent'`),
    };
  } finally {
    database.close();
  }
}

function semaphore(size: number): <T>(work: () => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = [];
  let free = size;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else free += 1;
    }
  };
}
