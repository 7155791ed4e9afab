import { describe, expect, it } from 'vitest';
import { sendDigests } from '../../src/app/digest.ts';
import type { Clock } from '../../src/lib/time.ts';
import { parseFilter } from '../../src/pipeline/policy/filter.ts';
import type { Notice } from '../../src/pipeline/ports/receiver.ts';
import type { Store } from '../../src/store/store.ts';
import { open, temporaryDirectory } from '../store/support.ts';
import { sampleAttempt, sampleDiagnosis, sampleIncident } from '../support/samples.ts';
import { createRecordingLogger } from '../support/watching.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** 2026-11-25, 10:00 in Berlin. */
const START = Date.UTC(2026, 10, 25, 9);
const AT_EIGHT = { minute: 8 * 60, zone: 'Europe/Berlin' };

interface World {
  readonly store: Store;
  readonly time: { now: number };
  readonly delivered: { readonly receiver: string; readonly notice: Notice; readonly finished: () => Promise<void> }[];
  /** Lets the agent run until `to`, looking at the clock every `stepMs`. */
  run(to: number, options?: { readonly accept?: boolean; readonly stepMs?: number }): Promise<void>;
}

async function startWorld(options: Partial<Parameters<typeof sendDigests>[0]> = {}): Promise<World> {
  const time = { now: START };
  const dataDir = await temporaryDirectory();
  const store = await open(dataDir, {
    clock: {
      get time() {
        return time.now;
      },
    },
  });
  const delivered: World['delivered'] = [];
  return {
    store,
    time,
    delivered,
    async run(to, { accept = true, stepMs = HOUR / 2 } = {}) {
      const stop = new AbortController();
      const clock: Clock = {
        now: () => time.now,
        monotonic: () => time.now,
        async sleep() {
          time.now += stepMs;
          if (time.now > to) stop.abort();
        },
      };
      const pending: Promise<void>[] = [];
      await sendDigests(
        {
          when: AT_EIGHT,
          receivers: [{ name: 'slack' }],
          store,
          clock,
          logger: createRecordingLogger(),
          deliver(receiver, notice, finished) {
            delivered.push({ receiver, notice, finished });
            if (accept) pending.push(finished());
          },
          ...options,
        },
        stop.signal,
      );
      await Promise.all(pending);
    },
  };
}

