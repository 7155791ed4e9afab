/** The sentences of alerts and notices, shared by all receivers. */
import type { Alert } from '../domain/alert.ts';
import { DECISION_REASONS, type Outcome } from '../domain/decision.ts';
import type { ClaudeFailure, Severity, SkipReason } from '../domain/diagnosis.ts';
import { firstSeenAt, type IncidentMember, isOldNews } from '../domain/incident.ts';
import { cutEnd } from '../lib/text.ts';
import { DETECTOR_INFO } from '../pipeline/detectors.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';

const SEVERITY_DOTS: Readonly<Record<Severity, string>> = { high: '🔴', medium: '🟠', low: '🟡' };

/** One line with the kind of the alert and the container. */
export function headline(alert: Alert): string {
  return isOldNews(alert.incident) ? `${subject(alert)} (old news)` : subject(alert);
}

function subject({ kind, incident, diagnosis }: Alert): string {
  const dot = SEVERITY_DOTS[diagnosis.severity];
  const { container, cause } = incident;
  const isExternal = cause?.kind === 'external';
  const what = isExternal ? `${container.name} cannot reach ${short(cause.host)}` : container.name;
  switch (kind) {
    case 'repeated_failure':
      return `🚨 ${dot} Repeated failure: ${what}`;
    case 'crash_loop':
      return `🚨 ${dot} Crash loop: ${what}`;
    case 'engine_gave_up':
      return `🚨 ${dot} Down for good: ${what}`;
    case 'resolved':
      return `✅ Resolved: ${what}: ${DETECTOR_INFO[incident.detector].title}`;
    case 'diagnosed':
    case 'restarting':
    case 'outcome':
      return isExternal ? `${dot} ${what}` : `${dot} ${what}: ${DETECTOR_INFO[incident.detector].title}`;
    default:
      return kind satisfies never;
  }
}

/** Why the alert needs a person now; undefined for an ordinary alert. */
export function urgentNote({ kind, restartsLastHour }: Alert): string | undefined {
  switch (kind) {
    case 'repeated_failure':
      return `🚨 Repeated failure: restarted ${times(restartsLastHour)} in the last hour. The restart limit is reached: it will not be restarted automatically for now.`;
    case 'crash_loop':
      return '🚨 Crash loop: the process ends again soon after each start. A restart will not help; the cause must be fixed.';
    case 'engine_gave_up':
      return '🚨 Down for good: the engine was restarting it and has given up.';
    case 'diagnosed':
    case 'restarting':
    case 'outcome':
    case 'resolved':
      return undefined;
    default:
      return kind satisfies never;
  }
}

/** Characters of a name or host. A longer one would push the rest of the message out of sight. */
const MAX_NAME = 80;
/** More names would not say more about the extent of a problem. */
const MAX_MEMBERS = 10;

/** A text with a title. */
export interface TitledText {
  readonly title: string;
  readonly text: string;
}

/** The other containers that suffer from the problem; undefined if there are none. */
export function alsoAffected({ incident: { cause, members = [] } }: Alert): TitledText | undefined {
  if (members.length === 0) return undefined;
  const named = members.slice(0, MAX_MEMBERS).map(memberText).join(', ');
  const more = members.length > MAX_MEMBERS ? ` and ${members.length - MAX_MEMBERS} more` : '';
  return { title: cause?.kind === 'external' ? 'Also cannot reach it' : 'Also affected', text: `${named}${more}` };
}

function memberText({ container, occurrences }: IncidentMember, index: number): string {
  const unit = index > 0 ? '' : occurrences === 1 ? ' error' : ' errors';
  return `${short(container)} (${occurrences}${unit})`;
}

/** A note that a dependency seems to fail but the cause is not known; undefined in all other cases. */
export function unknownCause({ incident: { cause } }: Alert): TitledText | undefined {
  if (cause?.kind !== 'unknown') return undefined;
  const text =
    cause.named === undefined
      ? 'a dependency could not be reached, but none has a known problem'
      : `${short(cause.named)} could not be reached, but has no known problem`;
  return { title: 'The cause is not known', text };
}

function short(name: string): string {
  return cutEnd(name.replace(/\s+/g, ' ').trim(), MAX_NAME);
}

const OUTCOME_TEXT: Readonly<Record<Outcome, string>> = {
  recovered: '✅ Restarted, and it recovered',
  failed: '❌ Restarted, but it did not recover',
  unknown: '❔ Restarted; it is not known whether it recovered',
  error: '❌ The restart failed',
};

