/**
 * A real agent process is killed with SIGKILL at every externally visible step of the workflow, and at moments spread
 * over all of it. Then it is started again. The stand-ins for the engine, Claude and five receivers (Slack's webhook and
 * app, Alertmanager, Apprise, a webhook) have what they received, and the database shows what was stored when it died.
 *
 * The guarantees and their limits (docs/decisions/0013-after-a-kill.md):
 * - one decision leads to at most one restart
 * - an alert arrives at each receiver exactly once, or twice if the agent died after that receiver accepted it and before
 *   that was stored
 * - Claude is asked once, or again if the agent died before the answer was stored
 * - no error line is lost, and none opens a second incident
 * - limits and budgets survive
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SimulatedContainer, SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { createLimit } from '../../src/lib/limit.ts';
import { answer, delay } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type Receivers, STAND_INS, type StandIn, startReceivers } from '../support/receivers.ts';
import { slackAppBesideOthers } from '../support/slack-app-env.ts';
import type { ChannelMessage, SlackApp } from '../support/slack-app-server.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

interface Scene extends World {
  readonly web: SimulatedContainer;
  readonly api: SimulatedContainer;
  readonly receivers: Receivers;
  readonly dataDir: string;
}

/** Called when the error line has been printed. Resolves at the moment of the kill. */
type Moment = (scene: Scene) => Promise<unknown>;

/** Polls every millisecond, because a step may take only a few. */
const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 60_000, everyMs: 1 });
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

/** As fast as the real services at best, and slow enough for a kill during each step. */
const CLAUDE_TAKES_MS = 60;
const SLACK_TAKES_MS = 40;
const RESTART_TAKES_MS = 60;

const POINTS: readonly [string, Moment][] = [
  ['when the line was printed', line],
  ['while more lines of the record are awaited', later(line, 120)],
  ['while more evidence is awaited', later(line, 330)],
  ['when the request to Claude arrived', asked],
  ['just before Claude answers', later(asked, CLAUDE_TAKES_MS - 5)],
  ['when Claude has answered', later(asked, CLAUDE_TAKES_MS + 1)],
  ['when the answer was read', later(asked, CLAUDE_TAKES_MS + 8)],
  ['when the restart is requested', restarting],
  ['while the engine restarts it', later(restarting, RESTART_TAKES_MS / 2)],
  ['when the container is restarted', restarted],
  ['while the restart is verified', later(restarted, 500)],
  ['just before the end of verification', later(restarted, 1_000)],
  ['when the alert arrived at Slack', posted],
  ['just before Slack responds', later(posted, SLACK_TAKES_MS - 5)],
  ['when Slack has responded', later(posted, SLACK_TAKES_MS + 1)],
  ['when Slack’s response was read', later(posted, SLACK_TAKES_MS + 8)],
  ['when everything is done', later(posted, SLACK_TAKES_MS + 500)],
];

/** Positions are stored once a second. The line is printed in different parts of that second, ms. */
const PHASES = [0, 300, 600, 800];

/** ms after the line. The workflow takes about 2 s. */
const SPREAD = Array.from({ length: 7 }, (_, n) => n * 350);

/** A scene mostly waits. */
const threeAtATime = createLimit(3);

describe.concurrent('killed', { timeout: 240_000 }, () => {
  it.each(POINTS)('%s', async (_, moment) => threeAtATime(() => killAndCheck(moment)));
  it.each(PHASES)('when the position of a line that was printed after %d ms is stored', async (ms) =>
    threeAtATime(() => killAndCheck(positionWritten, { waitMs: ms })),
  );
  it('while the engine stops the container slowly', async () =>
    threeAtATime(() => killAndCheck(later(restarting, 2_300), { web: { stopTakesMs: 3_000 } })));
  it('while the engine waits for the stop timeout', async () =>
    threeAtATime(() => killAndCheck(later(restarting, 100), { web: { ignoresStop: true, stopTimeout: 6 } })));
  it('when a restart is stored that the engine never received: people are notified, and a new decision is made', async () =>
    threeAtATime(() => killAndCheck(restarting, { engineReceivesNothing: true })));
  it.each(SPREAD)('%d ms after the line', async (ms) => threeAtATime(() => killAndCheck(later(line, ms))));
});

it('a restart whose connection to the engine is cut is verified, not repeated', { timeout: 180_000 }, async () => {
  await inScene({ stopTakesMs: 1_500 }, async (scene) => {
    const { engine, web } = scene;
    const doctor = await scene.start();
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await restarting(scene);
    engine.faults.dropConnections();
    const outcome = await eventually(async () => (await doctor.history())[0]?.outcome ?? undefined, {
      deadlineMs: 60_000,
      everyMs: 50,
    });
    expect([outcome, engine.count('restart', 'web'), web.starts]).toEqual(['recovered', 1, 2]);
  });
});

interface Circumstances {
  readonly waitMs?: number;
  readonly web?: Partial<SimulatedContainerOptions>;
  readonly engineReceivesNothing?: boolean;
}

