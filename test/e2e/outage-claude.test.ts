/** Claude fails in different ways for more than an hour. An hour of the agent takes a quarter of a real minute. */
import { describe, expect, it } from 'vitest';
import { answer, type ClaudeBehaviour, type ClaudeServer, hang, hold, status } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, metricToBe, PROBLEMS, startFastWorld } from '../support/fast-world.ts';
import { expectEverywhereOnce, startReceivers } from '../support/receivers.ts';
import { incidentOf, type SlackServer } from '../support/slack-server.ts';

const SPEED = 240;
const MINUTE_MS = 60_000;
const CONTAINERS = ['api', 'shop', 'mail', 'search'];
/** These fail only after Claude has recovered. */
const LATER = ['later-a', 'later-b', 'later-c', 'later-d', 'later-e'];

interface Outage {
  begin(claude: ClaudeServer): void | Promise<void>;
  end(claude: ClaudeServer): void | Promise<void>;
  readonly claudeMs?: number;
  /** Why the rules diagnosed, in `/history`. */
  readonly reason: string;
}

const answers = (behaviour: ClaudeBehaviour, reason: string): Outage => ({
  begin: (claude) => claude.reply(() => behaviour),
  end: () => {},
  reason,
});

const OUTAGES: readonly [what: string, outage: Outage][] = [
  // The SDK's pauses between retries are in real time.
  ['is overloaded', answers(status(529, { 'retry-after-ms': '1' }), 'overloaded')],
  ['answers 429 with Retry-After', answers(status(429, { 'retry-after': '30' }), 'rate_limited')],
  // So is the timeout, which must be long enough for a response on a busy machine.
  ['takes questions and never answers', { ...answers(hang(), 'timeout'), claudeMs: 2_500 }],
  [
    'refuses connections',
    { begin: (claude) => claude.refuse(), end: (claude) => claude.accept(), reason: 'unreachable' },
  ],
];

/** Five failures open the circuit. Then one question after 0.5, 1, 2, 4 and 8 minutes, and one every 15 minutes. */
const maxQuestions = (elapsedMs: number) => 5 + 5 + Math.ceil(elapsedMs / (15 * MINUTE_MS));

