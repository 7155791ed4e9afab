/** What was detected. Times are epoch milliseconds. */
import type { ContainerRef, EdgeEvidence, StreamName } from './containers.ts';

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

/** The output of one log statement: a line, or several lines such as a message and its stack trace. */
export interface LogRecord {
  readonly time: number;
  readonly stream: StreamName;
  /** All lines, joined with `\n`, without control characters; at most 64 KB. */
  readonly text: string;
  readonly lines: number;
  /** From the record; absent if it has none. */
  readonly level?: Level;
}

export const DETECTORS = ['log', 'crash', 'oom', 'health', 'crash_loop', 'storm'] as const;
export type Detector = (typeof DETECTORS)[number];

/** One observation of a possible problem. */
export interface Signal {
  readonly container: ContainerRef;
  readonly detector: Detector;
  /** The timestamp of the line or event. */
  readonly at: number;
  /** Signals of one service with equal fingerprints are the same problem. */
  readonly fingerprint: string;
  /** One line for people: the most informative part of the record, or a description of the event. Not redacted. */
  readonly summary: string;
  /** The matched keywords, signatures or event names. For display only; safe to show. */
  readonly patterns: readonly string[];
  /** Log signals only. */
  readonly record?: LogRecord;
  /** Crash signals only. */
  readonly exitCode?: number;
  /** Crash signals only: the kernel killed the main process because the container reached its memory limit. */
  readonly killedForMemory?: true;
}

/** Why a signal did not open an incident; `snoozed`: it may have opened one, but causes nothing else. */
export const SUPPRESSIONS = ['repeat', 'habit', 'grace', 'ignored', 'overflow', 'dependency', 'snoozed'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

export type IncidentState = 'open' | 'resolved';

/** One distinct problem of one service, from its first signal until it is resolved. */
export interface Incident {
  readonly id: string;
  readonly container: ContainerRef;
  readonly fingerprint: string;
  /** Of the signal that opened it. */
  readonly detector: Detector;
  /** Of all its signals, `detector` first. */
  readonly detectors: readonly Detector[];
  readonly summary: string;
  /** For display only. */
  readonly patterns: readonly string[];
  readonly openedAt: number;
  readonly lastSeenAt: number;
  readonly occurrences: number;
  readonly state: IncidentState;
  /** Absent if tracing is off or the trace was not sampled. */
  readonly trace?: TraceLink;
  /** Absent if the problem is the container's own, as far as is known. */
  readonly cause?: IncidentCause;
  /** Other containers that suffer from this problem, the most affected first. */
  readonly members?: readonly IncidentMember[];
}

/**
 * `incident`: the problem of another container; that incident has the diagnosis and the alert. `external`: a host
 * outside the engine. `unknown`: a dependency seems to fail, but none is known to have a problem.
 */
export type IncidentCause =
  | {
      readonly kind: 'incident';
      readonly incidentId: string;
      readonly evidence: EdgeEvidence;
      /** If it is another host than that of the container. */
      readonly host?: string;
    }
  | { readonly kind: 'external'; readonly host: string }
  | { readonly kind: 'unknown'; readonly named?: string };

export interface IncidentMember {
  /** Its name. */
  readonly container: string;
  readonly occurrences: number;
}

/** Logs and events are otherwise read within seconds; the two minutes allow for a log that is read late under load. */
const OLD_NEWS_MS = 2 * 60_000;

/**
 * Whether the problem was found long after it was last seen: it was printed while the agent was not running or could not
 * read.
 */
export function isOldNews({ openedAt, lastSeenAt }: Pick<Incident, 'openedAt' | 'lastSeenAt'>): boolean {
  return openedAt - lastSeenAt > OLD_NEWS_MS;
}

/** When the problem was first seen. It is detected a little later than it was printed: `openedAt` may be after `lastSeenAt`. */
export function firstSeenAt({ openedAt, lastSeenAt }: Pick<Incident, 'openedAt' | 'lastSeenAt'>): number {
  return Math.min(openedAt, lastSeenAt);
}

export interface TraceLink {
  readonly traceId: string;
  readonly spanId: string;
}
