/** What the pipeline needs from a receiver of alerts. */
import type { Alert } from '../../domain/alert.ts';

/** The result of sending one message. */
export type SendResult =
  | { readonly kind: 'sent'; readonly status?: number }
  | { readonly kind: 'retry'; readonly afterMs?: number; readonly why: string; readonly status?: number }
  /** Trying again cannot help: a revoked webhook, a message that the service rejects. */
  | { readonly kind: 'dropped'; readonly why: string; readonly status?: number };

/** A message about the agent itself. It belongs to no incident. */
export interface Notice {
  readonly title: string;
  readonly text: string;
  /** The host that it is about, if known. */
  readonly host?: string;
}

/** A service or place that alerts are sent to. */
export interface Receiver {
  /** Its name in the outbox, in metrics and in /health. */
  readonly name: string;
  /** It keeps one message for each incident and updates it, so it also gets the alerts of PROGRESS_KINDS. */
  readonly follows?: true;
  /** The least time between two messages of a queue that has built up, ms. */
  readonly paceMs: number;
  /** Never rejects. */
  send(alert: Alert, signal: AbortSignal): Promise<SendResult>;
  /** Never rejects. */
  sendNotice(notice: Notice, signal: AbortSignal): Promise<SendResult>;
  /** Serves people who answer in the receiver, until `signal` aborts. Never rejects. */
  run?(signal: AbortSignal): Promise<void>;
  /** For /health: what does not work besides sending messages. */
  problem?(): string | undefined;
}
