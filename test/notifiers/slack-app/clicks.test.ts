import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { NOON, sampleIncident } from '../../support/samples.ts';
import type { ChannelMessage } from '../../support/slack-app-server.ts';
import { alerts, aRequest, JANE, JOE, STRANGER, startTestApp, type TestApp } from './support.ts';

async function waitingApp(): Promise<TestApp> {
  const app = await startTestApp();
  app.records.requests.set('req-1', aRequest());
  await app.send(alerts.asks());
  await app.connect();
  return app;
}

const press = (app: TestApp, user: string, action: string, forged = {}) =>
  app.slack.click({ user, message: app.message(), action, forged });
const whispers = (app: TestApp) => app.slack.ephemerals.map(({ user, text }) => `${user}: ${text}`);
const hasButton = (app: TestApp) => app.message().blocks.some(({ type }) => type === 'actions');
const soon = (check: () => boolean) => eventually(() => (check() ? true : undefined));

describe('a click', () => {
  it.each([
    ['restart', 'approved', 'Restart approved by'],
    ['leave', 'denied', 'Left as it is: decided by'],
  ])(
    'on %s answers the request, and the buttons are replaced by who did what and when',
    async (action, asked, text) => {
      const app = await waitingApp();
      expect(await press(app, JANE, action)).toMatchObject({ acknowledged: true });
      await soon(() => !hasButton(app));
      expect(app.asked).toEqual([
        { action: asked, of: 'req-1', actor: { via: 'slack', who: JANE, from: app.slack.channel } },
      ]);
      expect(app.text()).toContain(text);
      expect(app.text()).toContain('at 2026-11-23 12:00 UTC.');
      expect(JSON.stringify(app.message().blocks)).toContain(`"user_id":"${JANE}"`);
      expect(app.slack.violations).toEqual([]);
    },
  );

  it.each([
    ['snooze_1h', 1],
    ['snooze_8h', 8],
    ['snooze_24h', 24],
  ])('on %s snoozes the problem of the incident, which is read from the store', async (action, hours) => {
    const app = await waitingApp();
    await press(app, JOE, action);
    await soon(() => !hasButton(app));
    expect(app.asked).toMatchObject([{ action: `snooze ${hours} h`, of: 'inc-1' }]);
    expect(app.text()).toContain('💤 Snoozed by');
    expect(app.slack.violations).toEqual([]);
  });

  it('that snoozed is forgotten when the problem is told again, which notifies the channel', async () => {
    const app = await waitingApp();
    await press(app, JOE, 'snooze_1h');
    await soon(() => app.text().includes('💤 Snoozed by'));
    await app.send(alerts.diagnosed({ id: 'inc-1/snooze/1', at: NOON + 3_700_000 }));
    expect(app.text()).not.toContain('💤 Snoozed by');
    expect(app.slack.shown()).toHaveLength(2);
  });

  it('of a second person changes nothing, and tells that person who was first', async () => {
    const app = await waitingApp();
    const message = { ...app.message(), blocks: [...app.message().blocks] };
    await Promise.all([
      app.slack.click({ user: JANE, message, action: 'restart' }),
      app.slack.click({ user: JOE, message, action: 'leave' }),
    ]);
    await soon(() => app.slack.ephemerals.length === 1);
    expect(app.asked).toHaveLength(2);
    expect(whispers(app)[0]).toMatch(
      new RegExp(`^(${JOE}: Nothing was done: ${JANE}|${JANE}: Nothing was done: ${JOE}) answered it a minute ago`),
    );
    expect(app.slack.violations).toEqual([]);
  });

  it('of a stranger does nothing, tells the stranger alone, and is audited', async () => {
    const app = await waitingApp();
    await press(app, STRANGER, 'restart');
    await soon(() => app.slack.ephemerals.length === 1);
    expect(app.asked).toEqual([]);
    expect(whispers(app)).toEqual([expect.stringMatching(new RegExp(`^${STRANGER}: You are not in SLACK_APPROVERS`))]);
    expect(app.records.audit).toMatchObject([
      {
        action: 'approve',
        actor: { via: 'slack', who: STRANGER, from: app.slack.channel },
        incidentId: 'inc-1',
        service: { service: 'web', project: 'shop' },
        result: expect.stringMatching(/not in SLACK_APPROVERS/),
      },
    ]);
    expect(hasButton(app)).toBe(true);
  });

  it.each([
    ['another workspace', { team: 'T0OTHER001' }],
    ['another channel', { channel: 'C0OTHER001' }],
  ])('on a button in %s does nothing, and is audited', async (_, forged) => {
    const app = await waitingApp();
    await press(app, JANE, 'restart', forged);
    await soon(() => app.records.audit.length === 1);
    expect(app.asked).toEqual([]);
    expect(app.records.audit[0]).toMatchObject({
      result: expect.stringMatching(/another workspace or channel/),
    });
  });

  it('on an older copy of the message does nothing, says where the buttons work, and removes those of the copy', async () => {
    const app = await waitingApp();
    const content = { channel: app.slack.channel, text: 'copy', blocks: JSON.stringify(app.message().blocks) };
    const ts = await app.slack.postAs(content);
    const copy = app.slack.message(ts) as ChannelMessage;
    await app.slack.click({ user: JANE, message: copy, action: 'restart' });
    await soon(() => app.slack.ephemerals.length === 1);
    expect(whispers(app)[0]).toMatch(/There is a newer message about this incident/);
    await soon(() => app.slack.textOf(copy).startsWith('Replaced'));
    expect(app.asked).toEqual([]);
    expect(app.records.audit).toMatchObject([{ action: 'approve', incidentId: undefined }]);
    expect(app.records.requests.get('req-1')?.state).toBe('waiting');
    expect(app.slack.violations).toEqual([]);
  });

  describe('that Slack gives to another agent with the same app', () => {
    it('does nothing there; the person learns why, and that the question is still open', async () => {
      const app = await startTestApp();
      app.records.requests.set('req-1', aRequest());
      await app.send(alerts.asks());
      const other = app.otherAgent();
      await other.connect();
      for (const user of [JANE, STRANGER]) await press(app, user, 'restart');
      await soon(() => app.slack.ephemerals.length === 2);
      for (const text of whispers(app)) {
        expect(text).toMatch(/: Nothing was done, and the question is still open: .* several agents use the same/);
      }
      expect([...app.asked, ...other.asked, ...other.records.audit]).toEqual([]);
      expect(app.records.requests.get('req-1')?.state).toBe('waiting');
      expect(hasButton(app)).toBe(true);
      expect(other.receiver.problem?.()).toMatch(/^clicks for another agent arrive here/);
      expect(app.slack.violations).toEqual([]);
    });

    it('can be repeated until it reaches the right one', async () => {
      const app = await startTestApp();
      app.records.requests.set('req-1', aRequest());
      await app.send(alerts.asks());
      const other = app.otherAgent();
      await other.connect();
      await press(app, JANE, 'restart');
      await soon(() => app.slack.ephemerals.length === 1);
      other.disconnect();
      await soon(() => app.slack.socket.connections() === 0);
      await app.connect();
      await press(app, JANE, 'restart');
      await soon(() => app.asked.length === 1);
      expect(app.receiver.problem?.()).toBeUndefined();
    });

    it('is no longer in /health after a day', async () => {
      const app = await startTestApp();
      app.records.requests.set('req-1', aRequest());
      await app.send(alerts.asks());
      const other = app.otherAgent();
      await other.connect();
      await press(app, JANE, 'restart');
      await soon(() => other.receiver.problem?.() !== undefined);
      other.passed += 25 * 3_600_000;
      expect(other.receiver.problem?.()).toBeUndefined();
    });

    it('is still answered as unknown if this agent posted the button', async () => {
      const app = await waitingApp();
      app.records.requests.clear();
      await press(app, JANE, 'restart');
      await soon(() => app.slack.ephemerals.length === 1);
      expect(whispers(app)[0]).toMatch(/does not know this question/);
      expect(app.receiver.problem?.()).toBeUndefined();
    });
  });

  it.each([
    ['an id that is not known', { value: 'req-2' }],
    ['the id of an incident in place of a request', { value: 'inc-1' }],
    ['the name of an object property', { value: '__proto__' }],
  ])('with %s does nothing, and tells the person', async (_, forged) => {
    const app = await waitingApp();
    await press(app, JANE, 'restart', forged);
    await soon(() => app.slack.ephemerals.length === 1);
    expect(app.asked).toEqual([]);
    expect(whispers(app)[0]).toMatch(/does not know this question/);
    expect(app.records.audit).toHaveLength(1);
  });

  it.each([
    ['an action that is not ours', { actionId: 'constructor' }],
    ['no value', { value: undefined }],
    ['a very long value', { value: 'x'.repeat(1_900) }],
  ])('with %s is acknowledged and ignored', async (_, forged) => {
    const app = await waitingApp();
    expect(await press(app, JANE, 'restart', forged)).toMatchObject({ acknowledged: true });
    expect(await press(app, STRANGER, 'restart')).toMatchObject({ acknowledged: true });
    await soon(() => app.slack.ephemerals.length === 1);
    expect(app.asked).toEqual([]);
  });

  it('is handled once if the agent was restarted after the message was posted', async () => {
    const app = await waitingApp();
    const next = app.restarted();
    await soon(() => app.slack.socket.connections() === 0);
    await next.connect();
    await press(next, JANE, 'restart');
    await soon(() => !hasButton(next));
    expect(next.asked).toHaveLength(1);
    expect(app.asked).toEqual([]);
  });

  it('while the store fails does nothing, and tells the person', async () => {
    const app = await waitingApp();
    app.records.failing = true;
    await press(app, JANE, 'restart');
    await soon(() => app.slack.ephemerals.length === 1);
    expect(whispers(app)[0]).toMatch(/could not do it/);
    expect(app.asked).toEqual([]);
  });

  it('counts even if the message cannot be edited now; the buttons disappear later', async () => {
    const app = await waitingApp();
    app.slack.reply('chat.update', [{ status: 503 }]);
    await press(app, JANE, 'restart');
    await soon(() => app.asked.length === 1);
    await soon(() => !hasButton(app));
    expect(app.text()).toContain('Restart approved by');
  });

  it('after the end judges the decision, and the question is replaced by the verdict', async () => {
    const app = await waitingApp();
    await app.send(alerts.outcome('recovered'));
    expect(app.text()).not.toContain('Was this right?');
    await app.send(alerts.resolved());
    expect(app.text()).toContain('Was this right?');
    await press(app, JANE, 'verdict_wrong');
    await soon(() => !hasButton(app) || !app.text().includes('Was this right?'));
    expect(app.asked).toMatchObject([{ action: 'wrong', of: 'inc-1' }]);
    expect(app.text()).toContain('Judged wrong by');
    expect(app.slack.violations).toEqual([]);
  });

  it('never starts a program, opens a link or quotes markup of a hostile name', async () => {
    const app = await startTestApp();
    const name = '<!channel> *x* <https://evil.example|click>';
    app.records.requests.set('req-1', aRequest({ containerName: name }));
    const incident = sampleIncident();
    await app.send(
      alerts.asks({ incident: { ...incident, container: { ...incident.container, name } }, at: NOON + 20_000 }),
    );
    expect(app.slack.violations).toEqual([]);
    expect(JSON.stringify(app.message().blocks)).not.toMatch(/<!|<https|"mrkdwn","text":"[^*]/);
  });
});
