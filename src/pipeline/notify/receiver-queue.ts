import type { Alert } from '../../domain/alert.ts';
import type { TraceLink } from '../../domain/incident.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { Logger } from '../../lib/log.ts';
import { createMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { Notice, Receiver, SendResult } from '../ports/receiver.ts';
import type { FloodStore, Outbox } from '../ports/store.ts';
import { createDelivery, type DeliveryFailure } from './delivery.ts';
import { createFloodControl } from './flood.ts';
import { createMemoryQueue } from './memory-queue.ts';
import { summaryNotice } from './summary.ts';

/** Wraps one attempt to send an alert in a span. `trace` is the incident's. */
export type TraceSend = (
  receiver: string,
  tries: number,
  trace: TraceLink | undefined,
  send: () => Promise<SendResult>,
) => Promise<SendResult>;

export interface ReceiverQueueDeps {
  readonly receiver: Receiver;
  readonly outbox: Outbox & FloodStore;
  /** For a link in summaries. */
  readonly publicUrl?: string;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly traceSend: TraceSend;
  /** More alerts become a summary. Default: 10. */
  readonly maxPerMinute?: number;
}

/** An alert, with what the outbox keeps of it. */
export interface AddressedAlert {
  readonly alert: Alert;
  readonly receivers: readonly string[];
  /** Those of the receivers that follow its incident. */
  readonly following: readonly string[];
  readonly trace: TraceLink | undefined;
}

export interface ReceiverQueue {
  /** The outbox has a new alert: sends the oldest now, unless one is being sent or must wait. Never rejects. */
  wake(): Promise<void>;
  /** Queues an alert in memory that the outbox could not store. */
  addUnstored(addressed: AddressedAlert): void;
  announce(notice: Notice): void;
  /** As `announce`, for a notice that the caller gives again to the next run. `finished`: it was sent or rejected. */
  deliver(notice: Notice, finished: () => Promise<void>): void;
  /** Sends what is waiting until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  failure(): DeliveryFailure | undefined;
}

const SEND_TIMEOUT_MS = 10_000;
/** Yesterday's alert helps nobody, and outages of a service are shorter than a day. */
const MAX_AGE_MS = 24 * 3_600_000;
const TOO_OLD = 'it is older than 24 hours';
const POLL_MS = 1_000;
/** Per receiver: a quarter of an hour at Slack's pace. An alert has a few KB. */
export const MAX_WAITING = 1_000;
/** With the back-off of delivery.ts, reached after about five minutes. */
export const FAILURES_BEFORE_NOTICE = 10;
/** How long an alert that fails while others are accepted is skipped. */
const SKIP_MS = 10 * 60_000;

/**
 * Sends the alerts of one receiver: the oldest first, one at a time, each until it is sent or dropped. While the
 * receiver fails, only the oldest message is tried.
 *
 * The steps of an alert: stored (pending), sent, marked as sent. If the agent dies between the last two, it sends the
 * alert again at its next start, because it cannot ask the service whether the message arrived. So nothing that could
 * wait may happen between them.
 */
export function createReceiverQueue(deps: ReceiverQueueDeps): ReceiverQueue {
  const { receiver, outbox, observer, logger, clock } = deps;
  const delivery = createDelivery(receiver.paceMs, clock);
  const exclusively = createMutex();
  const floods = createFloodControl({ receiver, store: outbox, clock, maxPerMinute: deps.maxPerMinute });
  /** Sent, but the outbox could not be written: never to be sent again, only to be marked. */
  const sentUnmarked = new Map<string, AddressedAlert>();
  let sending = false;
  let mayOverflow = true;
  /** The number of messages dropped since the receiver last accepted one. */
  let dropped = 0;
  let outboxFailed = false;
  /** The highest time seen: what is due must not wait longer because the clock is set back. */
  let latest = 0;

  const deliveryOf = (alert: Alert) => ({ alertId: alert.id, receiver: receiver.name });
  const logFieldsOf = (alert: Alert) => ({ receiver: receiver.name, alert: alert.id, incident: alert.incident.id });

  /** Notices, and alerts that the outbox could not store. */
  const memory = createMemoryQueue({
    max: MAX_WAITING,
    onDropped: ({ logFields }, why) => recordDropped('a message is lost', logFields, why),
  });

  function recordDropped(message: string, logFields: Readonly<Record<string, string>>, why: string): void {
    dropped += 1;
    logger.error(message, { ...logFields, why });
    observer.notification({ receiver: receiver.name, outcome: 'dropped' });
  }

  async function send(
    logFields: Readonly<Record<string, string>>,
    work: (signal: AbortSignal) => Promise<SendResult>,
  ): Promise<SendResult> {
    const startedAt = clock.monotonic();
    sending = true;
    const result = await work(AbortSignal.timeout(SEND_TIMEOUT_MS)).finally(() => {
      sending = false;
    });
    const durationMs = clock.monotonic() - startedAt;
    const pauseMs = delivery.record(result);
    const outcome = result.kind === 'retry' ? 'failed' : result.kind;
    observer.notification({ receiver: receiver.name, outcome, durationMs });
    if (result.kind === 'sent') dropped = 0;
    if (result.kind === 'dropped') logger.error('a message was rejected', { ...logFields, why: result.why });
    if (result.kind === 'retry') {
      logger.warn('a message was not delivered and will be retried', { ...logFields, why: result.why, in_ms: pauseMs });
      if (delivery.failure()?.failures === FAILURES_BEFORE_NOTICE) announceDelay();
    }
    return result;
  }

  const sendAlert = (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<SendResult> =>
    send(logFieldsOf(alert), (signal) =>
      deps.traceSend(receiver.name, tries, trace, () => receiver.send(alert, signal)),
    );

  function queueNotice(title: string, noticeNow: () => Promise<Notice>): void {
    const logFields = { receiver: receiver.name, notice: title };
    memory.add({
      logFields,
      async send() {
        const notice = await noticeNow();
        return send(logFields, (signal) => receiver.sendNotice(notice, signal));
      },
    });
  }

  /** Queues a notice that is sent before all alerts. Once it is accepted, people know what follows. */
  function announceDelay(): void {
    const title = 'Alerts were delayed';
    queueNotice(title, async () => {
      const waiting = await outbox.pending().then(
        (pending) => pending.get(receiver.name) ?? 0,
        () => 0,
      );
      return { title, text: describeDelay(delivery.failure(), clock.now(), waiting, dropped) };
    });
  }

  const isTooOld = (alert: Alert): boolean => clock.now() - alert.at > MAX_AGE_MS;

  function rememberSent(addressed: AddressedAlert): void {
    sentUnmarked.set(addressed.alert.id, addressed);
    dropOldest(sentUnmarked, MAX_WAITING);
  }

  async function markSent(addressed: AddressedAlert): Promise<void> {
    rememberSent(addressed);
    await outbox.markSent(deliveryOf(addressed.alert), clock.now());
    sentUnmarked.delete(addressed.alert.id);
  }

  async function dropStored(alert: Alert, why: string): Promise<void> {
    recordDropped('an alert was dropped', logFieldsOf(alert), why);
    await outbox.markDropped(deliveryOf(alert), clock.now(), why);
  }

  async function sendStored(alert: Alert, tries: number, trace: TraceLink | undefined): Promise<void> {
    const addressed = { alert, receivers: [receiver.name], following: [], trace };
    if (sentUnmarked.has(alert.id)) return markSent(addressed);
    if (isTooOld(alert)) return dropStored(alert, TOO_OLD);
    const verdict = await floods.judge(alert, true);
    if (verdict === 'hold') return;
    if (verdict === 'skip') return outbox.markDropped(deliveryOf(alert), clock.now(), 'its alert is in a summary');
    const result = await sendAlert(alert, tries, trace);
    const now = clock.now();
    switch (result.kind) {
      case 'sent':
        floods.sent(alert);
        return markSent(addressed);
      case 'dropped':
        return outbox.markDropped(deliveryOf(alert), now, result.why);
      case 'retry': {
        // The receiver has accepted other messages: the cause may be this alert, which must not block them.
        const skip = tries >= FAILURES_BEFORE_NOTICE && delivery.hasWorked();
        return outbox.markRetry(deliveryOf(alert), skip ? now + SKIP_MS : latest, result.why);
      }
      default:
        return result satisfies never;
    }
  }

  async function sendUnstored(addressed: AddressedAlert, tries: number): Promise<SendResult> {
    const { alert, trace } = addressed;
    if (isTooOld(alert)) {
      recordDropped('an alert was dropped', logFieldsOf(alert), TOO_OLD);
      return { kind: 'dropped', why: TOO_OLD };
    }
    if ((await floods.judge(alert, false)) !== 'send') return { kind: 'sent' };
    const result = await sendAlert(alert, tries, trace);
    if (result.kind === 'sent') floods.sent(alert);
    // Otherwise the next start of the agent would send it again.
    if (result.kind === 'sent') rememberSent(addressed);
    return result;
  }

  /** Stores what was sent while the outbox could not be written. */
  async function storeSent(): Promise<void> {
    for (const addressed of sentUnmarked.values()) {
      // For all its receivers: with their rows, it is not lost if the agent dies before the others have it.
      await outbox.enqueue(addressed.alert, addressed.receivers, addressed.trace, addressed.following);
      await markSent(addressed);
    }
  }

  /** False if none is due. */
  async function sendSummary(): Promise<boolean> {
    const due = await floods.due();
    if (due === undefined) return false;
    const { summary, accepted } = due;
    const { publicUrl } = deps;
    const result = await send({ receiver: receiver.name, summary: summary.id }, (signal) =>
      receiver.sendSummary === undefined
        ? receiver.sendNotice(summaryNotice(summary, clock.now(), publicUrl), signal)
        : receiver.sendSummary(summary, signal),
    );
    // A summary that is rejected for good would be rejected again.
    if (result.kind !== 'retry') await accepted();
    return true;
  }

  let repeatedAt = clock.monotonic();

  async function repeat(): Promise<void> {
    const { repeat } = receiver;
    if (repeat === undefined || !delivery.isOpen() || clock.monotonic() - repeatedAt < repeat.everyMs) return;
    repeatedAt = clock.monotonic();
    const result = await repeat.send(AbortSignal.timeout(SEND_TIMEOUT_MS));
    delivery.record(result);
    if (result.kind === 'sent') return;
    logger.warn('open alerts could not be repeated', { receiver: receiver.name, why: result.why });
  }

  async function dropOverflow(): Promise<void> {
    if (!mayOverflow) return;
    mayOverflow = false;
    const excess = ((await outbox.pending()).get(receiver.name) ?? 0) - MAX_WAITING;
    if (excess <= 0) return;
    const oldest = await outbox.due(receiver.name, Number.MAX_SAFE_INTEGER, excess);
    for (const { alert } of oldest) await dropStored(alert, `more than ${MAX_WAITING} alerts are waiting`);
  }

  /** False if nothing is waiting, or nothing may be sent now. */
  async function sendOldest(): Promise<boolean> {
    if (!delivery.isOpen()) return false;
    if (await memory.sendFirst()) return true;
    await storeSent();
    latest = Math.max(latest, clock.now());
    const [oldest] = await outbox.due(receiver.name, latest, 1);
    if (oldest === undefined) {
      if (await sendSummary()) return true;
      delivery.queueEmptied();
      return false;
    }
    await sendStored(oldest.alert, oldest.tries, oldest.trace);
    return true;
  }

  return {
    async wake() {
      mayOverflow = true;
      latest = Math.max(latest, clock.now());
      if (sending) return;
      try {
        await exclusively(sendOldest);
      } catch (error) {
        logger.error('the outbox cannot be used', { receiver: receiver.name, error: String(error) });
      }
    },

    addUnstored(addressed) {
      memory.add({ logFields: logFieldsOf(addressed.alert), send: (tries) => sendUnstored(addressed, tries) });
    },

    announce: (notice) => queueNotice(notice.title, async () => notice),

    deliver(notice, finished) {
      const logFields = { receiver: receiver.name, notice: notice.title };
      memory.add({
        logFields,
        isKept: true,
        async send() {
          const result = await send(logFields, (signal) => receiver.sendNotice(notice, signal));
          if (result.kind !== 'retry') await finished();
          return result;
        },
      });
    },

    async run(signal) {
      while (!signal.aborted) {
        try {
          while (!signal.aborted && (await exclusively(sendOldest)));
          await exclusively(dropOverflow);
          await exclusively(repeat);
          outboxFailed = false;
        } catch (error) {
          if (!outboxFailed)
            logger.error('the outbox cannot be used', { receiver: receiver.name, error: String(error) });
          outboxFailed = true;
        }
        await clock.sleep(POLL_MS, signal);
      }
      memory.clear();
    },

    failure: delivery.failure,
  };
}

function describeDelay(failure: DeliveryFailure | undefined, now: number, waiting: number, dropped: number): string {
  const time = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const alerts = (count: number) => (count === 1 ? '1 alert' : `${count} alerts`);
  const period = failure === undefined ? '' : ` from ${time(failure.since)} to ${time(now)} UTC (${failure.why})`;
  const next = waiting === 0 ? 'No alert is waiting.' : `Waiting, and sent next, oldest first: ${alerts(waiting)}.`;
  const lost = dropped === 0 ? '' : ` Dropped: ${alerts(dropped)}; their incidents are in /history.`;
  return `No message could be delivered${period}. ${next}${lost}`;
}
