import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { NOON, sampleIncident } from '../../support/samples.ts';
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
    ['another message', { messageTs: '1.000001' }],
  ])('on a button in %s does nothing, and is audited', async (_, forged) => {
    const app = await waitingApp();
    await press(app, JANE, 'restart', forged);
    await soon(() => app.records.audit.length === 1);
    expect(app.asked).toEqual([]);
    expect(app.records.audit[0]).toMatchObject({
      result: expect.stringMatching(/another workspace, channel or message/),
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
