import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { Notice, Summary } from '../../../src/pipeline/ports/receiver.ts';
import { eventually } from '../../support/eventually.ts';
import { createAdjustableClock, createFastClock } from '../../support/fast-clock.ts';
import { sampleIncident } from '../../support/samples.ts';
import { createService, type NotifyWorld, type Service, startNotifier } from './support.ts';

const MINUTE = 60_000;

function incidentOf(id: string, { project = 'shop', detector = 'crash' as const } = {}) {
  const incident = sampleIncident({ id: `incident-${id}`, detector });
  return { ...incident, container: { ...incident.container, name: `web-${id}`, project } };
}

const crash = (world: NotifyWorld, id: string, over: Partial<Alert> = {}) =>
  world.notify(`${id}/diagnosed`, { incident: incidentOf(id), ...over });

const isSummary = (message: Alert | Notice): message is Notice =>
  'title' in message && /more problem/.test(message.title);
const summariesOf = ({ messages }: Service) => messages.filter(isSummary);
const inAll = (summary: Notice | undefined) => Number(/^\d+/.exec(summary?.title ?? '')?.[0] ?? 0);

describe('a flood of alerts', () => {
  it('becomes ten alerts and at most two summaries, which count all others', { timeout: 150_000 }, async () => {
    const clock = createFastClock(20);
    const slack = createService('slack');
    const world = await startNotifier([slack], { clock });
    void world.run();
    for (let i = 0; i < 300; i++) await crash(world, String(i));
    await eventually(() => (inAll(summariesOf(slack).at(-1)) === 290 ? true : undefined), { deadlineMs: 60_000 });
    await eventually(async () => ((await world.pending('slack')) === 0 ? true : undefined));
    const until = clock.now() + 3 * MINUTE;
    await eventually(() => (clock.now() > until ? true : undefined), { deadlineMs: 60_000 });
    expect(slack.messages.length).toBeLessThanOrEqual(12);
    expect(slack.accepted.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}/diagnosed`));
  });

  it('is counted by project and cause, the worst first', async () => {
    const slack = createService('slack');
    const world = await startNotifier([slack], { clock: createFastClock(20) });
    void world.run();
    for (let i = 0; i < 10; i++) await crash(world, `first-${i}`);
    const mild = { severity: 'low' as const };
    for (let i = 0; i < 5; i++) {
      await world.notify(`m${i}`, { incident: incidentOf(`m${i}`, { project: 'blog' }), ...mild });
    }
    for (let i = 0; i < 3; i++) await crash(world, `h${i}`);
    const [summary] = await eventually(() => (summariesOf(slack).length > 0 ? summariesOf(slack) : undefined));
    expect(summary?.title).toBe('8 more problems within 1 min');
    expect(summary?.text.split('\n').slice(0, 2)).toEqual([
      expect.stringMatching(/^3 × shop: crash: The connection pool.* \(high\): web-h0, web-h1, web-h2$/),
      expect.stringMatching(/^5 × blog: crash: The connection pool.* \(low\): web-m0,/),
    ]);
  });

  it('of ten alerts is none', async () => {
    const slack = createService('slack');
    const world = await startNotifier([slack]);
    for (let i = 0; i < 10; i++) await crash(world, String(i));
    expect(slack.accepted).toHaveLength(10);
    expect(await world.pending('slack')).toBe(0);
  });

  it('is over after some minutes with few alerts; then they are sent one by one again', async () => {
    const clock = createAdjustableClock(10);
    const slack = createService('slack');
    const world = await startNotifier([slack], { clock });
    void world.run();
    for (let i = 0; i < 15; i++) await crash(world, String(i));
    await eventually(() => (inAll(summariesOf(slack).at(-1)) === 5 ? true : undefined));
    clock.speed = 240;
    const until = clock.now() + 6 * MINUTE;
    await eventually(() => (clock.now() > until ? true : undefined), { deadlineMs: 60_000 });
    await crash(world, 'later');
    expect(slack.accepted.at(-1)).toBe('later/diagnosed');
    expect(slack.accepted).toHaveLength(12);
  });

  it('updates one summary where the receiver can replace it', async () => {
    const summaries: Summary[] = [];
    const app = createService('app');
    const receiver = {
      ...app.receiver,
      updatesSummary: true as const,
      async sendSummary(summary: Summary) {
        summaries.push(summary);
        return { kind: 'sent' as const };
      },
    };
    const world = await startNotifier([{ ...app, receiver }], { clock: createFastClock(20) });
    void world.run();
    for (let i = 0; i < 40; i++) await crash(world, String(i));
    await eventually(() => (summaries.at(-1)?.alerts === 30 ? true : undefined));
    await crash(world, 'another');
    await eventually(() => (summaries.at(-1)?.alerts === 31 ? true : undefined));
    expect(new Set(summaries.map(({ id }) => id)).size).toBe(1);
    expect(app.accepted).toHaveLength(10);
  });

  it('goes to a receiver that groups alerts itself one by one', async () => {
    const alertmanager = createService('alertmanager', { groups: true });
    const world = await startNotifier([alertmanager]);
    for (let i = 0; i < 30; i++) await crash(world, String(i));
    expect(alertmanager.accepted).toHaveLength(30);
  });

  it('survives a restart of the agent: the summary follows, and no alert is sent one by one', async () => {
    const clock = createFastClock(20);
    const before = createService('slack');
    const first = await startNotifier([before], { clock });
    for (let i = 0; i < 30; i++) await crash(first, String(i));
    expect(before.accepted).toHaveLength(10);
    expect(await first.pending('slack')).toBe(20);
    await first.close();

    const after = createService('slack');
    const second = await startNotifier([after], { clock, dataDir: first.dataDir });
    await crash(second, 'during');
    void second.run();
    await eventually(() => (inAll(summariesOf(after).at(-1)) === 21 ? true : undefined));
    expect(after.messages).toHaveLength(1);
    expect(await second.pending('slack')).toBe(0);
  });

  it('is summarized once the receiver accepts messages again', async () => {
    const slack = createService('slack');
    slack.answer = { kind: 'retry', why: 'down' };
    const world = await startNotifier([slack], { clock: createFastClock(20) });
    void world.run();
    for (let i = 0; i < 50; i++) await crash(world, String(i));
    slack.answer = { kind: 'sent' };
    await eventually(() => (inAll(summariesOf(slack).at(-1)) === 40 ? true : undefined), { deadlineMs: 60_000 });
    expect(slack.messages.length).toBeLessThanOrEqual(12);
  });

  it('is limited while the store is down too', async () => {
    const slack = createService('slack');
    const world = await startNotifier([slack], { clock: createFastClock(20) });
    await crash(world, 'before');
    world.outbox.full = true;
    void world.run();
    for (let i = 0; i < 50; i++) await crash(world, String(i));
    await eventually(() => (slack.messages.length >= 10 ? true : undefined));
    world.outbox.full = false;
    await eventually(() => (inAll(summariesOf(slack).at(-1)) === 41 ? true : undefined), { deadlineMs: 60_000 });
    expect(slack.messages.length).toBeLessThanOrEqual(12);
  });

  describe('in which restarts wait for a person', () => {
    const ask = (world: NotifyWorld, id: string, expiresInMs = 15 * MINUTE) =>
      crash(world, id, {
        decision: { kind: 'ask', reason: 'policy_ask' },
        request: { id: `request-${id}`, expiresAt: world.clock.now() + expiresInMs },
      });
    const requestsIn = ({ messages }: Service) => messages.filter((each) => 'request' in each && each.request);

    it('hides none of their questions where people can answer, and has at most twelve other messages', async () => {
      const app = createService('app', { follows: true, takesAnswers: true });
      const world = await startNotifier([app], { clock: createFastClock(20) });
      void world.run();
      for (let i = 0; i < 30; i++) {
        await ask(world, `ask-${i}`);
        await crash(world, `other-${i}`);
      }
      await eventually(() => (inAll(summariesOf(app).at(-1)) === 20 ? true : undefined), { deadlineMs: 60_000 });
      expect(requestsIn(app)).toHaveLength(30);
      expect(app.messages.length - 30).toBeLessThanOrEqual(12);
      expect(summariesOf(app).at(-1)?.text).not.toContain('decision of a person');
    });

    it('shows at most fifty questions, and counts the others in the summary, also after a restart', async () => {
      const clock = createAdjustableClock(1);
      const before = createService('app', { takesAnswers: true });
      const first = await startNotifier([before], { clock });
      for (let i = 0; i < 45; i++) await ask(first, `ask-${i}`);
      await first.close();
      const app = createService('app', { takesAnswers: true });
      const world = await startNotifier([app], { clock, dataDir: first.dataDir });
      void world.run();
      for (let i = 45; i < 80; i++) await ask(world, `ask-${i}`);
      clock.speed = 20;
      await eventually(() => (inAll(summariesOf(app).at(-1)) === 20 ? true : undefined), { deadlineMs: 60_000 });
      expect(requestsIn(before)).toHaveLength(45);
      expect(requestsIn(app)).toHaveLength(15);
      expect(summariesOf(app).at(-1)?.text).toContain(
        '20 restarts among them wait for the decision of a person, on the page of the agent.',
      );
    });

    it('says how many wait where nobody can answer', async () => {
      const slack = createService('slack');
      const world = await startNotifier([slack], { clock: createFastClock(20) });
      void world.run();
      for (let i = 0; i < 10; i++) await crash(world, String(i));
      await ask(world, 'ask');
      await crash(world, 'other');
      await eventually(() => (inAll(summariesOf(slack).at(-1)) === 2 ? true : undefined));
      expect(summariesOf(slack)[0]?.text).toContain('One restart among them waits for the decision of a person');
    });

    it('does not show a question alone that has expired while the receiver was down', async () => {
      const app = createService('app', { takesAnswers: true });
      const world = await startNotifier([app], { clock: createFastClock(20) });
      for (let i = 0; i < 10; i++) await crash(world, String(i));
      await ask(world, 'expired', -1);
      expect(requestsIn(app)).toEqual([]);
      expect(await world.pending('app')).toBe(1);
    });
  });

  it('keeps nothing waiting that its last summary already counts', async () => {
    const app = createService('app', { follows: true });
    const world = await startNotifier([app], { clock: createFastClock(20) });
    void world.run();
    for (let i = 0; i < 12; i++) await crash(world, String(i));
    const isEmpty = () => eventually(async () => ((await world.pending('app')) === 0 ? true : undefined));
    await isEmpty();
    await world.notify('11/outcome', { kind: 'outcome', incident: incidentOf('11') });
    await isEmpty();
    expect(app.accepted).not.toContain('11/outcome');
  });

  it('leaves the progress of the incidents that were shown, and sends none of the others', async () => {
    const app = createService('app', { follows: true });
    const world = await startNotifier([app], { clock: createFastClock(20) });
    void world.run();
    for (let i = 0; i < 12; i++) await crash(world, String(i));
    for (const id of ['3', '11']) {
      await world.notify(`${id}/resolved`, { kind: 'resolved', incident: incidentOf(id) });
    }
    await eventually(async () => ((await world.pending('app')) === 0 ? true : undefined));
    expect(app.accepted.filter((id) => id.endsWith('resolved'))).toEqual(['3/resolved']);
  });
});