describe('the daily digest', () => {
  it('is sent once a day at its local time, also if the agent is started again and again', async () => {
    const world = await startWorld();
    for (let day = 0; day < 3; day++) {
      for (let part = 1; part <= 4; part++) await world.run(START + day * DAY + part * 6 * HOUR - 1);
    }
    expect(world.delivered.map(({ notice }) => notice.title)).toEqual([
      'Daily digest, 2026-11-26',
      'Daily digest, 2026-11-27',
      'Daily digest, 2026-11-28',
    ]);
  });

  it('is sent once if the agent is started again every few seconds around its minute', async () => {
    const world = await startWorld();
    await world.run(START + HOUR);
    const eight = Date.UTC(2026, 10, 26, 7);
    world.time.now = eight - 3 * 60_000;
    while (world.time.now < eight + 3 * 60_000) await world.run(world.time.now + 7_000, { stepMs: 5_000 });
    expect(world.delivered.map(({ notice }) => notice.title)).toEqual(['Daily digest, 2026-11-26']);
  });

  it('comes once where its minute does not exist or comes twice, also if the agent is started again meanwhile', async () => {
    const world = await startWorld({ when: { minute: 150, zone: 'Europe/Berlin' } });
    for (const [date, noon] of [
      ['2027-03-27', Date.UTC(2027, 2, 27, 23)],
      ['2027-10-30', Date.UTC(2027, 9, 30, 22)],
    ] as const) {
      world.time.now = noon;
      await world.store.saveDigest('slack', date);
      while (world.time.now < noon + 6 * HOUR) await world.run(world.time.now + 11 * 60_000, { stepMs: 5 * 60_000 });
    }
    expect(world.delivered.map(({ notice }) => notice.title.slice(-10))).toEqual(['2027-03-28', '2027-10-31']);
  });

  it('comes once on the days on which the clocks change', async () => {
    const world = await startWorld({ when: { minute: 150, zone: 'Europe/Berlin' } });
    for (const [month, day] of [
      [2, 27],
      [9, 23],
    ] as const) {
      world.time.now = Date.UTC(2027, month, day, 12);
      await world.store.saveDigest('slack', `2027-${month === 2 ? '03' : '10'}-${day}`);
      await world.run(world.time.now + 3 * DAY, { stepMs: 10 * 60_000 });
    }
    const dates = world.delivered.map(({ notice }) => notice.title.slice(-10));
    expect(dates).toEqual(['2027-03-28', '2027-03-29', '2027-03-30', '2027-10-24', '2027-10-25', '2027-10-26']);
  });

  it('is sent late, once, for the whole time, if the agent was not running', async () => {
    const world = await startWorld();
    await world.run(START + HOUR);
    world.time.now = START + 3 * DAY;
    await world.run(START + 3 * DAY + 4 * HOUR);
    expect(world.delivered.map(({ notice }) => [notice.title, notice.heading])).toEqual([
      ['Daily digest, 2026-11-28', 'The last 72 hours'],
    ]);
  });

  it('is given again to the next run if it was not accepted, and to one receiver does not depend on another', async () => {
    const world = await startWorld({ receivers: [{ name: 'slack' }, { name: 'apprise' }] });
    await world.run(START + DAY, { accept: false });
    await world.delivered.find(({ receiver }) => receiver === 'apprise')?.finished();
    await world.run(START + DAY + 2 * HOUR, { accept: false });
    expect(world.delivered.map(({ receiver }) => receiver)).toEqual(['slack', 'apprise', 'slack']);
  });

  it('does not go to a receiver that groups alerts itself', async () => {
    const world = await startWorld({ receivers: [{ name: 'alertmanager', groups: true }] });
    await world.run(START + 2 * DAY);
    expect(world.delivered).toEqual([]);
  });

  async function fill({ store, time }: World) {
    const at = time.now + HOUR;
    const save = async (
      id: string,
      decision: Parameters<Store['saveDecision']>[1],
      over: { readonly project?: string; readonly fingerprint?: string; readonly diagnosedAt?: number } = {},
    ) => {
      const { project = 'shop', fingerprint = id, diagnosedAt = at } = over;
      const incident = sampleIncident({ id, fingerprint, summary: `it broke\n<!channel> ${id}` });
      const container = { ...incident.container, name: `web-${id}`, service: over.fingerprint ? 'cron' : id, project };
      await store.saveIncident({ ...incident, container });
      await store.saveDiagnosis(id, sampleDiagnosis({ at: diagnosedAt, suggestedFix: `fix ${id}` }));
      await store.saveDecision(id, decision);
    };
    await save('recorded', { kind: 'record', reason: 'severity_too_low' });
    await save('restarted', { kind: 'restart', reason: 'restart_allowed' });
    await store.beginAttempt(sampleAttempt({ id: 'a1', incidentId: 'restarted', outcome: undefined }));
    await store.finishAttempt('a1', { outcome: 'recovered', detail: '', finishedAt: at });
    await save('held', { kind: 'notify', reason: 'quiet_hours' });
    await save('asked', { kind: 'ask', reason: 'policy_ask' }, { project: 'blog' });
    for (let day = 0; day < 3; day++) {
      const diagnosedAt = at - day * DAY;
      await save(`again-${day}`, { kind: 'notify', reason: 'restart_not_safe' }, { fingerprint: 'same', diagnosedAt });
    }
    await store.recordRequests([
      {
        incidentId: 'held',
        containerName: 'web-held',
        at,
        model: 'claude-haiku-5-5',
        outcome: 'ok',
        tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 },
        costUsd: 0.42,
      },
    ]);
  }

  it('says what was recorded, restarted and held back, what waits, recurs, and was spent', async () => {
    const world = await startWorld();
    await fill(world);
    await world.run(START + DAY);
    const lines = world.delivered[0]?.notice.text.split('\n');
    expect(lines).toEqual([
      '5 incidents: 5 high.',
      'Recorded, without an alert: 1',
      '  web-recorded: it broke <!channel> recorded',
      'Restarted: 1',
      '  web-restarted: it broke <!channel> restarted → recovered',
      'A restart was held back: 1',
      '  web-held: it broke <!channel> held (quiet_hours)',
      'Waiting for a person: 1',
      '  web-asked: it broke <!channel> asked',
      'Comes back again and again: 1',
      '  3 times in 7 days: web-again-0: error in the log',
      '    Suggested fix: fix again-0',
      expect.stringMatching(/^Spent on Claude: \$0\.42/),
    ]);
  });

  it('has only the containers that the receiver gets alerts of', async () => {
    const world = await startWorld({ receivers: [{ name: 'slack', only: parseFilter('project:blog') }] });
    await fill(world);
    await world.run(START + DAY);
    const text = world.delivered[0]?.notice.text;
    expect(text).toContain('web-asked');
    expect(text).not.toContain('web-held');
  });
});
