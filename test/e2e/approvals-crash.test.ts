/**
 * A real agent process is killed with SIGKILL at moments spread over an approval, from the error line to the end of
 * verification, and started again. Whenever it dies, the approval is not lost and the container is restarted once.
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import { createLimit } from '../../src/lib/limit.ts';
import { answer, delay } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

const PROGRAM = fileURLToPath(new URL('../support/answering-agent.ts', import.meta.url));
const CLAUDE_TAKES_MS = 40;
const SLACK_TAKES_MS = 40;
const RESTART_TAKES_MS = 60;

interface Scene extends World {
  readonly web: SimulatedContainer;
  readonly dataDir: string;
  /** The running agent. */
  doctor: Doctor;
  start(): Promise<Doctor>;
  answer(): void;
}

type Moment = (scene: Scene) => Promise<unknown>;

const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 60_000, everyMs: 1 });
const later =
  (moment: Moment, ms: number): Moment =>
  (scene) =>
    moment(scene).then(() => sleep(ms));

const requested: Moment = ({ dataDir }) => at(() => read(dataDir).requests.length > 0);
const posted: Moment = ({ slack }) => at(() => slack.posts.length > 0);
const settled: Moment = (scene) => posted(scene).then(() => at(() => read(scene.dataDir).settled));
const answered: Moment = async (scene) => {
  await settled(scene);
  scene.answer();
};
const claimed: Moment = (scene) => answered(scene).then(() => at(() => read(scene.dataDir).requests[0] !== 'waiting'));
const begun: Moment = (scene) => answered(scene).then(() => at(() => read(scene.dataDir).attempts > 0));
const restarting: Moment = (scene) => answered(scene).then(() => at(() => scene.engine.count('restart', 'web') > 0));
const restarted: Moment = (scene) => restarting(scene).then(() => at(() => scene.web.running));
const reported: Moment = (scene) => answered(scene).then(() => at(() => scene.slack.posts.length > 1));

const POINTS: readonly [string, Moment][] = [
  ['when the request is stored', requested],
  ['a moment after the request is stored', later(requested, 5)],
  ['when the alert arrived at Slack', posted],
  ['when the incident is settled', settled],
  ['when somebody answers', answered],
  ['when the answer is stored', claimed],
  ['a moment after the answer is stored', later(claimed, 3)],
  ['when the attempt is stored', begun],
  ['when the restart is requested', restarting],
  ['while the engine restarts it', later(restarting, RESTART_TAKES_MS / 2)],
  ['when the container is restarted', restarted],
  ['while the restart is verified', later(restarted, 500)],
  ['when the result arrived at Slack', reported],
  ['when everything is done', later(reported, 500)],
];
/** ms after the answer. */
const SPREAD = [2, 8, 17, 40, 90, 400];

/** A scene mostly waits. */
const threeAtATime = createLimit(3);

describe.concurrent('killed', { timeout: 240_000 }, () => {
  it.each(POINTS)('%s', async (_, moment) => threeAtATime(() => killAndCheck(moment)));
  it.each(SPREAD)('%d ms after the answer', async (ms) => threeAtATime(() => killAndCheck(later(answered, ms))));
  it.each(SPREAD.slice(0, 3))('%d ms after two answers', async (ms) =>
    threeAtATime(() => killAndCheck(later(answered, ms), 'twice')),
  );
  it.each(SPREAD.slice(0, 3))('%d ms after a denial', async (ms) =>
    threeAtATime(() => killAndCheck(later(answered, ms), 'deny')),
  );
});

