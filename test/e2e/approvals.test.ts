/** Restarts that wait for a person: the whole loop on the simulated engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import type { Actor, RestartRequest } from '../../src/pipeline/ports/people.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { createFastClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

/** An hour takes three minutes; a quarter of an hour takes 45 s at 20. */
const SPEED = 20;
const ASK = { 'container-doctor.restart': 'ask' };
const JANE: Actor = { via: 'slack', who: 'U0JANE', from: '#ops' };
const JOE: Actor = { via: 'page', who: 'token', from: '10.0.0.7' };

let world: FastWorld;
let isOpen = false;

const start = async (over: Partial<Parameters<typeof startFastWorld>[0]> = {}) => {
  world = await startFastWorld({
    speed: SPEED,
    containers: [container({})],
    claude: () => answer(SAFE),
    ...over,
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '5', ...over.env },
  });
  isOpen = true;
};
const container = (over: Partial<SimulatedContainerOptions>): SimulatedContainerOptions => ({
  name: 'web',
  labels: ASK,
  ...over,
});
const soon = <T>(read: () => Promise<T | undefined> | T | undefined) => eventually(read, { deadlineMs: 60_000 });
const fail = (text = 'ERROR cannot serve: deadlock') => world.engine.container('web')?.log(text, { stream: 'stderr' });
const waiting = (): Promise<RestartRequest> => soon(async () => (await world.people.store.waitingRequests())[0]);
const asked = async (): Promise<RestartRequest> => {
  fail();
  const request = await waiting();
  await posts(1);
  return request;
};
const posts = (count: number) => soon(() => (world.slack.posts.length >= count ? world.slack.posts : undefined));
const latest = async () => (await world.history()).at(-1);
const restarts = () => world.engine.count('restart', 'web');

const stop = async () => {
  if (isOpen) await world.close();
  isOpen = false;
};

afterEach(stop);