async function killAndCheck(moment: Moment, { waitMs = 0, web: over, engineReceivesNothing }: Circumstances = {}) {
  await inScene(over, async (scene) => {
    const { engine, web, api, claude, slack, receivers } = scene;
    if (engineReceivesNothing) engine.faults.hang('restart', 1);
    const first = await scene.start();
    await sleep(waitMs);
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await moment(scene);
    first.signal('SIGKILL');
    await first.exited;
    await Promise.all([claude, slack, receivers].map((standIn) => standIn.drained()));

    const left = stored(scene.dataDir);
    const seen = { requests: claude.requests.length, posts: slack.posts.length, arrived: arrivedAt(receivers) };
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
      { deadlineMs: 60_000, everyMs: 50 },
    );
    const health = await second.health();
    const history = await second.history();
    expect(await second.stop()).toBe(0);
    const end = stored(scene.dataDir);

    // The line is read again if its incident was not stored, but opens only one incident.
    expect(history.map((entry) => entry.container).sort()).toEqual(['api', 'web']);
    expect(end.incidents).toBe(2);

    // If the agent was killed after it stored the attempt and before the engine received the request, it found that the
    // attempt had no effect, and a second decision led to the restart.
    const withoutEffect = end.attempts === 2 ? 1 : 0;
    if (withoutEffect) expect(left.attempts).toBe(1);
    if (engineReceivesNothing) expect(withoutEffect).toBe(1);
    expect(web.starts).toBe(2);
    expect(end.attempts).toBe(1 + withoutEffect);
    expect(health.fixes_applied).toEqual({ web: 1 });

    const posts = (name: string) => slack.posts.filter((post) => post.text.includes(name));
    const unrecorded = seen.posts === 1 && left.sent.slack === undefined ? 1 : 0;
    expect(posts('web')).toHaveLength(1 + unrecorded + withoutEffect);
    expect(posts('api')).toHaveLength(1);
    if (withoutEffect) expect(posts('web')[0]?.text).toMatch(/The restart failed/);
    expect(posts('web').at(-1)?.text).toMatch(/Restarted, and it recovered/);

    for (const service of STAND_INS) {
      const doubled = seen.arrived[service] - (left.sent[service] ?? 0);
      expect([0, 1], service).toContain(doubled);
      const all = receivers[service].filter(({ container }) => container !== undefined);
      expect(all.length, service).toBe((end.sent[service] ?? 0) + doubled);
      // Of Alertmanager's alerts, the end is left out, so those of an incident may be equal.
      if (service !== 'alertmanager') {
        expect(new Set(all.map(({ message }) => message)).size, service).toBe(all.length - doubled);
      }
      expect(new Set(all.map(({ container }) => container)), service).toEqual(new Set(['web', 'api']));
    }
    expect(end.undelivered.filter((kind) => kind !== 'resolved')).toEqual([]);
    expectOneMessageEach(receivers.slackApp);
    const outcomes = receivers.webhook.filter(({ body }) => body.type === 'incident.outcome');
    expect(outcomes.at(-1)?.body.data.restart.outcome).toBe('recovered');

    const paid = (name: string) => claude.requests.filter((request) => request.prompt.includes(`"${name}"`)).length;
    const unanswered = seen.requests === 1 && left.diagnoses === 0 ? 1 : 0;
    expect(paid('web')).toBe(1 + unanswered + withoutEffect);
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
  const receivers = await startReceivers({ answersAfterMs: SLACK_TAKES_MS });
  const doctors: Doctor[] = [];
  try {
    await use({
      ...world,
      receivers,
      web: engine.addContainer({ name: 'web', stopTakesMs: RESTART_TAKES_MS, stopTimeout: 1, ...over }),
      api: engine.addContainer({ name: 'api' }),
      dataDir: path.join(world.folder, 'data'),
      async start(over) {
        const env = { ...receivers.env, ...slackAppBesideOthers(receivers.slackApp) };
        const doctor = await world.start({ VERIFY_DEADLINE_SECONDS: '10', ...env, ...over });
        doctors.push(doctor);
        return doctor;
      },
    });
  } catch (error) {
    throw new Error(doctors.map((doctor, n) => `agent ${n + 1}:\n${doctor.output()}`).join('\n\n'), { cause: error });
  } finally {
    await world.close();
    await receivers.close();
  }
}

/** The message of an incident is edited. It is there twice if the agent died between Slack's answer and its storage. */
function expectOneMessageEach(slack: SlackApp): void {
  const messages = slack.shown().filter(({ threadTs }) => threadTs === undefined);
  const of = (name: string) => messages.filter((message) => slack.textOf(message).includes(name));
  expect(of('api').length + of('web').length).toBe(messages.length);
  expect(of('api')).toHaveLength(1);
  expect([1, 2]).toContain(of('web').length);
  expect(slack.textOf(of('web').at(-1) as ChannelMessage)).toContain('it recovered');
  expect(slack.violations).toEqual([]);
}

/** Alerts that each receiver has got so far. */
function arrivedAt(receivers: Receivers): Record<StandIn, number> {
  const count = (service: StandIn) => receivers[service].filter(({ container }) => container !== undefined).length;
  return { alertmanager: count('alertmanager'), apprise: count('apprise'), webhook: count('webhook') };
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

/** The content of the database. No agent may be running. */
function stored(dataDir: string) {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
  const number = (sql: string) => Number(database.prepare(sql).get()?.n ?? 0);
  try {
    return {
      incidents: number('SELECT count(*) AS n FROM incidents'),
      diagnoses: number('SELECT count(*) AS n FROM incidents WHERE diagnosis IS NOT NULL'),
      attempts: number('SELECT count(*) AS n FROM attempts'),
      asks: number('SELECT count(*) AS n FROM asks'),
      spend: number('SELECT sum(cost_usd) AS n FROM claude_requests'),
      /** By receiver. */
      sent: Object.fromEntries(
        database
          .prepare(`SELECT receiver, count(*) AS n FROM outbox WHERE state = 'sent' GROUP BY receiver`)
          .all()
          .map(({ receiver, n }) => [String(receiver), Number(n)]),
      ) as Partial<Record<string, number>>,
      /** The kinds of alerts that wait, or were dropped. */
      undelivered: database
        .prepare(`SELECT alert FROM outbox WHERE state <> 'sent'`)
        .all()
        .map(({ alert }) => (JSON.parse(String(alert)) as { kind: string }).kind),
    };
  } finally {
    database.close();
  }
}
