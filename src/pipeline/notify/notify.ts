import type { Alert, TraceLink } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import { createMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { AlertSender, Notice, Outbox, SendResult } from '../ports.ts';
import { createDelivery, type DeliveryTrouble } from './delivery.ts';
import { createMemoryQueue } from './memory-queue.ts';

export interface NotifierDeps {
  readonly sender: AlertSender;
  readonly outbox: Outbox;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Wraps one try in a span; `trace` is the incident's. */
  traceSend(
    alert: Alert,
    tries: number,
    trace: TraceLink | undefined,
    send: () => Promise<SendResult>,
  ): Promise<SendResult>;
}

export interface Notifier {
  /**
   * Writes the alert down and, where nothing waits before it and nothing is being posted, tries to send it once; all
   * else is the worker's. An alert whose id was written before is left alone. Where it cannot be written down it is
   * sent all the same, from memory. Never rejects.
   */
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
  /** Tells something about the agent itself; kept in memory until it is sent. */
  say(notice: Notice): void;
  /** Sends what waits until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Why messages are not taken just now; undefined while they are. */
  trouble(): DeliveryTrouble | undefined;
}

const SEND_TIMEOUT_MS = 10_000;
/** Nobody wants yesterday's alert; a day also outlasts any outage of the service. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
const LOOK_EVERY_MS = 1_000;
/** A quarter of an hour's reading at Slack's pace. An alert is a few KB. */
export const MOST_WAITING = 1_000;
/** With the back-offs of delivery.ts: after some five minutes. */
export const FAILURES_TO_TELL = 10;
/** How long one that is refused while others are taken lets them pass. */
const ASIDE_MS = 10 * 60_000;

/**
 * The durable outbox's worker: the oldest first, one at a time, each alert until it is sent or cannot be. While the
 * service takes nothing, one message tries for all.
 *
 * What an alert goes through: written (pending) → posted → marked as sent. An agent that dies after the post and
 * before the mark posts it again at its next start: the service has no way to ask whether it took the first. Nothing
 * may come in between that could wait.
 */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { sender, outbox, observer, logger, clock } = deps;
  const { integration } = sender;
  const delivery = createDelivery(sender.paceMs, clock);
  const inTurn = createMutex();
  const deliveryOf = (alert: Alert) => ({ alertId: alert.id, receiver: integration });
  const countPending = async () => (await outbox.pending()).get(integration) ?? 0;
  let posting = false;
  let mayBeTooMany = true;
  /** Given up since the service last took a message. */
  let givenUp = 0;
  /** Sent, but the store would not take that: never to be sent again, only to be marked. */
  const unmarked = new Map<string, { readonly alert: Alert; readonly trace: TraceLink | undefined }>();
  let unreadable = false;
  /** What waits must not wait for longer because the clock is set back. */
  let latest = 0;

  /** What the store would not take, and what is not for the store. */
  const unwritten = createMemoryQueue({
    most: MOST_WAITING,
    onLost({ what }, why) {
      givenUp += 1;
      logger.error('a message is lost', { ...what, why });
      observer.notification({ integration, outcome: 'dropped' });
    },
  });

  const post = async (
    what: Record<string, string>,
    send: (signal: AbortSignal) => Promise<SendResult>,
  ): Promise<SendResult> => {
    const begun = clock.monotonic();
    posting = true;
    const result = await send(AbortSignal.timeout(SEND_TIMEOUT_MS)).finally(() => {
      posting = false;
    });
    const durationMs = clock.monotonic() - begun;
    const pause = delivery.note(result);
    const outcome = result.kind === 'retry' ? 'failed' : result.kind;
    observer.notification({ integration, outcome, durationMs });
    if (result.kind === 'sent') givenUp = 0;
    if (result.kind === 'dropped') logger.error('a message cannot be delivered', { ...what, why: result.why });
    if (result.kind === 'retry') {
      logger.warn('a message was not delivered, it will be tried again', { ...what, why: result.why, in_ms: pause });
      if (delivery.trouble()?.failures === FAILURES_TO_TELL) tellThatAlertsWait();
    }
    return result;
  };

  /** The next to try, before any alert: where it gets through, the service is back, and people know what follows. */
  const tellThatAlertsWait = (): void => {
    const title = 'Alerts were held up';
    unwritten.add({
      what: { notice: title },
      async send() {
        const waiting = await countPending().catch(() => 0);
        const text = describeHoldUp(delivery.trouble(), clock.now(), waiting, givenUp);
        return post({ notice: title }, (signal) => sender.sendNotice({ title, text }, signal));
      },
    });
  };

  const postAlert = async (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<SendResult> =>
    post({ alert: alert.id, incident: alert.incident.id }, (signal) =>
      deps.traceSend(alert, tries, trace, () => sender.send(alert, signal)),
    );

  const isStale = (alert: Alert): boolean => clock.now() - alert.at > GIVE_UP_AFTER_MS;

  const giveUp = (alert: Alert, why: string): void => {
    givenUp += 1;
    logger.error('an alert is given up', { alert: alert.id, incident: alert.incident.id, why });
    observer.notification({ integration, outcome: 'dropped' });
  };

  const rememberSent = (alert: Alert, trace: TraceLink | undefined): void => {
    unmarked.set(alert.id, { alert, trace });
    const [oldest] = unmarked.keys();
    if (unmarked.size > MOST_WAITING && oldest !== undefined) unmarked.delete(oldest);
  };

  const markSent = async (alert: Alert, trace: TraceLink | undefined): Promise<void> => {
    rememberSent(alert, trace);
    await outbox.markSent(deliveryOf(alert), clock.now());
    unmarked.delete(alert.id);
  };

  const sendWritten = async (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<void> => {
    if (unmarked.has(alert.id)) return markSent(alert, trace);
    if (isStale(alert)) {
      giveUp(alert, STALE);
      return outbox.markDropped(deliveryOf(alert), clock.now(), STALE);
    }
    const result = await postAlert(alert, tries, trace);
    const now = clock.now();
    switch (result.kind) {
      case 'sent':
        return markSent(alert, trace);
      case 'dropped':
        return outbox.markDropped(deliveryOf(alert), now, result.why);
      case 'retry': {
        // The notice before it got through, this one does not: it may be the alert, and must not hold up the others.
        const isOdd = tries >= FAILURES_TO_TELL && delivery.hasWorked();
        return outbox.markRetry(deliveryOf(alert), isOdd ? now + ASIDE_MS : latest, result.why);
      }
      default:
        return result satisfies never;
    }
  };

  /** For a store that takes no writes: told all the same. */
  const keepInMemory = (alert: Alert, trace: TraceLink | undefined, why: unknown): void => {
    logger.error('an alert could not be written down, it is sent from memory', {
      incident: alert.incident.id,
      error: String(why),
    });
    unwritten.add({
      what: { alert: alert.id, incident: alert.incident.id },
      async send(tries) {
        if (isStale(alert)) {
          giveUp(alert, STALE);
          return { kind: 'dropped', why: STALE };
        }
        const result = await postAlert(alert, tries, trace);
        // The next start of the agent must not take it for one that nobody heard of.
        if (result.kind === 'sent') rememberSent(alert, trace);
        return result;
      },
    });
  };

  /** Writes down what was sent while the store would not take it. */
  const settleAccounts = async (): Promise<void> => {
    for (const { alert, trace } of unmarked.values()) {
      await outbox.enqueue(alert, [integration], trace);
      await markSent(alert, trace);
    }
  };

  const dropWhatIsTooMuch = async (): Promise<void> => {
    if (!mayBeTooMany) return;
    mayBeTooMany = false;
    const tooMany = (await countPending()) - MOST_WAITING;
    if (tooMany <= 0) return;
    const why = `more than ${MOST_WAITING} wait`;
    for (const { alert } of await outbox.due(integration, Number.MAX_SAFE_INTEGER, tooMany)) {
      giveUp(alert, why);
      await outbox.markDropped(deliveryOf(alert), clock.now(), why);
    }
  };

  /** False where nothing waits. */
  const sendOldest = async (): Promise<boolean> => {
    if (await unwritten.sendFirst()) return true;
    await settleAccounts();
    latest = Math.max(latest, clock.now());
    const [oldest] = await outbox.due(integration, latest, 1);
    if (oldest === undefined) {
      delivery.caughtUp();
      return false;
    }
    await sendWritten(oldest.alert, oldest.tries, oldest.trace);
    return true;
  };

  /** False where nothing waits, or the service takes nothing now. */
  const sendOne = async (): Promise<boolean> => delivery.isOpen() && sendOldest();

  return {
    async notify(alert, trace) {
      try {
        const isNew = await outbox.enqueue(alert, [integration], trace).catch((error: unknown) => {
          keepInMemory(alert, trace, error);
          return true;
        });
        if (!isNew) return;
        latest = Math.max(latest, clock.now());
        mayBeTooMany = true;
        if (!posting) await inTurn(sendOne);
      } catch (error) {
        logger.error('what became of an alert could not be written down', {
          alert: alert.id,
          error: String(error),
        });
      }
    },

    say(notice) {
      const what = { notice: notice.title };
      unwritten.add({ what, send: () => post(what, (signal) => sender.sendNotice(notice, signal)) });
    },

    async run(signal) {
      while (!signal.aborted) {
        try {
          while (!signal.aborted && (await inTurn(sendOne)));
          await inTurn(dropWhatIsTooMuch);
          unreadable = false;
        } catch (error) {
          if (!unreadable) logger.error('the outbox cannot be used', { error: String(error) });
          unreadable = true;
        }
        await clock.sleep(LOOK_EVERY_MS, signal);
      }
      unwritten.giveUp();
    },

    trouble: delivery.trouble,
  };
}

const STALE = 'it is older than a day';

function describeHoldUp(trouble: DeliveryTrouble | undefined, now: number, waiting: number, givenUp: number): string {
  const time = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const alerts = (count: number) => (count === 1 ? '1 alert' : `${count} alerts`);
  const since = trouble === undefined ? '' : ` from ${time(trouble.since)} to ${time(now)} UTC (${trouble.why})`;
  const follow = waiting === 0 ? 'No alert waits.' : `${alerts(waiting)} wait and follow, the oldest first.`;
  const lost = givenUp === 0 ? '' : ` ${alerts(givenUp)} were given up; what happened is in /history.`;
  return `No message could be delivered${since}. ${follow}${lost}`;
}