async function killAndCheck(moment: Moment, how: 'approve' | 'twice' | 'deny' = 'approve'): Promise<void> {
  await inScene(how, async (scene) => {
    const { web, engine, slack } = scene;
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await moment(scene);
    scene.doctor.signal('SIGKILL');
    await scene.doctor.exited;
    await slack.drained();
    const left = read(scene.dataDir);
    const seen = slack.posts.length;

    await scene.start();
    let approvals = 0;
    await eventually(
      async () => {
        const now = read(scene.dataDir);
        // Nobody has answered yet, or the approved restart never reached the engine and the agent asks again.
        if (now.requests.includes('waiting') && now.settled && approvals < 3) {
          approvals += 1;
          scene.answer();
        }
        const entry = (await scene.doctor.history()).at(-1);
        const over = how === 'deny' ? entry?.reason === 'denied_by_person' : entry?.outcome === 'recovered';
        const sent = (await scene.doctor.health()).outbox_pending === 0 && !now.requests.includes('waiting');
        if (over && sent) return true;
        throw new Error(JSON.stringify({ entry, now }));
      },
      { deadlineMs: 60_000, everyMs: 200 },
    );
    await scene.doctor.stop();
    const end = read(scene.dataDir);

    expect(end.incidents).toBe(1);
    expect(web.starts).toBe(how === 'deny' ? 1 : 2);
    expect(engine.count('restart', 'web')).toBe(how === 'deny' ? 0 : 1);
    // An attempt that was stored and never reached the engine is reported, and somebody is asked again.
    const withoutEffect = how !== 'deny' && end.attempts === 2 ? 1 : 0;
    if (withoutEffect) expect(left.attempts).toBe(1);
    expect(end.attempts).toBe(how === 'deny' ? 0 : 1 + withoutEffect);
    expect(end.requests).toEqual(
      how === 'deny' ? ['denied'] : Array.from({ length: 1 + withoutEffect }, () => 'approved'),
    );
    // An answer that was stored before the kill is never asked for again.
    if (left.requests[0] === 'denied') expect(approvals).toBe(0);
    if (left.requests[0] === 'approved') expect(approvals).toBe(withoutEffect);
    expect(end.answers).toBe(1 + withoutEffect);

    const asks = slack.posts.filter(({ text }) => text.includes('needs a decision by a person'));
    const unrecorded = seen > left.sent ? 1 : 0;
    expect(asks.length).toBeGreaterThanOrEqual(1 + withoutEffect);
    expect(asks.length).toBeLessThanOrEqual(1 + withoutEffect + unrecorded);
    const results = slack.posts.filter(({ text }) => text.includes('Restarted, and it recovered'));
    if (how === 'deny') expect(results).toEqual([]);
    else expect([1, 1 + unrecorded]).toContain(results.length);
  });
}

async function inScene(how: string, use: (scene: Scene) => Promise<void>): Promise<void> {
  const world = await startWorld(() => delay(CLAUDE_TAKES_MS, answer(SAFE)), {
    slack: { answersAfterMs: SLACK_TAKES_MS },
  });
  const doctors: Doctor[] = [];
  const labels = { 'container-doctor.restart': 'ask' };
  const web = world.engine.addContainer({ name: 'web', labels, stopTakesMs: RESTART_TAKES_MS, stopTimeout: 1 });
  const env = world.environment({ ANSWER: how, VERIFY_DEADLINE_SECONDS: '10' });
  const start = async () => {
    const doctor = await startDoctor(env, { program: [PROGRAM] });
    doctors.push(doctor);
    return doctor;
  };
  try {
    const scene: Scene = {
      ...world,
      web,
      dataDir: path.join(world.folder, 'data'),
      doctor: await start(),
      async start() {
        scene.doctor = await start();
        return scene.doctor;
      },
      answer: () => scene.doctor.signal('SIGUSR2'),
    };
    await use(scene);
  } catch (error) {
    throw new Error(doctors.map((doctor, n) => `agent ${n + 1}:\n${doctor.output()}`).join('\n\n'), { cause: error });
  } finally {
    await Promise.all(doctors.map((doctor) => doctor.stop()));
    await world.close();
  }
}

/** The content of the database. The agent may be running. */
function read(dataDir: string) {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
  const number = (sql: string) => Number(database.prepare(sql).get()?.n ?? 0);
  try {
    return {
      incidents: number('SELECT count(*) AS n FROM incidents'),
      settled: number('SELECT count(*) AS n FROM incidents WHERE settled_at IS NOT NULL') > 0,
      attempts: number('SELECT count(*) AS n FROM attempts'),
      sent: number(`SELECT count(*) AS n FROM outbox WHERE state = 'sent'`),
      requests: database
        .prepare('SELECT state FROM restart_requests ORDER BY requested_at, id')
        .all()
        .map(({ state }) => String(state)),
      /** Answers that had an effect. */
      answers: number(`SELECT count(*) AS n FROM audit WHERE result NOT LIKE 'refused%'`),
    };
  } finally {
    database.close();
  }
}
