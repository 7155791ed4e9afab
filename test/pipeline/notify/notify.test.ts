import { expect, it, onTestFinished } from 'vitest';
import type { Alert } from '../../../src/domain.ts';
import { StoreError } from '../../../src/errors.ts';
import { systemClock } from '../../../src/lib/time.ts';
import { createNotifier, FAILURES_TO_TELL, MOST_WAITING } from '../../../src/pipeline/notify/notify.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { AlertSender, Notice, Outbox, SendResult } from '../../../src/pipeline/ports.ts';
import { eventually } from '../../support/eventually.ts';
import { createFastClock } from '../../support/fast-clock.ts';
import { sampleAlert } from '../../support/samples.ts';
import { createRecordingLogger } from '../../support/watching.ts';

const FULL = new StoreError('the disk is full', 'unavailable');

/** An outbox in memory that takes nothing while `full`. */
function createOutbox() {
  const rows = new Map<
    string,
    { alert: Alert; state: 'pending' | 'sent' | 'dropped'; tries: number; nextAt: number }
  >();
  const outbox = { full: false };
  const refuse = () => {
    if (outbox.full) throw FULL;
  };
  const set = (id: string, change: object) => {
    refuse();
    const row = rows.get(id);
    if (row) rows.set(id, { ...row, ...change });
  };
  const port: Outbox = {
    async enqueue(alert) {
      refuse();
      if (rows.has(alert.id)) return false;
      rows.set(alert.id, { alert, state: 'pending', tries: 0, nextAt: 0 });
      return true;
    },
    async due(_receiver, now, limit) {
      refuse();
      return [...rows.values()].filter((row) => row.state === 'pending' && row.nextAt <= now).slice(0, limit);
    },
    markSent: async ({ alertId }) => set(alertId, { state: 'sent' }),
    markDropped: async ({ alertId }) => set(alertId, { state: 'dropped' }),
    markRetry: async ({ alertId }, nextAt) => set(alertId, { nextAt, tries: (rows.get(alertId)?.tries ?? 0) + 1 }),
    pending: async () => new Map([['slack', [...rows.values()].filter((row) => row.state === 'pending').length]]),
  };
  return Object.assign(outbox, { port, stateOf: (id: string) => rows.get(id)?.state });
}

function setUp({ clock = systemClock } = {}) {
  const outbox = createOutbox();
  const sent: (Alert | Notice)[] = [];
  const outcomes: string[] = [];
  const service: { answer: SendResult; to?(what: Alert | Notice): SendResult } = { answer: { kind: 'sent' } };
  const take = async (what: Alert | Notice): Promise<SendResult> => {
    const answer = service.to?.(what) ?? service.answer;
    if (answer.kind === 'sent') sent.push(what);
    return answer;
  };
  const sender: AlertSender = { integration: 'slack', paceMs: 0, send: take, sendNotice: take };
  const logger = createRecordingLogger();
  const notifier = createNotifier({
    sender,
    outbox: outbox.port,
    observer: { ...noopObserver, notification: ({ outcome }) => void outcomes.push(outcome) },
    logger,
    clock,
    traceSend: (_alert, _tries, _trace, send) => send(),
  });
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const names = () => sent.map((what) => ('id' in what ? what.id : what.title));
  const count = (outcome: string) => outcomes.filter((each) => each === outcome).length;
  const tell = (id: string, at = clock.now()) => notifier.notify(sampleAlert({ id, at }), undefined);
  return {
    outbox,
    sent,
    tell,
    names,
    count,
    service,
    notifier,
    logger,
    stopping,
    run: () => notifier.run(stopping.signal),
  };
}

it('sends an alert that the store would not take, once, and writes that down when the store is back', async () => {
  const { outbox, sent, tell, run } = setUp();
  outbox.full = true;
  void run();
  await tell('alert-1');
  expect(sent).toHaveLength(1);
  outbox.full = false;
  await eventually(() => (outbox.stateOf('alert-1') === 'sent' ? true : undefined));
  await tell('alert-1');
  expect(sent).toHaveLength(1);
});

it('keeps an alert that neither the store nor the service would take, until the service does', async () => {
  const { outbox, sent, tell, service, run } = setUp();
  outbox.full = true;
  service.answer = { kind: 'retry', why: 'down', afterMs: 50 };
  await tell('alert-1');
  await tell('alert-2');
  service.answer = { kind: 'sent' };
  void run();
  await eventually(() => (sent.length === 2 ? true : undefined));
  expect(sent).toMatchObject([{ id: 'alert-1' }, { id: 'alert-2' }]);
});