/** Characters of `because`, which may contain quiet hours or a long list of names. */
const MAX_DETAIL = 200;

export interface ActionText {
  readonly action: string;
  readonly reason: string;
}

/** What was done about the incident, if anything, and why. */
export function actionText({ attempt, decision, because }: Alert): ActionText {
  const explanation = DECISION_REASONS[decision.reason] ?? decision.reason;
  const reason = because === undefined ? explanation : `${explanation}; ${cutEnd(because, MAX_DETAIL)}`;
  if (attempt) {
    const outcome = attempt.outcome ? OUTCOME_TEXT[attempt.outcome] : '🔄 A restart is in progress';
    return { action: attempt.detail ? `${outcome} (${attempt.detail.replace(/\s+/g, ' ')})` : outcome, reason };
  }
  switch (decision.kind) {
    case 'restart':
      return { action: '🔄 It will be restarted', reason };
    case 'ask':
      return { action: '✋ Not restarted: the restart needs a decision by a person', reason };
    case 'notify':
    case 'record':
      return { action: 'Nothing was done', reason };
    default:
      return decision.kind satisfies never;
  }
}

const FALLBACK_TEXT: Readonly<Record<SkipReason | ClaudeFailure, string>> = {
  hourly_cap: 'the hourly limit of diagnoses is reached',
  daily_spend: 'the daily budget is spent',
  store_unavailable: 'the store cannot be written, so spending cannot be tracked',
  fair_share: 'this service has used its share of the diagnoses',
  circuit_open: 'several requests to Claude failed in a row; Claude will be asked again later',
  no_key: 'no API key is set',
  refused: 'Claude declined to answer',
  truncated: "Claude's answer was cut off",
  invalid: "Claude's answer was not valid",
  rate_limited: 'the rate limit of the Claude API is reached',
  overloaded: 'Claude is overloaded',
  timeout: 'Claude did not answer in time',
  error: 'the request to Claude failed',
};

/** Who made the diagnosis. */
export function diagnosedBy({ diagnosis }: Alert): string {
  switch (diagnosis.tier) {
    case 'claude':
      return `diagnosed by ${diagnosis.model ?? 'Claude'}`;
    case 'known':
      return `known problem, diagnosed earlier${diagnosis.model ? ` by ${diagnosis.model}` : ''}`;
    case 'rules':
      return 'diagnosed by built-in rules';
    default:
      return diagnosis.tier satisfies never;
  }
}

/** Why only the built-in rules made the diagnosis; undefined if they did not. */
export function rulesNote({ diagnosis }: Alert): string | undefined {
  if (diagnosis.tier !== 'rules') return undefined;
  const why = diagnosis.fallback && FALLBACK_TEXT[diagnosis.fallback];
  return why
    ? `Only the built-in rules made this diagnosis: ${why}. Treat it as a first guess.`
    : 'The built-in rules made this diagnosis, as DIAGNOSE_WITH requires. Claude was not asked.';
}

/** How often the problem was seen, and when. */
export function occurrences({ incident }: Alert): string {
  const { occurrences: count, openedAt, lastSeenAt } = incident;
  if (isOldNews(incident)) {
    const delay = duration(Math.floor((openedAt - lastSeenAt) / 60_000));
    return `${times(count)}, last at ${utc(lastSeenAt)}. Old news: the agent could not read it until ${delay} later`;
  }
  const first = utc(firstSeenAt(incident));
  const last = utc(lastSeenAt);
  if (count <= 1) return `once, ${first}`;
  return first === last ? `${times(count)}, ${first}` : `${times(count)}, ${first} to ${last}`;
}

/** An alert is marked as late after this time, because readers expect it to be about the last few minutes. */
const LATE_AFTER_MS = 2 * 60_000;

/** How late an alert is if it is sent at `now`; undefined if it is not late. */
export function lateness(alert: Alert, now: number): string | undefined {
  const late = now - alert.at;
  if (late < LATE_AFTER_MS) return undefined;
  return `Late by ${duration(Math.floor(late / 60_000))}`;
}

function duration(minutes: number): string {
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A notice in one line. */
export function noticeLine({ title, text, host }: Notice): string {
  return `${title}${host === undefined ? '' : ` (host ${host})`}: ${text}`.replace(/\s+/g, ' ');
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function utc(time: number): string {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15
    ? `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
    : 'at an unknown time';
}
