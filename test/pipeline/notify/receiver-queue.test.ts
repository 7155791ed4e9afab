import { expect, it } from 'vitest';
import { FAILURES_BEFORE_NOTICE, MAX_WAITING } from '../../../src/pipeline/notify/receiver-queue.ts';
import { eventually } from '../../support/eventually.ts';
import { createFastClock } from '../../support/fast-clock.ts';
import { sampleIncident } from '../../support/samples.ts';
import { createService, FULL, startNotifier } from './support.ts';

const DAY_MS = 24 * 3_600_000;

it('sends an alert that could not be stored, once, and stores it as sent when that is possible', async () => {
  const slack = createService('slack');
  const { outbox, notify, pending, run } = await startNotifier([slack]);
  const { markSent } = outbox;
  const marked: string[] = [];
  outbox.markSent = async (delivery, at) => {
    await markSent(delivery, at);
    marked.push(delivery.alertId);
  };
  outbox.full = true;
  void run();
  await notify('alert-1');
  expect(slack.accepted).toEqual(['alert-1']);
  outbox.full = false;
  await eventually(() => (marked.length > 0 ? true : undefined));
  expect(await pending('slack')).toBe(0);
  await notify('alert-1');
  expect(slack.accepted).toEqual(['alert-1']);
});

it('keeps alerts that could neither be stored nor sent until the receiver accepts them', async () => {
  const slack = createService('slack');
  const { outbox, notify, run } = await startNotifier([slack]);
  outbox.full = true;
  slack.answer = { kind: 'retry', why: 'down', afterMs: 50 };
  await notify('alert-1');
  await notify('alert-2');
  slack.answer = { kind: 'sent' };
  void run();
  await eventually(() => (slack.accepted.length === 2 ? true : undefined));
  expect(slack.accepted).toEqual(['alert-1', 'alert-2']);
});

it('never sends again an alert that was sent but could not be marked', async () => {
  const slack = createService('slack');
  const { outbox, notify, pending, run } = await startNotifier([slack]);
  const { markSent } = outbox;
  let marks = 0;
  outbox.markSent = async (delivery, at) => {
    marks += 1;
    if (marks < 3) throw FULL;
    await markSent(delivery, at);
  };
  await notify('alert-1');
  void run();
  await eventually(async () => ((await pending('slack')) === 0 ? true : undefined), { deadlineMs: 60_000 });
  expect(slack.accepted).toEqual(['alert-1']);
});

it('sends notices in order, and logs those that are lost when the agent stops', async () => {
  const slack = createService('slack');
  const { notifier, logger, stopping, run } = await startNotifier([slack]);
  slack.answer = { kind: 'retry', why: 'down', afterMs: 10 };
  notifier.announce({ title: 'down', text: 'it is' });
  notifier.announce({ title: 'back', text: 'it is' });
  const running = run();
  slack.answer = { kind: 'sent' };
  await eventually(() => (slack.accepted.length === 2 ? true : undefined));
  expect(slack.accepted).toEqual(['down', 'back']);

  slack.answer = { kind: 'retry', why: 'down' };
  notifier.announce({ title: 'unsent', text: '' });
  stopping.abort();
  await running;
  expect(logger.records).toContainEqual(
    expect.objectContaining({
      message: 'a message is lost',
      fields: { receiver: 'slack', notice: 'unsent', why: 'the agent stops' },
    }),
  );
});

it('limits the number of waiting alerts: the oldest are dropped, counted and mentioned', {
  timeout: 180_000,
}, async () => {
  const clock = createFastClock(200);
  const slack = createService('slack');
  const { notify, pending, count, run } = await startNotifier([slack], { clock });
  slack.answer = { kind: 'retry', why: 'down' };
  for (let i = 0; i < MAX_WAITING + 3; i++) await notify(`a${i}`, { incident: sampleIncident({ id: `i${i}` }) });
  void run();
  await eventually(async () => ((await pending('slack')) === MAX_WAITING ? true : undefined), { deadlineMs: 60_000 });
  expect(count('slack', 'dropped')).toBe(3);

  await eventually(() => (count('slack', 'failed') > FAILURES_BEFORE_NOTICE ? true : undefined), {
    deadlineMs: 60_000,
  });
  slack.answer = { kind: 'sent' };
  await eventually(async () => ((await pending('slack')) === 0 ? true : undefined), { deadlineMs: 60_000 });
  expect(slack.messages[0]).toMatchObject({
    text: expect.stringMatching(/Waiting, and sent next, oldest first: 1000 alerts\. Dropped: 3 alerts;/),
  });
  // Ten a minute, and on a busy machine a minute of this clock may end before the tenth.
  const sent = slack.accepted.slice(1);
  const alone = sent.findIndex((text) => text.includes('more problems'));
  expect(alone).toBeGreaterThanOrEqual(10);
  expect(sent.slice(0, alone)).toEqual(Array.from({ length: alone }, (_, i) => `a${i + 3}`));
  expect(sent[alone]).toMatch(new RegExp(`^${MAX_WAITING - alone} more problems`));
});

it('drops an alert older than a day without sending it', async () => {
  const slack = createService('slack');
  const { notify, pending, count } = await startNotifier([slack]);
  await notify('old', { at: Date.now() - DAY_MS - 3_600_000 });
  await notify('new');
  expect(await pending('slack')).toBe(0);
  expect(slack.accepted).toEqual(['new']);
  expect(['dropped', 'sent', 'failed'].map((outcome) => count('slack', outcome))).toEqual([1, 1, 0]);
});

it('lets others pass an alert that alone is not accepted, and retries it later', async () => {
  const clock = createFastClock(1_000);
  const slack = createService('slack');
  const { notify, count, run } = await startNotifier([slack], { clock });
  slack.answerTo = (message) =>
    'id' in message && message.id === 'odd' ? { kind: 'retry', why: 'it answered 500' } : { kind: 'sent' };
  for (const id of ['first', 'odd', 'second', 'third']) await notify(id);
  void run();
  await eventually(() => (slack.accepted.includes('third') ? true : undefined));
  expect(slack.accepted).toEqual(['first', 'Alerts were delayed', 'second', 'third']);
  expect(count('slack', 'failed')).toBe(FAILURES_BEFORE_NOTICE + 1);
  slack.answerTo = undefined;
  await eventually(() => (slack.accepted.includes('odd') ? true : undefined));
});

it('tries only one message while the receiver is down, and reports why it fails', async () => {
  const slack = createService('slack');
  const { notifier, notify, count } = await startNotifier([slack]);
  slack.answer = { kind: 'retry', why: 'down' };
  for (let i = 0; i < 50; i++) await notify(`a${i}`);
  expect(count('slack', 'failed')).toBe(1);
  expect(notifier.failure('slack')).toMatchObject({ why: 'down', failures: 1 });
});
