import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { NOON, sampleAlert, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { alerts, aRequest, JANE, startTestApp } from './support.ts';

describe('the message of an incident', () => {
  it('is edited as the incident goes on, and its thread has the details and what happened', async () => {
    const app = await startTestApp();
    expect(await app.send(alerts.diagnosed())).toEqual({ kind: 'sent', status: 200 });
    expect(app.text()).toMatch(/^🔴 shop-web-1: error in the log\n/);
    expect(app.text()).toContain('The connection pool is exhausted');
    expect(app.thread()).toEqual([expect.stringMatching(/Checkout fails for all users[\s\S]*at Pool\.acquire/)]);

    await app.send(alerts.restarting());
    expect(app.text()).toContain('🔄 A restart is in progress');
    await app.send(alerts.outcome('recovered'));
    expect(app.text()).toContain('✅ Restarted, and it recovered (healthy after 12 s)');
    await app.send(alerts.resolved());
    expect(app.text()).toMatch(/^✅ Resolved: shop-web-1: error in the log\n/);

    expect(app.message().edits).toBe(3);
    expect(app.thread()).toHaveLength(4);
    expect(app.thread()[1]).toMatch(/^2026-11-23 12:00 UTC · .*shop-web-1[\s\S]*A restart is in progress/);
    // Nothing of this notifies the channel again.
    expect(app.slack.shown()).toHaveLength(1);
    expect(app.slack.violations).toEqual([]);
  });

  it('names the containers that also suffer', async () => {
    const app = await startTestApp();
    const incident = sampleIncident({ members: [{ container: 'worker', occurrences: 41 }] });
    await app.send(alerts.diagnosed({ incident }));
    expect(app.text()).toContain('Also affected\n\nworker (41 errors)');
  });

  it.each([
    ['a restart failed', () => alerts.outcome('failed')],
    ['the severity is higher', () => sampleAlert({ id: 'x', diagnosis: sampleDiagnosis({ severity: 'high' }) })],
    ['it crashes in a loop', () => sampleAlert({ id: 'inc-1/crash_loop/0', kind: 'crash_loop' })],
    ['the restart limit is reached', () => sampleAlert({ id: 'att/repeated_failure/0', kind: 'repeated_failure' })],
    ['a restart waits for a person', () => alerts.asks({ id: 'inc-1/crash_loop/0' })],
  ])('notifies the channel again when it becomes worse: %s', async (_, worse) => {
    const app = await startTestApp();
    await app.send(alerts.diagnosed({ diagnosis: sampleDiagnosis({ severity: 'medium' }) }));
    expect(app.slack.shown()).toHaveLength(1);
    await app.send({ ...worse(), at: NOON + 30_000 });
    expect(app.slack.shown()).toHaveLength(2);
    expect(app.slack.violations).toEqual([]);
  });

  it('continues the thread of a problem that comes back within a day, and notifies the channel', async () => {
    const app = await startTestApp();
    await app.send(alerts.diagnosed());
    await app.send(alerts.resolved());
    const first = app.records.values.get('inc-1');
    if (first) first.endedAt = NOON + 60_000;
    app.now = NOON + 23 * 3_600_000;
    await app.send(
      alerts.diagnosed({ id: 'inc-2/diagnosed/0', incident: sampleIncident({ id: 'inc-2' }), at: app.now }),
    );
    expect(app.text()).toMatch(/^🔴 shop-web-1/);
    expect(app.text()).toContain('It came back: \ntime number 2');
    expect(app.slack.shown()).toHaveLength(2);

    const second = app.records.values.get('inc-2');
    if (second) second.endedAt = app.now;
    app.now += 25 * 3_600_000;
    await app.send(
      alerts.diagnosed({ id: 'inc-3/diagnosed/0', incident: sampleIncident({ id: 'inc-3' }), at: app.now }),
    );
    expect(app.slack.shown().filter(({ threadTs }) => !threadTs)).toHaveLength(2);
  });

  it('is found again after the agent was restarted, and an alert that was shown is not shown again', async () => {
    const app = await startTestApp();
    await app.send(alerts.diagnosed());
    const next = app.restarted();
    await next.send(alerts.diagnosed());
    await next.send(alerts.restarting());
    expect(next.message().edits).toBe(1);
    expect(next.thread()).toHaveLength(2);
  });

  it.each([
    ['the message', 'chat.postMessage', 0],
    ['the reply', 'chat.postMessage', 1],
  ] as const)('is complete and exists once if %s is rate limited at first', async (_, method, after) => {
    const app = await startTestApp();
    app.slack.reply(method, []);
    const limited = { status: 429, headers: { 'retry-after': '3' } };
    // The first `after` calls succeed.
    app.slack.reply(method, [...Array(after).fill(undefined), limited]);
    expect(await app.send(alerts.diagnosed())).toMatchObject({ kind: 'retry', afterMs: 3_000 });
    expect(await app.send(alerts.diagnosed())).toMatchObject({ kind: 'sent' });
    expect(app.thread()).toHaveLength(1);
  });

  it('still notifies the channel if the reply that does so had to be tried again', async () => {
    const app = await startTestApp();
    await app.send(alerts.diagnosed());
    app.slack.reply('chat.postMessage', [{ status: 503 }]);
    expect(await app.send(alerts.outcome('failed'))).toMatchObject({ kind: 'retry' });
    const next = app.restarted();
    expect(await next.send(alerts.outcome('failed'))).toMatchObject({ kind: 'sent' });
    expect(next.slack.shown()).toHaveLength(2);
    expect(next.message().edits).toBe(1);
  });

  it('is posted anew if somebody deleted it, but not to say that the problem is over', async () => {
    const app = await startTestApp();
    await app.send(alerts.diagnosed());
    app.slack.deleteMessage(app.message().ts);
    await app.send(alerts.outcome('failed'));
    expect(app.text()).toContain('did not recover');
    app.slack.deleteMessage(app.message().ts);
    expect(await app.send(alerts.resolved())).toMatchObject({ kind: 'sent' });
    expect(app.slack.shown()).toEqual([]);
  });

  it('exists once even if the store fails in the meantime', async () => {
    const app = await startTestApp();
    app.records.failing = true;
    expect(await app.send(alerts.diagnosed())).toMatchObject({ kind: 'retry', why: expect.stringMatching(/store/) });
    app.records.failing = false;
    await app.send(alerts.diagnosed());
    app.records.failing = true;
    await app.send(alerts.restarting());
    app.records.failing = false;
    await app.send(alerts.outcome('recovered'));
    expect(app.message().edits).toBeGreaterThan(0);
    expect(app.slack.violations).toEqual([]);
  });

  it.each([
    ['a revoked token', 'revoke', /token_revoked/],
    ['an archived channel', 'archive', /SLACK_CHANNEL is archived/],
  ])('waits while a person has to correct %s', async (_, how, why) => {
    const app = await startTestApp();
    if (how === 'revoke') app.slack.revoke();
    else app.slack.setChannel('archived');
    expect(await app.send(alerts.diagnosed())).toMatchObject({ kind: 'retry', why: expect.stringMatching(why) });
  });
});

describe('a restart that waits', () => {
  it('shows until when, and the buttons, whose values are the id of the request and nothing else', async () => {
    const app = await startTestApp();
    app.records.requests.set('req-1', aRequest());
    await app.send(alerts.asks());
    expect(app.text()).toContain('✋ A restart waits for a decision\n until 2026-11-23 12:15 UTC.');
    const { elements } = app.message().blocks.find(({ type }) => type === 'actions') ?? {};
    expect(elements.map(({ text }: { text: { text: string } }) => text.text)).toEqual([
      'Restart',
      'Leave it',
      'Snooze 1 h',
      'Snooze 8 h',
      'Snooze 24 h',
    ]);
    expect(new Set(elements.map(({ value }: { value: string }) => value))).toEqual(new Set(['req-1']));
    expect(elements[0].confirm.title.text).toBe('Restart the container?');
    expect(app.slack.violations).toEqual([]);
  });

  it.each([
    ['nobody may press buttons', { approvers: [] }],
    ['clicks cannot arrive', { appToken: undefined, approvers: [] }],
  ])('has no buttons if %s', async (_, settings) => {
    const app = await startTestApp(settings);
    app.records.requests.set('req-1', aRequest());
    await app.send(alerts.asks());
    expect(app.message().blocks.some(({ type }) => type === 'actions')).toBe(false);
  });

  it.each([
    ['it expires', aRequest({ state: 'expired', answeredAt: NOON + 900_000 }), /Nobody decided/],
    [
      'somebody approves it on the page',
      aRequest({ state: 'approved', answeredBy: { via: 'page', who: 'token' }, answeredAt: NOON + 60_000 }),
      /Restart approved by \nsomebody on the page\n at 2026-11-23 12:01 UTC/,
    ],
    ['it is withdrawn', aRequest({ state: 'withdrawn', answeredAt: NOON }), /no longer open/],
  ])('loses its buttons when %s', async (_, request, text) => {
    const app = await startTestApp();
    app.records.requests.set('req-1', aRequest());
    await app.send(alerts.asks());
    const next = app.restarted();
    await next.connect();
    next.records.requests.set('req-1', request);
    await eventually(() => (text.test(next.text()) ? true : undefined));
    expect(next.message().blocks.some(({ type }) => type === 'actions')).toBe(false);
    expect(next.slack.violations).toEqual([]);
  });

  it('shows who decided, as a name', async () => {
    const app = await startTestApp();
    const answeredBy = { via: 'slack', who: JANE } as const;
    app.records.requests.set('req-1', aRequest({ state: 'denied', answeredBy, answeredAt: NOON + 60_000 }));
    await app.send(alerts.asks());
    expect(JSON.stringify(app.message().blocks)).toContain(`{"type":"user","user_id":"${JANE}"}`);
    expect(app.slack.violations).toEqual([]);
  });
});
