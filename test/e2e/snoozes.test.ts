/** Snoozes: what they hold back, how they end, and that nothing is forgotten. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import type { Actor } from '../../src/pipeline/ports/people.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { createFastClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

const SPEED = 60;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const JANE: Actor = { via: 'slack', who: 'U0JANE' };
const WEB = { service: 'web' };

let world: FastWorld;
let isOpen = false;

const start = async (over: Partial<Parameters<typeof startFastWorld>[0]> = {}) => {
  world = await startFastWorld({
    speed: SPEED,
    containers: ['web'],
    claude: () => answer(SAFE),
    ...over,
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '5', ...over.env },
  });
  isOpen = true;
};
const stop = async () => {
  if (isOpen) await world.close();
  isOpen = false;
};
const soon = <T>(read: () => Promise<T | undefined> | T | undefined) => eventually(read, { deadlineMs: 60_000 });
const fail = (text = 'ERROR cannot serve: deadlock') => world.engine.container('web')?.log(text, { stream: 'stderr' });
const posts = (count: number) => soon(() => (world.slack.posts.length >= count ? world.slack.posts : undefined));
const opened = (count: number) =>
  soon(() =>
    world.logger.records.filter(({ message }) => message === 'incident opened').length >= count ? true : undefined,
  );
const suppressed = () => world.metric('container_doctor_errors_suppressed_total', { reason: 'snoozed' });
const passed = async (ms: number) => {
  const end = world.clock.now() + ms;
  await soon(() => (world.clock.now() >= end ? true : undefined));
};

afterEach(stop);

describe('a snooze of a service', () => {
  it('holds back questions, alerts and restarts, counts what it held back, and ends by itself', async () => {
    await start();
    const { actions, store } = world.people;
    expect(await actions.snooze({ service: WEB, forMs: 5 * MINUTE }, JANE)).toEqual({
      kind: 'done',
      what: expect.stringMatching(/^all problems of web: no alert, question or restart until \d{4}-/),
    });
    fail();
    await opened(1);
    fail();
    await soon(async () => ((await suppressed()) >= 2 ? true : undefined));
    expect(await world.health()).toMatchObject({ snoozes: 1, open_incidents: 1, status: 'healthy' });
    await soon(async () => (((await store.snoozes())[0]?.heldBack ?? 0) >= 3 ? true : undefined));
    await passed(MINUTE);
    expect(world.slack.posts).toEqual([]);
    expect(world.claude.requests).toEqual([]);
    expect(world.engine.count('restart', 'web')).toBe(0);

    const [alert] = await posts(1);
    expect(alert?.at).toBeGreaterThanOrEqual(((await store.recentAudit(1))[0]?.at ?? 0) + 5 * MINUTE);
    expect(alert?.text).toContain('Restarted, and it recovered');
    expect(alert?.text).toContain('it was snoozed by U0JANE (Slack) until');
    expect(alert?.text).toContain('2 times');
    expect(world.claude.requests).toHaveLength(1);
    await soon(async () => ((await world.health()).snoozes === 0 ? true : undefined));
    expect(await store.snoozes()).toEqual([]);
  });

  it('does not hold back other services', async () => {
    await start({ containers: ['web', 'api'] });
    await world.people.actions.snooze({ service: { service: 'api' }, forMs: HOUR }, JANE);
    fail();
    const [alert] = await posts(1);
    expect(alert?.text).toContain('web');
  });

  it('does not alert at its end if the problem is over by then', async () => {
    await start({ speed: 400 });
    await world.people.actions.snooze({ service: WEB, forMs: HOUR }, JANE);
    fail();
    await opened(1);
    await soon(async () => ((await world.health()).open_incidents === 0 ? true : undefined));
    await soon(async () => ((await world.health()).snoozes === 0 ? true : undefined));
    expect(world.slack.posts).toEqual([]);
    expect(world.claude.requests).toEqual([]);
  });

  it('can be ended early, with the same effect', async () => {
    await start();
    const { actions, store } = world.people;
    await actions.snooze({ service: WEB, forMs: 8 * HOUR }, JANE);
    fail();
    await opened(1);
    const [snooze] = await store.snoozes();
    expect(await actions.endSnooze(snooze?.id ?? '', JANE)).toMatchObject({ kind: 'done' });
    await posts(1);
    expect(await actions.endSnooze(snooze?.id ?? '', JANE)).toEqual({ kind: 'not_found' });
    expect((await store.recentAudit(9)).map(({ action }) => action)).toEqual(['snooze', 'end_snooze', 'end_snooze']);
  });
});

describe('a snooze of a problem', () => {
  it('that people know of withdraws the request, and asks again at its end', async () => {
    await start({ containers: [{ name: 'web', labels: { 'container-doctor.restart': 'ask' } }] });
    const { actions, store } = world.people;
    fail();
    await posts(1);
    const [request] = await soon(async () => {
      const all = await store.waitingRequests();
      return all.length > 0 ? all : undefined;
    });
    const incidentId = request?.incidentId ?? '';
    expect(await actions.snooze({ incidentId, forMs: 2 * MINUTE }, JANE)).toMatchObject({ kind: 'done' });
    expect(await store.waitingRequests()).toEqual([]);
    expect(await actions.approve(request?.id ?? '', JANE)).toMatchObject({ kind: 'refused' });
    fail('ERROR another thing: cannot reach the moon');
    await posts(2);
    const [, , again] = await posts(3);
    expect(again?.text).toContain('deadlock');
    const [second] = await soon(async () => {
      const all = (await store.waitingRequests()).filter(({ incidentId }) => incidentId === request?.incidentId);
      return all.length > 0 ? all : undefined;
    });
    expect(second?.id).not.toBe(request?.id);
    expect(world.claude.requests).toHaveLength(2);
  });

  it.each([0, -1, 59_000, 31 * 24 * HOUR, Number.NaN])('for %s ms is refused', async (forMs) => {
    await start();
    expect(await world.people.actions.snooze({ service: WEB, forMs }, JANE)).toEqual({
      kind: 'refused',
      why: 'a snooze lasts between a minute and 30 days',
    });
  });
});

describe('after a restart of the agent', () => {
  const dataDir = () => mkdtempSync(path.join(tmpdir(), 'doctor-snooze-'));

  it.each([
    ['goes on', 10 * MINUTE],
    ['that ended meanwhile is ended, and what lasts is reported', MINUTE],
  ])('a snooze %s', async (_, forMs) => {
    const folder = dataDir();
    const clock = createFastClock(SPEED);
    const simulated = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
    const lasting = { dataDir: folder, clock, engine: { simulated, host: await simulated.listen() } };
    try {
      await start(lasting);
      await world.people.actions.snooze({ service: WEB, forMs }, JANE);
      fail();
      await soon(async () => (((await world.people.store.snoozes())[0]?.heldBack ?? 0) >= 2 ? true : undefined));
      await stop();
      if (forMs === MINUTE) await clock.sleep(MINUTE);
      await start({ ...lasting, containers: [] });
      if (forMs === MINUTE) {
        await posts(1);
        expect(await world.health()).toMatchObject({ snoozes: 0 });
      } else {
        fail();
        await soon(async () => ((await suppressed()) >= 1 ? true : undefined));
        expect(world.slack.posts).toEqual([]);
        await posts(1);
      }
      expect(world.engine.count('restart', 'web')).toBe(1);
    } finally {
      await stop();
      await simulated.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
