import type { Alert, TraceLink } from '../domain.ts';
import { createMemoryQueue } from './memory-queue.ts';
import type { Observer } from './observer.ts';
import type { AlertSender, Clock, Logger, Notice, Outbox, SendResult } from './ports.ts';
import { serialize } from './serialize.ts';

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
   * Writes the alert down and tries to send it once; later tries are the worker's. An alert whose id was
   * written before is left alone. Where it cannot be written down it is sent all the same, from memory.
   * Never rejects.
   */
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
  /** Tells something about the agent itself; kept in memory until it is sent. */
  say(notice: Notice): void;
  /** Sends what is due until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const SEND_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 2_000;
/** An outage's end is noticed within this. */
const LONGEST_RETRY_MS = 60_000;
/** Nobody wants yesterday's alert; a day also outlasts any outage of the service. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
const LOOK_EVERY_MS = 1_000;
const BATCH = 20;

/**
 * The durable outbox's worker: in order, one at a time, each alert until it is sent or cannot be.
 *
 * What an alert goes through: written (pending) → posted → marked as sent. An agent that dies after the post and
 * before the mark posts it again at its next start: the service has no way to ask whether it took the first. Nothing
 * may come in between that could wait.
 */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { sender, outbox, observer, logger, clock } = deps;
  const inTurn = serialize();
  /** Set by Retry-After: nobody sends before. */
  let pausedUntil = 0;
  /** Alerts being sent or just sent: the worker must not take one that `notify` holds. */
  const held = new Set<string>();
  /** Sent, but the store would not take that: never to be sent again, only to be marked. */
  const unmarked = new Map<string, { readonly alert: Alert; readonly trace: TraceLink | undefined }>();
  /** What the store would not take, and what is not for the store. */
  const unwritten = createMemoryQueue({ clock, logger, backoffMs });
  let unreadable = false;

  const post = async (send: (signal: AbortSignal) => Promise<SendResult>): Promise<SendResult> => {
    const begun = clock.now();
    const result = await send(AbortSignal.timeout(SEND_TIMEOUT_MS));
    const now = clock.now();
    if (result.kind === 'retry' && result.afterMs !== undefined) pausedUntil = now + result.afterMs;
    const outcome = result.kind === 'retry' ? 'failed' : result.kind;
    observer.notification({ integration: sender.integration, outcome, durationMs: now - begun });
    return result;
  };

  const postAlert = (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<SendResult> =>
    post((signal) => deps.traceSend(alert, tries, trace, () => sender.send(alert, signal)));

  const markSent = async (alert: Alert, trace: TraceLink | undefined): Promise<void> => {
    unmarked.set(alert.id, { alert, trace });
    await outbox.markSent(alert.id, clock.now());
    unmarked.delete(alert.id);
  };

  const sendOnce = async (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<void> => {
    if (unmarked.has(alert.id)) return markSent(alert, trace);
    const result = await postAlert(alert, tries, trace);
    const now = clock.now();
    switch (result.kind) {
      case 'sent':
        return markSent(alert, trace);
      case 'dropped':
        logger.error('an alert cannot be delivered', {
          alert: alert.id,
          incident: alert.incident.id,
          why: result.why,
        });
        return outbox.markDropped(alert.id, now, result.why);
      case 'retry': {
        if (now - alert.at > GIVE_UP_AFTER_MS) return outbox.markDropped(alert.id, now, `given up: ${result.why}`);
        const wait = result.afterMs ?? backoffMs(tries);
        logger.warn('an alert was not delivered, it will be tried again', {
          alert: alert.id,
          incident: alert.incident.id,
          why: result.why,
          in_ms: wait,
        });
        return outbox.markRetry(alert.id, now + wait, result.why);
      }
      default:
        return result satisfies never;
    }
  };

  /** For a store that takes no writes: told all the same. */
  const sendUnwritten = async (alert: Alert, trace: TraceLink | undefined, why: unknown): Promise<void> => {
    logger.error('an alert could not be written down, it is sent from memory', {
      incident: alert.incident.id,
      error: String(why),
    });
    unwritten.add({
      what: { alert: alert.id, incident: alert.incident.id },
      send: async (tries) => {
        const result = await postAlert(alert, tries, trace);
        // The next start of the agent must not take it for one that nobody heard of.
        if (result.kind === 'sent') unmarked.set(alert.id, { alert, trace });
        return result;
      },
    });
    await inTurn(async () => {
      if (clock.now() >= pausedUntil) await unwritten.sendDue();
    });
  };

  /** Writes down what was sent while the store would not take it. */
  const settleAccounts = async (): Promise<void> => {
    for (const { alert, trace } of unmarked.values()) {
      await outbox.enqueue(alert, trace);
      await markSent(alert, trace);
    }
  };

  const sendDue = async (signal: AbortSignal): Promise<void> => {
    if (clock.now() < pausedUntil) return;
    await unwritten.sendDue();
    await settleAccounts();
    for (const { alert, tries, trace } of await outbox.due(clock.now(), BATCH)) {
      if (signal.aborted || clock.now() < pausedUntil) return;
      if (!held.has(alert.id)) await sendOnce(alert, tries, trace);
    }
  };

  return {
    async notify(alert, trace) {
      held.add(alert.id);
      try {
        const written = await outbox.enqueue(alert, trace).catch(async (error: unknown) => {
          await sendUnwritten(alert, trace, error);
          return false;
        });
        if (!written) return;
        await inTurn(async () => {
          if (clock.now() >= pausedUntil) await sendOnce(alert, 0, trace);
        });
      } catch (error) {
        logger.error('what became of an alert could not be written down', {
          alert: alert.id,
          error: String(error),
        });
      } finally {
        held.delete(alert.id);
      }
    },

    say(notice) {
      unwritten.add({
        what: { notice: notice.title },
        send: () => post((signal) => sender.sendNotice(notice, signal)),
      });
    },

    async run(signal) {
      while (!signal.aborted) {
        try {
          await inTurn(() => sendDue(signal));
          unreadable = false;
        } catch (error) {
          if (!unreadable) logger.error('the outbox cannot be used', { error: String(error) });
          unreadable = true;
        }
        await clock.sleep(LOOK_EVERY_MS, signal);
      }
      unwritten.giveUp();
    },
  };
}

function backoffMs(tries: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 10));
}
