/**
 * Overload: 300 containers crash within a second, and one container writes 200,000 lines as fast as they are read. The
 * guarantees are in docs/reliability.md; `npm run bench` measures the times.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import type { HealthView } from '../../src/http/health.ts';
import type { HistoryEntry } from '../../src/http/history.ts';
import { answer } from '../support/claude-server.ts';
import { type EventuallyOptions, eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { letters } from '../support/letters.ts';
import { appMessages, incidentsInApp, type Receivers, startReceivers } from '../support/receivers.ts';
import type { SlackPost } from '../support/slack-server.ts';
import { SAFE, startWorld } from '../support/world.ts';

const PATIENCE: EventuallyOptions = { deadlineMs: 120_000, everyMs: 100 };

/** Counts how often each text occurs. */
const tally = (of: readonly string[]): Record<string, number> =>
  Object.fromEntries(Object.entries(Object.groupBy(of, (it) => it)).map(([it, all]) => [it, all?.length ?? 0]));

describe('300 containers that crash within the same second', { timeout: 240_000 }, () => {
  const clock = createAdjustableClock(4);
  /** Slack accepts this many, then asks for a pause. */
  const BURST = 5;
  const MAX_MESSAGES = 12;
  const EACH = 100;
  const ALL = 3 * EACH;
  const ASKS_AN_HOUR = 20;
  /** How many of the containers out of memory must not be restarted. */
  const NEVER = 10;
  /** How many of them a person starts while their restart waits. */
  const BY_HAND = 5;

  let world: FastWorld;
  let receivers: Receivers;
  let history: readonly HistoryEntry[];
  let healthDuring: readonly HealthView[];
  let byHand: readonly string[] = [];
  let mostAtOnce = 0;

  const shown = (): readonly SlackPost[] => world.slack.posts.filter((post) => post.answered === 200);
  const restarted = (): string[] =>
    world.engine.requests.filter(({ operation }) => operation === 'restart').map(({ container }) => container ?? '');
  const oomReasons = () =>
    tally(history.filter(({ detector }) => detector === 'oom').map(({ reason }) => reason ?? 'none'));

  beforeAll(async () => {
    receivers = await startReceivers();
    world = await startFastWorld({
      clock,
      containers: [],
      claude: () => answer(SAFE),
      env: { MAX_DIAGNOSES_PER_HOUR: String(ASKS_AN_HOUR), VERIFY_STABLE_SECONDS: '10', ...receivers.env },
    });
    world.slack.reply([
      ...Array.from({ length: BURST }, () => ({ status: 200, body: 'ok' })),
      { status: 429, headers: { 'retry-after': '1' }, body: 'rate_limited' },
    ]);
    const crashed = new Map<string, SimulatedContainer>();
    let startedByHand = false;
    const add = (kind: string) => (_: unknown, n: number) =>
      world.engine.addContainer({
        name: `${kind}-${letters(n)}-app`,
        labels: kind === 'oom' && n < NEVER ? { 'container-doctor.restart': 'never' } : {},
        startTakesMs: 200,
        onStart(container) {
          // Until now, it was one of the containers whose restart was in progress.
          const inProgress = restarted().filter((name) => crashed.has(name));
          mostAtOnce = Math.max(mostAtOnce, inProgress.length);
          crashed.delete(container.name);
          if (inProgress.length === 0 || startedByHand) return;
          startedByHand = true;
          byHand = startSomeByHand(inProgress);
        },
      });
    const startSomeByHand = (inProgress: readonly string[]): string[] => {
      const waiting = [...crashed.values()].filter(({ name }) => name.startsWith('oom') && !inProgress.includes(name));
      // The last ones to crash, because they wait the longest.
      return waiting.slice(-BY_HAND).map((container) => {
        container.start();
        return container.name;
      });
    };
    const oom = Array.from({ length: EACH }, add('oom'));
    const same = Array.from({ length: EACH }, add('same'));
    const own = Array.from({ length: EACH }, add('own'));
    await eventually(async () => ((await world.health()).monitoring.length === ALL ? true : undefined), PATIENCE);

    for (const container of [...oom, ...same, ...own]) crashed.set(container.name, container);
    for (let n = 0; n < EACH; n++) {
      oom[n]?.oom();
      dies(same[n], 'FATAL cannot reach the broker: connection refused');
      dies(own[n], `FATAL the ${letters(n)} table has no column ${letters(n * 7)}`);
    }
    const seen: HealthView[] = [];
    await eventually(async () => {
      const view = await world.health();
      seen.push(view);
      const settled = (await world.history()).filter(({ decision }) => decision !== null);
      return settled.length === ALL ? true : undefined;
    }, PATIENCE);
    await floodIsOver();
    healthDuring = seen;
    history = await world.history();
  }, 240_000);

  afterAll(async () => {
    await world?.close();
    await receivers?.close();
  });

  /** The last summary is sent; further alerts are sent one by one. */
  const floodIsOver = async () => {
    const until = clock.now() + 7 * 60_000;
    clock.speed = 40;
    await eventually(() => (clock.now() > until ? true : undefined), PATIENCE);
    clock.speed = 4;
  };

  it('are 300 incidents, of which Slack gets ten alerts and a summary that counts all others', () => {
    expect(history).toHaveLength(ALL);
    expect(new Set(history.map(({ container }) => container)).size).toBe(ALL);
    expect(shown().length).toBeLessThanOrEqual(MAX_MESSAGES);
    const alerts = shown().filter(({ text }) => /^incident /m.test(text));
    expect(alerts).toHaveLength(10);
    const counted = shown().flatMap(({ text }) => /(\d+) more problems/.exec(text)?.[1] ?? []);
    expect(Math.max(...counted.map(Number))).toBe(ALL - alerts.length);
    expect(world.slack.posts.filter(({ answered }) => answered === 429)).toHaveLength(1);
  });

  it('are as few messages for the Slack app, Apprise and a webhook; Alertmanager, which groups them itself, gets all', () => {
    const { alertmanager, apprise, webhook } = receivers;
    const ofApp = appMessages(receivers);
    expect(ofApp.length).toBeLessThanOrEqual(MAX_MESSAGES);
    expect(new Set(incidentsInApp(receivers)).size).toBe(10);
    expect(incidentsInApp(receivers)).toHaveLength(10);
    expect(ofApp.filter(({ text }) => text.includes(`${ALL - 10} more problems`))).toHaveLength(1);
    expect(receivers.slackApp.violations).toEqual([]);
    const containers = (arrivals: typeof webhook) => new Set(arrivals.flatMap(({ container }) => container ?? []));
    expect(apprise.length).toBeLessThanOrEqual(MAX_MESSAGES);
    expect([containers(apprise).size, containers(webhook).size, containers(alertmanager).size]).toEqual([10, 10, ALL]);
    // Programs that read the webhook get the outcome of each of the ten, too.
    expect(webhook.filter(({ body }) => body.data.restart === undefined).length).toBeLessThanOrEqual(MAX_MESSAGES);
  });

  it('use up the hourly cap of questions to Claude; the rules diagnose the rest', () => {
    expect(world.claude.requests).toHaveLength(ASKS_AN_HOUR);
    expect(tally(history.map(({ diagnosis }) => diagnosis?.fallback ?? diagnosis?.tier ?? 'none'))).toEqual({
      claude: ASKS_AN_HOUR,
      hourly_cap: ALL - ASKS_AN_HOUR,
    });
  });

  it('are restarted once each if diagnosis and policy allow it', () => {
    const allowed = history.filter(({ decision }) => decision === 'restart');
    expect(restarted().toSorted()).toEqual(allowed.map(({ container }) => container).toSorted());
    expect(oomReasons()).toMatchObject({ restart_allowed: EACH - NEVER - BY_HAND, policy_never: NEVER });
    expect(tally(allowed.map(({ outcome }) => String(outcome)))).toEqual({ recovered: allowed.length });
  });

  it('are restarted a few at a time, except those that a person starts in the meantime', () => {
    expect(mostAtOnce).toBeGreaterThan(1);
    expect(mostAtOnce).toBeLessThanOrEqual(8);
    expect(byHand).toHaveLength(BY_HAND);
    expect(oomReasons().already_recovered).toBe(BY_HAND);
    expect(restarted().filter((name) => byHand.includes(name))).toEqual([]);
  });

  it('leave /health responsive and correct', () => {
    expect(healthDuring.filter((view) => !view.docker_connected || view.loop_stalled)).toEqual([]);
    expect(Math.max(...healthDuring.map(({ open_incidents }) => open_incidents))).toBe(ALL);
    expect(Math.max(...healthDuring.map(({ outbox_pending }) => outbox_pending))).toBeGreaterThan(0);
    const saysUsedUp = ({ problems }: HealthView) =>
      problems.some((it) => it.includes('limit of 20 diagnoses is reached'));
    expect(healthDuring.filter((view) => saysUsedUp(view) !== (view.rate_limit_remaining === 0))).toEqual([]);
    expect(healthDuring.filter(({ problems }) => problems.join().includes('Slack answered 429'))).not.toEqual([]);
  });

  it('cause no questions, alerts or restarts afterwards, and the next failure is handled', async () => {
    await floodIsOver();
    const before = { asks: world.claude.requests.length, posts: shown().length, restarts: restarted().length };
    const straggler = world.engine.addContainer({ name: 'straggler' });
    straggler.log('ERROR cannot open the vault', { stream: 'stderr' });
    await eventually(() => (shown().some(({ text }) => text.includes('straggler')) ? true : undefined), PATIENCE);
    expect({ asks: world.claude.requests.length, posts: shown().length - 1, restarts: restarted().length }).toEqual(
      before,
    );
    await eventually(async () => {
      const open = (await world.history()).filter(({ state }) => state === 'open');
      expect(await world.health()).toMatchObject({
        outbox_pending: 0,
        open_incidents: open.length,
        problems: [expect.stringContaining('diagnoses is reached')],
      });
      return true;
    }, PATIENCE);
  });
});

