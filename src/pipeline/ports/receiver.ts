/** What the pipeline needs from a receiver of alerts. */
import type { Alert } from '../../domain/alert.ts';
import type { Severity } from '../../domain/diagnosis.ts';

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
  /** Above the text, for receivers that show headings. Default: "What it means". */
  readonly heading?: string;
  /** A page with more; from our settings. */
  readonly url?: string;
}

/** Takes the place of many alerts that would all be sent within a minute. */
export interface Summary {
  /** Equal for all versions of one summary. */
  readonly id: string;
  /** When the flood began. */
  readonly since: number;
  /** How many alerts it replaces so far. */
  readonly alerts: number;
  /** How many of them asked a person about a restart. */
  readonly requests: number;
  /** The worst first: by severity, then by number. */
  readonly groups: readonly SummaryGroup[];
  /** The newest ones, at most 1000. */
  readonly incidentIds: readonly string[];
  readonly host?: string;
}

/** Alerts of one compose project with the same cause. */
export interface SummaryGroup {
  readonly project?: string;
  readonly cause: string;
  readonly severity: Severity;
  readonly alerts: number;
  /** Names of some of them. */
  readonly containers: readonly string[];
}

/** A service or place that alerts are sent to. */
export interface Receiver {
  /** Its name in the outbox, in metrics and in /health. */
  readonly name: string;
  /** It keeps one message for each incident and updates it, so it also gets the alerts of PROGRESS_KINDS. */
  readonly follows?: true;
  /** The service groups alerts itself, so it gets all of them, however many there are. */
  readonly groups?: true;
  /** People can answer in it, so an alert with a request that waits is sent alone, also during a flood. */
  readonly takesAnswers?: true;
  /** The least time between two messages of a queue that has built up, ms. */
  readonly paceMs: number;
  /** Never rejects. */
  send(alert: Alert, signal: AbortSignal): Promise<SendResult>;
  /** Never rejects. */
  sendNotice(notice: Notice, signal: AbortSignal): Promise<SendResult>;
  /**
   * Absent: the summary is sent as a notice. `updatesSummary`: it replaces the earlier version with the same id, so it
   * can be called every few seconds. Never rejects.
   */
  sendSummary?(summary: Summary, signal: AbortSignal): Promise<SendResult>;
  readonly updatesSummary?: true;
  /** Called from time to time, for a service that forgets what is not repeated. */
  readonly repeat?: {
    readonly everyMs: number;
    /** Never rejects. */
    send(signal: AbortSignal): Promise<SendResult>;
  };
  /** Serves people who answer in the receiver, until `signal` aborts. Never rejects. */
  run?(signal: AbortSignal): Promise<void>;
  /** For /health: what does not work besides sending messages. */
  problem?(): string | undefined;
}