it('never sends again what was sent and could not be marked', async () => {
  const { outbox, sent, tell, run } = setUp();
  const markSent = outbox.port.markSent;
  let marks = 0;
  Object.assign(outbox.port, {
    async markSent(delivery: { alertId: string; receiver: string }, at: number) {
      marks += 1;
      if (marks < 3) throw FULL;
      await markSent(delivery, at);
    },
  });
  await tell('alert-1');
  void run();
  await eventually(() => (outbox.stateOf('alert-1') === 'sent' ? true : undefined), { deadlineMs: 8_000 });
  expect(sent).toHaveLength(1);
});

it('tells of the agent itself in order, and says what is lost when it stops', async () => {
  const { sent, service, notifier, logger, stopping, run } = setUp();
  service.answer = { kind: 'retry', why: 'down', afterMs: 10 };
  notifier.say({ title: 'down', text: 'it is' });
  notifier.say({ title: 'back', text: 'it is' });
  const running = run();
  service.answer = { kind: 'sent' };
  await eventually(() => (sent.length === 2 ? true : undefined));
  expect(sent).toMatchObject([{ title: 'down' }, { title: 'back' }]);

  service.answer = { kind: 'retry', why: 'down' };
  notifier.say({ title: 'unheard', text: '' });
  stopping.abort();
  await running;
  expect(logger.records).toContainEqual(
    expect.objectContaining({ message: 'a message is lost', fields: { notice: 'unheard', why: 'the agent stops' } }),
  );
});

it('keeps what waits bounded: the oldest are given up, counted and told', async () => {
  const clock = createFastClock(1_000);
  const { outbox, sent, tell, names, count, service, run } = setUp({ clock });
  service.answer = { kind: 'retry', why: 'down' };
  for (let i = 0; i < MOST_WAITING + 3; i++) await tell(`a${i}`);
  void run();
  await eventually(() => (outbox.stateOf('a2') === 'dropped' ? true : undefined));
  expect((await outbox.port.pending()).get('slack')).toBe(MOST_WAITING);
  expect(count('dropped')).toBe(3);

  await eventually(() => (count('failed') > FAILURES_TO_TELL ? true : undefined));
  service.answer = { kind: 'sent' };
  await eventually(() => (sent.length === MOST_WAITING + 1 ? true : undefined), { deadlineMs: 15_000 });
  expect(sent[0]).toMatchObject({
    text: expect.stringMatching(/1000 alerts wait and follow, the oldest first\. 3 alerts were given up/),
  });
  expect(names().slice(1)).toEqual(Array.from({ length: MOST_WAITING }, (_, i) => `a${i + 3}`));
});

it('gives up an alert older than a day without bothering the service', async () => {
  const { outbox, tell, names, count } = setUp();
  await tell('old', Date.now() - 25 * 3_600_000);
  await tell('new');
  expect(outbox.stateOf('old')).toBe('dropped');
  expect(names()).toEqual(['new']);
  expect([count('dropped'), count('sent'), count('failed')]).toEqual([1, 1, 0]);
});

it('lets others pass an alert that alone is not taken, and goes on trying it', async () => {
  const clock = createFastClock(1_000);
  const { tell, names, count, service, run } = setUp({ clock });
  service.to = (what) =>
    'id' in what && what.id === 'odd' ? { kind: 'retry', why: 'Slack answered 500' } : { kind: 'sent' };
  for (const id of ['first', 'odd', 'second', 'third']) {
    await tell(id);
  }
  void run();
  await eventually(() => (names().includes('third') ? true : undefined));
  expect(names()).toEqual(['first', 'Alerts were held up', 'second', 'third']);
  expect(count('failed')).toBe(FAILURES_TO_TELL + 1);
  service.to = undefined;
  await eventually(() => (names().includes('odd') ? true : undefined));
});

it('has one message try for all while the service is down, and says why', async () => {
  const { tell, count, service, notifier } = setUp();
  service.answer = { kind: 'retry', why: 'down' };
  for (let i = 0; i < 50; i++) await tell(`a${i}`);
  expect(count('failed')).toBe(1);
  expect(notifier.trouble()).toMatchObject({ why: 'down', failures: 1 });
});
