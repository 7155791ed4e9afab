import { expect, it, onTestFinished } from 'vitest';
import type { Alert } from '../../src/domain.ts';
import { StoreError } from '../../src/errors.ts';
import { createNotifier } from '../../src/pipeline/notify.ts';
import type { AlertSender, Notice, Outbox, SendResult } from '../../src/pipeline/ports.ts';
import { eventually } from '../support/eventually.ts';
import { sampleAlert } from '../support/samples.ts';
import { createRecordingLogger, realClock } from '../support/watching.ts';

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
    async due(now) {
      refuse();
      return [...rows.values()].filter((row) => row.state === 'pending' && row.nextAt <= now);
    },
    nextDueAt: async () => undefined,
    markSent: async (id) => set(id, { state: 'sent' }),
    markDropped: async (id) => set(id, { state: 'dropped' }),
    markRetry: async (id, nextAt) => set(id, { nextAt, tries: (rows.get(id)?.tries ?? 0) + 1 }),
    pending: async () => [...rows.values()].filter((row) => row.state === 'pending').length,
  };
  return Object.assign(outbox, { port, stateOf: (id: string) => rows.get(id)?.state });
}

function setUp() {
  const outbox = createOutbox();
  const sent: (Alert | Notice)[] = [];
  const service: { answer: SendResult } = { answer: { kind: 'sent' } };
  const take = async (what: Alert | Notice): Promise<SendResult> => {
    if (service.answer.kind === 'sent') sent.push(what);
    return service.answer;
  };
  const sender: AlertSender = { integration: 'slack', send: take, sendNotice: take };
  const logger = createRecordingLogger();
  const notifier = createNotifier({
    sender,
    outbox: outbox.port,
    observer: { notification: () => {} } as never,
    logger,
    clock: realClock,
    traceSend: (_alert, _tries, _trace, send) => send(),
  });
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  return { outbox, sent, service, notifier, logger, stopping, run: () => notifier.run(stopping.signal) };
}

it('sends an alert that the store would not take, once, and writes that down when the store is back', async () => {
  const { outbox, sent, notifier, run } = setUp();
  outbox.full = true;
  void run();
  await notifier.notify(sampleAlert(), undefined);
  expect(sent).toHaveLength(1);
  outbox.full = false;
  await eventually(() => (outbox.stateOf('alert-1') === 'sent' ? true : undefined));
  await notifier.notify(sampleAlert(), undefined);
  expect(sent).toHaveLength(1);
});

it('keeps an alert that neither the store nor the service would take, until the service does', async () => {
  const { outbox, sent, service, notifier, run } = setUp();
  outbox.full = true;
  service.answer = { kind: 'retry', why: 'down', afterMs: 50 };
  await notifier.notify(sampleAlert(), undefined);
  await notifier.notify(sampleAlert({ id: 'alert-2' }), undefined);
  service.answer = { kind: 'sent' };
  void run();
  await eventually(() => (sent.length === 2 ? true : undefined));
  expect(sent).toMatchObject([{ id: 'alert-1' }, { id: 'alert-2' }]);
});

it('never sends again what was sent and could not be marked', async () => {
  const { outbox, sent, notifier, run } = setUp();
  const markSent = outbox.port.markSent;
  let marks = 0;
  Object.assign(outbox.port, {
    async markSent(id: string, at: number) {
      marks += 1;
      if (marks < 3) throw FULL;
      await markSent(id, at);
    },
  });
  await notifier.notify(sampleAlert(), undefined);
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
