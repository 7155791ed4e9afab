/** What an alert says, in words: the same for Slack and for plain text. */
import {
  type Alert,
  type ClaudeFailure,
  DECISION_REASONS,
  type Outcome,
  type Severity,
  type SkipReason,
} from '../domain.ts';
import { cutEnd } from '../lib/text.ts';
import { DETECTOR_INFO } from '../pipeline/detectors.ts';

export const SEVERITY_DOTS: Readonly<Record<Severity, string>> = { high: '🔴', medium: '🟠', low: '🟡' };

/** One line that tells what kind of alert it is, and about whom. */
export function headline({ kind, incident, diagnosis }: Alert): string {
  const dot = SEVERITY_DOTS[diagnosis.severity];
  const { name } = incident.container;
  switch (kind) {
    case 'repeated_failure':
      return `🚨 ${dot} Repeated failure: ${name}`;
    case 'crash_loop':
      return `🚨 ${dot} Crash loop: ${name}`;
    case 'diagnosed':
      return `${dot} ${name}: ${DETECTOR_INFO[incident.detector].title}`;
    default:
      return kind satisfies never;
  }
}

/** The sentence that makes a louder alert louder; undefined for an ordinary one. */
export function alarm({ kind, restartsLastHour }: Alert): string | undefined {
  switch (kind) {
    case 'repeated_failure':
      return `🚨 Repeated failure: restarted ${times(restartsLastHour)} in the last hour, not again without you.`;
    case 'crash_loop':
      return '🚨 Crash loop: it ends again soon after each start. A restart will not help; it needs you.';
    case 'diagnosed':
      return undefined;
    default:
      return kind satisfies never;
  }
}

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  recovered: '✅ Restarted, and it recovered',
  failed: '❌ Restarted, but it did not recover',
  unknown: '❔ Restarted; whether it recovered could not be seen to the end',
  error: '❌ It was to be restarted, but was not',
};

/** Quiet hours, and names, can be a long list. */
const LONGEST_BECAUSE = 200;

export interface Done {
  readonly what: string;
  readonly why: string;
}

/** What was done and why, or why nothing was. */
export function whatWasDone({ attempt, decision, because }: Alert): Done {
  const reason = DECISION_REASONS[decision.reason] ?? decision.reason;
  const why = because === undefined ? reason : `${reason}; ${cutEnd(because, LONGEST_BECAUSE)}`;
  if (attempt) {
    const what = attempt.outcome ? OUTCOME_WORDS[attempt.outcome] : '🔄 A restart is under way';
    return { what: attempt.detail ? `${what} (${attempt.detail.replace(/\s+/g, ' ')})` : what, why };
  }
  switch (decision.kind) {
    case 'restart':
      return { what: '🔄 It will be restarted', why };
    case 'ask':
      return { what: '✋ Nothing was done: a restart waits for a person', why };
    case 'notify':
    case 'record':
      return { what: 'Nothing was done', why };
    default:
      return decision.kind satisfies never;
  }
}

const FALLBACK_WORDS: Readonly<Record<SkipReason | ClaudeFailure, string>> = {
  hourly_cap: 'the hourly limit of diagnoses is reached',
  daily_spend: 'the daily budget is spent',
  store_unavailable: 'what was spent cannot be written down, so nothing more is spent',
  fair_share: 'this service used up its share of the diagnoses, the rest is for the others',
  circuit_open: 'Claude failed several times in a row and is left alone for a while',
  no_key: 'no API key is set',
  refused: 'Claude declined to answer',
  truncated: "Claude's answer was cut off",
  invalid: "Claude's answer could not be understood",
  rate_limited: 'Claude answered that the rate limit is reached',
  overloaded: 'Claude is overloaded',
  timeout: 'Claude did not answer in time',
  error: 'Claude could not be asked',
};

/** Who made the diagnosis; for the rules alone, why Claude did not. */
export function whoAnswered({ diagnosis }: Alert): string {
  switch (diagnosis.tier) {
    case 'claude':
      return `diagnosed by ${diagnosis.model ?? 'Claude'}`;
    case 'known':
      return `known problem, diagnosed before${diagnosis.model ? ` by ${diagnosis.model}` : ''}`;
    case 'rules':
      return 'diagnosed by built-in rules';
    default:
      return diagnosis.tier satisfies never;
  }
}

/** Undefined where Claude, or memory of its answer, made the diagnosis. */
export function rulesAlone({ diagnosis }: Alert): string | undefined {
  if (diagnosis.tier !== 'rules') return undefined;
  const why = diagnosis.fallback && FALLBACK_WORDS[diagnosis.fallback];
  return why
    ? `Built-in rules answered alone: ${why}. Read the diagnosis as a first guess.`
    : 'Built-in rules answered, as DIAGNOSE_WITH says: Claude was not asked.';
}

export function seen({ incident }: Alert): string {
  const { occurrences, openedAt, lastSeenAt } = incident;
  const first = utc(openedAt);
  return occurrences > 1 ? `${times(occurrences)}, ${first} to ${utc(lastSeenAt)}` : `once, ${first}`;
}

/** Younger than this, a reader may take it for news. */
const LATE_AFTER_MS = 2 * 60_000;

/** How late an alert comes that is sent `now`; undefined where it does not. */
export function lateness(alert: Alert, now: number): string | undefined {
  const late = now - alert.at;
  if (late < LATE_AFTER_MS) return undefined;
  const minutes = Math.floor(late / 60_000);
  return minutes < 60 ? `Late by ${minutes} min` : `Late by ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function utc(time: number): string {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15
    ? `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
    : 'at an unknown time';
}