describe('200,000 lines from one container, as fast as they are read', { timeout: 120_000 }, () => {
  const LINES = 200_000;
  const ONE_ERROR_IN = 100;
  const AT_ONCE = 500;

  it('are all read, their errors are counted as one incident, and another container is handled in the meantime', async () => {
    const world = await startWorld(() => answer({ severity: 'medium' }));
    try {
      const flooding = world.engine.addContainer({ name: 'flooding' });
      const calm = world.engine.addContainer({ name: 'calm' });
      const agent = await world.start({ AUTO_FIX: 'false' });
      const read = () => agent.metric('container_doctor_log_lines_total');
      for (const container of [flooding, calm]) container.log('INFO ready');
      await eventually(async () => ((await read()) === 2 ? true : undefined), PATIENCE);

      for (let from = 0; from < LINES; from += AT_ONCE) {
        flooding.log(Array.from({ length: AT_ONCE }, (_, n) => lineOf(from + n)).join('\n'));
        if (from === LINES / 2) calm.log('ERROR cannot open the vault', { stream: 'stderr' });
        await turn();
      }

      await eventually(async () => ((await read()) >= 2 + LINES + 1 ? true : undefined), PATIENCE);
      const errors = LINES / ONE_ERROR_IN;
      const history = await eventually(async () => {
        const entries = await agent.history();
        const settled = entries.length === 2 && entries.every(({ decision }) => decision !== null);
        return settled && entries.some(({ occurrences }) => occurrences === errors) ? entries : undefined;
      }, PATIENCE);
      expect(await read()).toBe(2 + LINES + 1);
      expect(Object.fromEntries(history.map((entry) => [entry.container, entry.occurrences]))).toEqual({
        flooding: errors,
        calm: 1,
      });
      const detected = (name: string) =>
        agent.metric('container_doctor_errors_detected_total', { container_name: name });
      expect([await detected('flooding'), await detected('calm')]).toEqual([errors, 1]);
      expect(history.map(({ diagnosis }) => diagnosis?.tier)).toEqual(['claude', 'claude']);
      expect(world.claude.requests).toHaveLength(2);
      await eventually(() => (world.slack.posts.length === 2 ? true : undefined), PATIENCE);
      expect(await agent.health()).toMatchObject({ status: 'healthy', problems: [], open_incidents: 2 });
    } finally {
      await world.close();
    }
  });

  function lineOf(n: number): string {
    return n % ONE_ERROR_IN === 0
      ? `ERROR cannot reserve stock for order ${n}: deadlock detected`
      : `172.18.0.1 - - "GET /orders/${n} HTTP/1.1" 200 ${500 + (n % 900)} took=${n % 97}ms`;
  }
});

function dies(container: SimulatedContainer | undefined, lastLine: string): void {
  container?.log(lastLine, { stream: 'stderr' });
  container?.exit(1);
}