describe.concurrent('an hour in which Claude', () => {
  for (const [what, outage] of OUTAGES) {
    it(`${what}: the rules diagnose at once, and one question finds that it has recovered`, {
      timeout: 300_000,
    }, async (context) => {
      const receivers = await startReceivers();
      context.onTestFinished(receivers.close);
      const world = await startFastWorld({
        speed: SPEED,
        containers: [...CONTAINERS, ...LATER, 'worker'],
        env: { MAX_DIAGNOSES_PER_HOUR: '100', ...receivers.env },
        requestTimeouts: { claudeMs: outage.claudeMs },
      });
      context.onTestFinished(world.close);
      const { clock, engine, claude, slack } = world;

      fail(world, 'api', 'the first of all');
      await soon(() => (alerts(slack).length === 1 ? true : undefined));
      expect((await world.history()).map(({ diagnosis }) => diagnosis?.tier)).toEqual(['claude']);
      await outage.begin(claude);
      const begun = clock.now();
      for (let i = 0; i < 2 * PROBLEMS.length; i++) {
        if (i === 6) engine.container('worker')?.oom();
        else fail(world, CONTAINERS[i % CONTAINERS.length] as string, PROBLEMS[i >> 1] as string);
        // Even on a slow machine, the next problem must come after the alert of this one.
        await soon(() => (alerts(slack).length === i + 2 ? true : undefined));
        if (i === 18) await expectStateDuring(world, outage);
        await clock.sleep(2 * MINUTE_MS);
      }
      await clock.sleep(begun + 60 * MINUTE_MS - clock.now());

      // No problem was lost or duplicated, the rules diagnosed, and allowed restarts were made.
      const history = await world.history();
      const inOutage = history.filter(({ diagnosis }) => diagnosis?.tier === 'rules');
      expect(inOutage).toHaveLength(2 * PROBLEMS.length);
      expect(history).toHaveLength(inOutage.length + 1);
      const because = (reason: string) => inOutage.filter(({ diagnosis }) => diagnosis?.fallback === reason).length;
      const [failed, skipped] = [because(outage.reason), because('circuit_open')];
      expect(failed + skipped).toBe(inOutage.length);
      expect(history.find(({ container }) => container === 'worker')?.outcome).toBe('recovered');
      expect(engine.count('restart')).toBe(1);
      expect(alerts(slack).map(incidentOf).sort()).toEqual(history.map(({ id }) => id).sort());
      expect(alerts(slack).filter(({ text }) => text.includes('Without Claude'))).toHaveLength(inOutage.length);
      await expectEverywhereOnce(receivers, history);

      // Few questions were asked, and all were counted.
      expect(failed).toBeLessThanOrEqual(maxQuestions(clock.now() - begun));
      const requests = await world.metric('container_doctor_claude_requests_total', { outcome: outage.reason });
      expect(requests).toBeLessThanOrEqual(3 * failed);
      expect(requests).toBeGreaterThanOrEqual(failed);
      const diagnoses = 'container_doctor_diagnosis_duration_seconds_count';
      await metricToBe(world, failed, diagnoses, { tier: 'claude', outcome: 'failed' });
      await metricToBe(world, inOutage.length, diagnoses, { tier: 'rules', outcome: 'ok' });
      await metricToBe(world, skipped, 'container_doctor_diagnoses_skipped_total', { reason: 'circuit_open' });

      // It has recovered, which only a question can show. Earlier problems are not diagnosed again.
      await outage.end(claude);
      let letItAnswer = () => {};
      const released = new Promise<void>((resolve) => {
        letItAnswer = resolve;
      });
      claude.reply(() => hold(released, answer()));
      const retryAt = Date.parse((await world.health()).claude.retry_at ?? '');
      await clock.sleep(retryAt + MINUTE_MS - clock.now());
      const askedBefore = claude.requests.length;
      await expectStateBeforeAQuestion(world);
      for (const name of LATER) fail(world, name, 'at the same time');
      const fallbacks = async () =>
        (await world.history())
          .filter(({ container, decision }) => LATER.includes(container) && decision !== null)
          .map(({ diagnosis }) => diagnosis?.fallback);
      await soon(async () => ((await fallbacks()).length === LATER.length - 1 ? true : undefined));
      expect(await fallbacks()).toEqual(LATER.slice(1).map(() => 'circuit_open'));
      expect((await world.health()).claude.circuit).toBe('half_open');
      expect(claude.requests.length - askedBefore).toBe(1);
      letItAnswer();
      await expectStateAfter(world);
      fail(world, 'api', 'wait and see');
      await soon(() => (claude.requests.length - askedBefore === 2 ? true : undefined));
    });
  }
});

/** Posts about containers. On a busy machine the agent may also send notices about itself. */
const alerts = (slack: SlackServer) => slack.posts.filter((post) => incidentOf(post) !== undefined);
const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) => eventually(probe, { deadlineMs: 60_000 });

function fail({ engine }: FastWorld, container: string, problem: string): void {
  engine.container(container)?.log(`ERROR ${problem}`, { stream: 'stderr' });
}

async function expectStateDuring(world: FastWorld, outage: Outage): Promise<void> {
  const health = await world.health();
  expect(health).toMatchObject({ status: 'degraded', docker_connected: true });
  expect(health.monitoring).toHaveLength(10);
  expect(health.claude).toMatchObject({ circuit: 'open', last_error: outage.reason });
  expect(health.problems).toContainEqual(expect.stringMatching(/^Claude failed several times in a row: /));
  const failed = new RegExp(`^the last request to Claude failed: ${outage.reason}\\b`);
  expect(health.problems).toContainEqual(expect.stringMatching(failed));
  await metricToBe(world, 1, 'container_doctor_claude_circuit_open');
}

async function expectStateBeforeAQuestion(world: FastWorld): Promise<void> {
  const health = await world.health();
  expect(health.claude.circuit).toBe('open');
  // On a busy machine another problem may be listed, too.
  const asksNext = /^Claude failed several times in a row: it is asked again about the next problem/;
  expect(health.problems).toContainEqual(expect.stringMatching(asksNext));
}

async function expectStateAfter(world: FastWorld): Promise<void> {
  await soon(async () => {
    expect(await world.health()).toMatchObject({
      status: 'healthy',
      problems: [],
      outbox_pending: 0,
      claude: { circuit: 'closed', last_error: null, retry_at: null },
    });
    return true;
  });
  await metricToBe(world, 0, 'container_doctor_claude_circuit_open');
}
