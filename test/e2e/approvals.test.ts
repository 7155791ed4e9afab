/** Restarts that wait for a person: the whole loop on the simulated engine. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import type { Actor, RestartRequest } from '../../src/pipeline/ports/people.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

/** An hour takes three minutes; a quarter of an hour takes 45 s at 20. */
const SPEED = 20;
const ASK = { 'container-doctor.restart': 'ask' };
const JANE: Actor = { via: 'slack', who: 'U0JANE', from: '#ops' };
const JOE: Actor = { via: 'page', who: 'token', from: '10.0.0.7' };

let world: FastWorld;

const start = async (over: Partial<Parameters<typeof startFastWorld>[0]> = {}) => {
  world = await startFastWorld({
    speed: SPEED,
    containers: [container({})],
    claude: () => answer(SAFE),
    ...over,
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '5', ...over.env },
  });
};
const container = (over: Partial<SimulatedContainerOptions>): SimulatedContainerOptions => ({
  name: 'web',
  labels: ASK,
  ...over,
});
const soon = <T>(read: () => Promise<T | undefined> | T | undefined) => eventually(read, { deadlineMs: 20_000 });
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

afterEach(() => world.close());

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
    expect(await world.metric('container_doctor_approvals_total', { outcome: 'approved', source: 'slack' })).toBe(1);
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
    expect(await world.metric('container_doctor_approvals_total', { outcome: 'refused', source: 'page' })).toBe(2);
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
    expect(await world.metric('container_doctor_approvals_total', { outcome: 'denied', source: 'page' })).toBe(1);
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
    expect(await world.metric('container_doctor_approvals_total', { outcome: 'expired', source: 'none' })).toBe(1);
  });

  it('asks again after an approved restart that did not help', async () => {
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
});
