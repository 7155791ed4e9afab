import type { Alert, TraceLink } from '../domain.ts';
import type { Observer } from './observer.ts';
import type { AlertSender, Clock, Logger, Outbox, SendResult } from './ports.ts';
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
   * written before is left alone. Where it cannot be written
   * down it is sent all the same, and printed if that fails. Never rejects.
   */
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
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

/** The durable outbox's worker: in order, one at a time, each alert until it is sent or cannot be. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const inTurn = serialize();
  /** Set by Retry-After: nobody sends before. */
  let pausedUntil = 0;
  /** Alerts being sent or just sent: the worker must not take one that `notify` holds. */
  const held = new Set<string>();

  /** Sent, but the store would not take that: never to be sent again, only to be marked. */
  const unmarked = new Set<string>();

  const markSent = async (id: string, at: number): Promise<void> => {
    unmarked.add(id);
    await deps.outbox.markSent(id, at);
    unmarked.delete(id);
  };

  const sendOnce = async (alert: Alert, tries: number, trace: TraceLink | undefined): Promise<void> => {
    if (unmarked.has(alert.id)) return markSent(alert.id, deps.clock.now());
    const begun = deps.clock.now();
    const result = await deps.traceSend(alert, tries, trace, () =>
      deps.sender.send(alert, AbortSignal.timeout(SEND_TIMEOUT_MS)),
    );
    const now = deps.clock.now();
    const outcome = result.kind === 'retry' ? 'failed' : result.kind;
    deps.observer.notification({ integration: deps.sender.integration, outcome, durationMs: now - begun });
    switch (result.kind) {
      case 'sent':
        return markSent(alert.id, now);
      case 'dropped':
        deps.logger.error('an alert cannot be delivered', {
          alert: alert.id,
          incident: alert.incident.id,
          why: result.why,
        });
        return deps.outbox.markDropped(alert.id, now, result.why);
      case 'retry': {
        if (now - alert.at > GIVE_UP_AFTER_MS) return deps.outbox.markDropped(alert.id, now, `given up: ${result.why}`);
        const backoff = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 10));
        const wait = result.afterMs ?? backoff;
        if (result.afterMs !== undefined) pausedUntil = now + result.afterMs;
        deps.logger.warn('an alert was not delivered, it will be tried again', {
          alert: alert.id,
          incident: alert.incident.id,
          why: result.why,
          in_ms: wait,
        });
        return deps.outbox.markRetry(alert.id, now + wait, result.why);
      }
      default:
        return result satisfies never;
    }
  };

  /** For a store that takes no writes: told all the same, or at least printed. */
  const sendUnwritten = async (alert: Alert, why: unknown): Promise<void> => {
    deps.logger.error('an alert could not be written down', { incident: alert.incident.id, error: String(why) });
    const sent = await inTurn(() => deps.sender.send(alert, AbortSignal.timeout(SEND_TIMEOUT_MS)));
    if (sent.kind !== 'sent') deps.logger.error('an alert is lost', { why: sent.why, alert });
  };

  return {
    async notify(alert, trace) {
      held.add(alert.id);
      try {
        const written = await deps.outbox.enqueue(alert, trace).catch(async (error: unknown) => {
          await sendUnwritten(alert, error);
          return false;
        });
        if (!written) return;
        await inTurn(async () => {
          if (deps.clock.now() >= pausedUntil) await sendOnce(alert, 0, trace);
        });
      } catch (error) {
        deps.logger.error('what became of an alert could not be written down', {
          alert: alert.id,
          error: String(error),
        });
      } finally {
        held.delete(alert.id);
      }
    },

    async run(signal) {
      while (!signal.aborted) {
        try {
          await inTurn(async () => {
            const now = deps.clock.now();
            if (now < pausedUntil) return;
            for (const { alert, tries, trace } of await deps.outbox.due(now, BATCH)) {
              if (signal.aborted || deps.clock.now() < pausedUntil) return;
              if (!held.has(alert.id)) await sendOnce(alert, tries, trace);
            }
          });
        } catch (error) {
          deps.logger.error('the outbox cannot be read', { error: String(error) });
        }
        await deps.clock.sleep(LOOK_EVERY_MS, signal);
      }
    },
  };
}
