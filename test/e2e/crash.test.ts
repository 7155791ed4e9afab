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
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SimulatedContainer, SimulatedContainerOptions } from '../../src/demo/engine/container.ts';
import { answer, delay } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

interface Scene extends World {
  readonly web: SimulatedContainer;
  readonly api: SimulatedContainer;
  readonly dataDir: string;
}

/** Resolves at the moment of the kill; the error line has been printed when it is called. */
type Moment = (scene: Scene) => Promise<unknown>;

/** Fine enough to tell the steps of the loop apart, which are milliseconds each. */
const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 10_000, everyMs: 1 });
const later =
  (moment: Moment, ms: number): Moment =>
  (scene) =>
    moment(scene).then(() => sleep(ms));

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
    twoAtATime(() => killAndLook(positionWritten, { waitMs: ms })),
  );
  it('while the engine takes its time to stop the container', async () =>
    twoAtATime(() => killAndLook(later(restarting, 2_300), { web: { stopTakesMs: 3_000 } })));
  it('while the engine waits for the end of the stop timeout to kill the container', async () =>
    twoAtATime(() => killAndLook(later(restarting, 100), { web: { ignoresStop: true, stopTimeout: 6 } })));
  it('when a restart was written down that the engine then never got: that is told, and decided anew', async () =>
    twoAtATime(() => killAndLook(restarting, { engineNeverGotIt: true })));
  it.each(SPREAD)('%d ms after the line', async (ms) => twoAtATime(() => killAndLook(later(line, ms))));
});

it('a restart whose connection to the engine is cut is watched, not made once more', { timeout: 60_000 }, async () => {
  await inScene({ stopTakesMs: 1_500 }, async (scene) => {
    const { engine, web } = scene;
    const doctor = await scene.start();
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await restarting(scene);
    engine.faults.dropConnections();
    const outcome = await eventually(async () => (await doctor.history())[0]?.outcome ?? undefined, {
      deadlineMs: 20_000,
      everyMs: 50,
    });
    expect([outcome, engine.count('restart', 'web'), web.starts]).toEqual(['recovered', 1, 2]);
  });
});

interface Circumstances {
  readonly waitMs?: number;
  readonly web?: Partial<SimulatedContainerOptions>;
  readonly engineNeverGotIt?: boolean;
}

async function killAndLook(moment: Moment, { waitMs = 0, web: over, engineNeverGotIt }: Circumstances = {}) {
  await inScene(over, async (scene) => {
    const { engine, web, api, claude, slack } = scene;
    if (engineNeverGotIt) engine.faults.hang('restart', 1);
    const first = await scene.start();
    await sleep(waitMs);
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await moment(scene);
    first.signal('SIGKILL');
    await first.exited;
    // What was under way on the wires is over too.
    await sleep(CLAUDE_TAKES_MS);

    const left = onDisk(scene.dataDir);
    const seen = { requests: claude.requests.length, posts: slack.posts.length };
    api.log('ERROR payment refused by the bank', { stream: 'stderr' });
    await first.stop();

    const second = await scene.start();
    await eventually(
      async () => {
        const history = await second.history();
        const done = (name: string) => history.find((e) => e.container === name && e.decision !== null);
        const all = done('web')?.outcome === 'recovered' && done('api') && (await second.health()).outbox_pending === 0;
        if (all) return true;
        throw new Error(
          JSON.stringify(history.map(({ container, decision, outcome }) => [container, decision, outcome])),
        );
      },
      { deadlineMs: 40_000, everyMs: 50 },
    );
    const health = await second.health();
    const history = await second.history();
    expect(await second.stop()).toBe(0);
    const end = onDisk(scene.dataDir);

    // One line, one incident; read once or, where its incident was not written yet, again.
    expect(history.map((entry) => entry.container).sort()).toEqual(['api', 'web']);
    expect(end.incidents).toBe(2);

    // Killed between writing an attempt down and the engine taking it on: known to have come to nothing, and a second
    // decision made the restart.
    const neverMade = end.attempts === 2 ? 1 : 0;
    if (neverMade) expect(left.attempts).toBe(1);
    if (engineNeverGotIt) expect(neverMade).toBe(1);
    expect(web.starts).toBe(2);
    expect(end.attempts).toBe(1 + neverMade);
    expect(health.fixes_applied).toEqual({ web: 1 });

    const posts = (name: string) => slack.posts.filter((post) => post.text.includes(name));
    const unrecorded = seen.posts === 1 && left.sent === 0 ? 1 : 0;
    expect(posts('web')).toHaveLength(1 + unrecorded + neverMade);
    expect(posts('api')).toHaveLength(1);
    if (neverMade) expect(posts('web')[0]?.text).toMatch(/It was to be restarted, but was not/);
    expect(posts('web').at(-1)?.text).toMatch(/Restarted, and it recovered/);

    const paid = (name: string) => claude.requests.filter((request) => request.prompt.includes(`"${name}"`)).length;
    const unanswered = seen.requests === 1 && left.diagnoses === 0 ? 1 : 0;
    expect(paid('web')).toBe(1 + unanswered + neverMade);
    expect(paid('api')).toBe(1);

    expect(health.rate_limit_remaining).toBe(health.rate_limit_limit - end.asks);
    expect(end.asks).toBeGreaterThanOrEqual(claude.requests.length);
    expect(end.asks).toBeGreaterThanOrEqual(left.asks + (left.diagnoses === 1 ? 1 : 2) - 1);
    expect(end.spend).toBeGreaterThanOrEqual(left.spend);
    expect(health.spend_today_usd).toBeCloseTo(end.spend, 6);
  });
}

async function inScene(
  over: Partial<SimulatedContainerOptions> | undefined,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  const world = await startWorld(
    (prompt) => delay(CLAUDE_TAKES_MS, prompt.includes('"web"') ? answer(SAFE) : answer({ severity: 'medium' })),
    { slack: { answersAfterMs: SLACK_TAKES_MS } },
  );
  const { engine } = world;
  const doctors: Doctor[] = [];
  try {
    await use({
      ...world,
      web: engine.addContainer({ name: 'web', stopTakesMs: RESTART_TAKES_MS, stopTimeout: 1, ...over }),
      api: engine.addContainer({ name: 'api' }),
      dataDir: path.join(world.folder, 'data'),
      async start(over) {
        const doctor = await world.start({ VERIFY_DEADLINE_SECONDS: '10', ...over });
        doctors.push(doctor);
        return doctor;
      },
    });
  } catch (error) {
    throw new Error(doctors.map((doctor, n) => `agent ${n + 1}:\n${doctor.output()}`).join('\n\n'), { cause: error });
  } finally {
    await world.close();
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