describe('a restart that waits for a person', () => {
  beforeEach(() => start());

  it('is made when a person approves it, verified, and reported; everything is audited', async () => {
    const request = await asked();
    expect(await latest()).toMatchObject({ decision: 'ask', reason: 'policy_ask' });
    expect(restarts()).toBe(0);
    const { actions, store } = world.people;
    expect(await actions.approve(request.id, JANE)).toEqual({ kind: 'done', what: 'the restart of web has begun' });
    const done = await soon(async () => ((await latest())?.outcome === 'recovered' ? latest() : undefined));
    expect(done).toMatchObject({ decision: 'restart', reason: 'approved_by_person' });
    expect(restarts()).toBe(1);
    const [, second] = await posts(2);
    expect(second?.text).toContain('Restarted, and it recovered');
    expect(second?.text).toContain('U0JANE (Slack, #ops)');
    expect(await store.waitingRequests()).toEqual([]);
    expect(await store.requestsOf(request.incidentId)).toMatchObject([{ state: 'approved', answeredBy: JANE }]);
    const audit = await soon(async () => {
      const entries = await store.auditOf(request.incidentId);
      return entries[0]?.result.includes('recovered') ? entries : undefined;
    });
    expect(audit).toMatchObject([
      { action: 'approve', actor: JANE, result: expect.stringMatching(/^restarted: recovered/) },
    ]);
    await expect
      .poll(() => world.metric('container_doctor_approvals_total', { outcome: 'approved', source: 'slack' }))
      .toBe(1);
  });

  it('is made once if two people click at once', async () => {
    const { id, incidentId } = await asked();
    const { actions, store } = world.people;
    const results = await Promise.all([actions.approve(id, JANE), actions.approve(id, JOE), actions.deny(id, JOE)]);
    expect(results[0]).toMatchObject({ kind: 'done' });
    for (const late of results.slice(1)) {
      expect(late).toEqual({ kind: 'refused', why: expect.stringMatching(/^U0JANE \(Slack, #ops\) approved it at /) });
    }
    await soon(async () => ((await latest())?.outcome === 'recovered' ? true : undefined));
    expect(restarts()).toBe(1);
    const audit = await store.auditOf(incidentId);
    expect(audit.map(({ action, actor }) => [action, actor.via]).sort()).toEqual([
      ['approve', 'page'],
      ['approve', 'slack'],
      ['deny', 'page'],
    ]);
    await expect
      .poll(() => world.metric('container_doctor_approvals_total', { outcome: 'refused', source: 'page' }))
      .toBe(2);
  });

  it('is not made if a person denies it', async () => {
    const { id } = await asked();
    const { actions } = world.people;
    expect(await actions.deny(id, JOE)).toMatchObject({ kind: 'done' });
    expect(await actions.approve(id, JANE)).toEqual({
      kind: 'refused',
      why: expect.stringMatching(/^somebody with the token \(page, 10\.0\.0\.7\) decided against it at /),
    });
    expect(await latest()).toMatchObject({ decision: 'notify', reason: 'denied_by_person' });
    expect(restarts()).toBe(0);
    await expect
      .poll(() => world.metric('container_doctor_approvals_total', { outcome: 'denied', source: 'page' }))
      .toBe(1);
  });

  it('is void once the container was started again', async () => {
    const { id } = await asked();
    await world.engine.container('web')?.restart();
    await soon(async () => ((await world.people.store.waitingRequests()).length === 0 ? true : undefined));
    expect(await world.people.actions.approve(id, JANE)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/withdrawn/),
    });
    expect(restarts()).toBe(0);
    await expect
      .poll(() => world.metric('container_doctor_approvals_total', { outcome: 'expired', source: 'none' }))
      .toBe(1);
  });
});

describe('an approval', () => {
  it('covers one restart: if that did not help, a person is asked again', async () => {
    await start({ env: { VERIFY_STABLE_SECONDS: '120', VERIFY_DEADLINE_SECONDS: '300' } });
    const first = await asked();
    await world.people.actions.approve(first.id, JANE);
    await soon(() => (restarts() === 1 ? true : undefined));
    await soon(() => (world.engine.container('web')?.running ? true : undefined));
    fail();
    const second = await waiting();
    expect(second.id).not.toBe(first.id);
    const texts = (await posts(3)).map(({ text }) => text);
    expect(texts[1]).toContain('it did not recover');
    expect(texts[2]).toContain('needs a decision by a person');
    await world.people.actions.approve(second.id, JOE);
    await soon(() => (restarts() === 2 ? true : undefined));
  });

  it('is refused while another condition prevents the restart, and the request keeps waiting', async () => {
    await start();
    const { id } = await asked();
    const web = world.engine.container('web');
    web?.pause();
    const { actions, store } = world.people;
    expect(await actions.approve(id, JANE)).toEqual({ kind: 'refused', why: 'the container is paused' });
    expect(await store.waitingRequests()).toMatchObject([{ id }]);
    expect(await latest()).toMatchObject({ decision: 'ask' });
    web?.unpause();
    expect(await actions.approve(id, JANE)).toMatchObject({ kind: 'done' });
    await soon(() => (restarts() === 1 ? true : undefined));
  });

  it('is refused beyond the restart limit', async () => {
    await start({ env: { MAX_RESTARTS_PER_HOUR_HOST: '0' } });
    fail();
    await posts(1);
    expect(await latest()).toMatchObject({ reason: 'host_restart_limit' });
    expect(await world.people.store.waitingRequests()).toEqual([]);
  });

  it('is refused while the engine does not answer, and nothing is restarted afterwards', async () => {
    await start();
    const { id } = await asked();
    world.engine.faults.hang('inspect', 1);
    const { actions, store } = world.people;
    expect(await actions.approve(id, JANE)).toMatchObject({ kind: 'refused', why: expect.stringMatching(/try again/) });
    world.engine.faults.dropConnections();
    await world.clock.sleep(60_000);
    expect(restarts()).toBe(0);
    expect(await store.waitingRequests()).toMatchObject([{ id }]);
    expect(await actions.approve(id, JANE)).toMatchObject({ kind: 'done' });
  });

  it('of an unknown request is not found, and is audited', async () => {
    await start();
    const { actions, store } = world.people;
    expect(await actions.approve('guessed', JANE)).toEqual({ kind: 'not_found' });
    expect(await actions.deny('guessed', JANE)).toEqual({ kind: 'not_found' });
    expect((await store.recentAudit(9)).map(({ action }) => action)).toEqual(['approve', 'deny']);
  });

  it('is asked for all containers that may be restarted with AUTO_FIX=ask, unless a label says otherwise', async () => {
    await start({
      env: { AUTO_FIX: 'ask' },
      containers: [
        { name: 'web' },
        { name: 'worker', labels: { 'container-doctor.restart': 'auto' } },
        { name: 'db', image: 'postgres:17' },
      ],
    });
    for (const name of ['web', 'worker', 'db']) {
      world.engine.container(name)?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    }
    const decided = await soon(async () => {
      const all = await world.history();
      return all.length === 3 && all.every(({ decision }) => decision !== null) ? all : undefined;
    });
    const reasons = Object.fromEntries(decided.map(({ container, reason }) => [container, reason]));
    expect(reasons).toEqual({ web: 'policy_ask', worker: 'restart_allowed', db: 'stateful_image' });
    const asks = await soon(() => world.slack.posts.find(({ text }) => text.includes('policy requires')));
    expect(asks.text).toContain('AUTO_FIX=ask');
    expect(await world.health()).toMatchObject({ mode: 'ask', waiting_requests: 1 });
  });
});

describe('a request for a restart', () => {
  it('expires after 15 minutes', async () => {
    await start({ speed: 120 });
    const { id, incidentId, requestedAt, expiresAt } = await asked();
    expect(expiresAt - requestedAt).toBe(15 * 60_000);
    const { actions, store } = world.people;
    const [ended] = await soon(async () => {
      const requests = await store.requestsOf(incidentId);
      return requests[0]?.state === 'waiting' ? undefined : requests;
    });
    expect(ended).toMatchObject({ state: 'expired', answeredAt: expect.any(Number) });
    expect(ended?.answeredAt).toBeGreaterThanOrEqual(expiresAt);
    expect(await latest()).toMatchObject({ decision: 'notify', reason: 'approval_expired' });
    expect(await actions.approve(id, JANE)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/^it expired at /),
    });
    expect(restarts()).toBe(0);
  });

  it('is withdrawn when its incident ends', async () => {
    await start({ speed: 400, containers: [container({ health: 'unhealthy' })] });
    world.engine.container('web')?.setHealth('unhealthy', 'no answer');
    const request = await waiting();
    world.engine.container('web')?.setHealth('healthy');
    const { actions, store } = world.people;
    await soon(async () => ((await store.waitingRequests()).length === 0 ? true : undefined));
    const { why } = (await actions.approve(request.id, JANE)) as { why: string };
    expect(why).toMatch(/withdrawn/);
    expect(restarts()).toBe(0);
  });

  it('still waits after a restart of the agent, and only one restart follows', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'doctor-ask-'));
    const clock = createFastClock(SPEED);
    const simulated = createSimulatedEngine({ socketPath: path.join(dataDir, 'engine.sock'), clock });
    const host = await simulated.listen();
    try {
      await start({ dataDir, clock, engine: { simulated, host } });
      const { id } = await asked();
      await stop();
      await start({ dataDir, clock, engine: { simulated, host }, containers: [] });
      expect(await world.people.store.waitingRequests()).toMatchObject([{ id }]);
      expect(await world.people.actions.approve(id, JANE)).toMatchObject({ kind: 'done' });
      await soon(async () => ((await latest())?.outcome === 'recovered' ? true : undefined));
      expect(restarts()).toBe(1);
      expect(world.slack.posts.filter(({ text }) => text.includes('needs a decision'))).toHaveLength(0);
    } finally {
      await stop();
      await simulated.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

describe('another diagnosis', () => {
  it('is made by the strong model although one is known, and may ask for a restart again', async () => {
    await start();
    const { id, incidentId } = await asked();
    const { actions, store } = world.people;
    await actions.deny(id, JANE);
    expect(await actions.askAgain(incidentId, JOE)).toEqual({ kind: 'done', what: 'web is being diagnosed again' });
    const request = await waiting();
    expect(request.id).not.toBe(id);
    await posts(2);
    expect(world.claude.requests.map(({ body }) => body?.model)).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
    const entry = await soon(async () => {
      const last = (await store.auditOf(incidentId)).at(-1);
      return last?.result.startsWith('not restarted') ? last : undefined;
    });
    expect(entry).toMatchObject({ action: 'ask_again', actor: JOE });
    expect(await actions.approve(request.id, JANE)).toMatchObject({ kind: 'done' });
    await soon(async () => ((await latest())?.outcome === 'recovered' ? true : undefined));
  });

  it('is reported even if the request that waits is still the same', async () => {
    await start();
    const { id, incidentId } = await asked();
    await world.people.actions.askAgain(incidentId, JANE);
    await posts(2);
    expect(await world.people.store.waitingRequests()).toMatchObject([{ id }]);
  });

  it('is refused for an incident that is snoozed, and not found for one that is over', async () => {
    await start();
    const { incidentId } = await asked();
    const { actions } = world.people;
    await actions.snooze({ incidentId, forMs: 3_600_000 }, JANE);
    const refused = { kind: 'refused', why: expect.stringMatching(/^it is snoozed until /) };
    expect(await actions.askAgain(incidentId, JANE)).toEqual(refused);
    expect(await actions.askAgain('nothing', JANE)).toEqual({ kind: 'not_found' });
    expect(world.claude.requests).toHaveLength(1);
  });
});

it('a verdict is stored and audited', async () => {
  await start();
  const { incidentId } = await asked();
  const { actions, store } = world.people;
  expect(await actions.judge(incidentId, 'wrong', 'it was the network', JANE)).toMatchObject({ kind: 'done' });
  expect(await actions.judge('nothing', 'right', undefined, JANE)).toEqual({ kind: 'not_found' });
  expect((await store.recentAudit(9)).map(({ action, result }) => [action, result])).toEqual([
    ['verdict', 'the decision was wrong'],
    ['verdict', 'refused: there is no such request, snooze or incident'],
  ]);
});

it('text about a person is inert in alerts and cut', async () => {
  await start();
  const { id } = await asked();
  await world.people.actions.approve(id, { via: 'slack', who: `<!channel> *bold*\n${'x'.repeat(500)}` });
  const [, alert] = await posts(2);
  expect(alert?.text).not.toContain('<!channel>');
  expect(alert?.text).not.toContain('x'.repeat(200));
});
