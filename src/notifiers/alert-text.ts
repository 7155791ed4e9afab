/** The sentences of alerts and notices, shared by all receivers. */
import type { Alert } from '../domain/alert.ts';
import { FAILED_CHECKS } from '../domain/checks.ts';
import { DECISION_REASONS, type Outcome } from '../domain/decision.ts';
import type { Severity, SkipReason } from '../domain/diagnosis.ts';
import { firstSeenAt, type IncidentMember, isOldNews } from '../domain/incident.ts';
import {
  CLAUDE_FAILURES,
  type ClaudeFailure,
  describeClaudeFailure,
  describeLocalFailure,
} from '../domain/model-failures.ts';
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
export function actionText({ attempt, decision, because, request }: Alert): ActionText {
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
      return { action: `✋ Not restarted: the restart needs a decision by a person${untilText(request)}`, reason };
    case 'notify':
    case 'record':
      return { action: 'Nothing was done', reason };
    default:
      return decision.kind satisfies never;
  }
}

function untilText(request: Alert['request']): string {
  return request === undefined ? '' : `, until ${utc(request.expiresAt)}`;
}

const SKIP_TEXT: Readonly<Record<SkipReason, string>> = {
  hourly_cap: 'the hourly limit of diagnoses is reached',
  daily_spend: 'the daily budget is spent',
  fleet_hourly_cap: 'the hourly limit of diagnoses of all hosts together is reached',
  fleet_daily_spend: 'the daily budget of all hosts together is spent',
  store_unavailable: 'the store cannot be written, so spending cannot be tracked',
  fair_share: 'this service has used its share of the diagnoses',
  circuit_open: 'several requests to Claude failed in a row; Claude will be asked again later',
  no_key: 'no API key is set. Claude diagnoses such problems if ANTHROPIC_API_KEY is set',
};

function fallbackText({ fallback, fallbackCause }: Alert['diagnosis']): string | undefined {
  if (fallback === undefined) return undefined;
  if (isClaudeFailure(fallback)) return describeClaudeFailure(fallback);
  const cause = fallbackCause === undefined ? '' : `. The last one: ${describeClaudeFailure(fallbackCause)}`;
  return `${SKIP_TEXT[fallback]}${cause}`;
}

function isClaudeFailure(reason: SkipReason | ClaudeFailure): reason is ClaudeFailure {
  return reason in CLAUDE_FAILURES;
}

/** Who made the diagnosis. */
export function diagnosedBy({ diagnosis }: Alert): string {
  switch (diagnosis.tier) {
    case 'claude':
      return `diagnosed by ${diagnosis.model ?? 'Claude'}`;
    case 'local':
      return `diagnosed by the local model ${diagnosis.model ?? ''}`.trim();
    case 'known':
      return `known problem, diagnosed earlier${diagnosis.model ? ` by ${diagnosis.model}` : ''}`;
    case 'rules':
      return 'diagnosed by built-in rules';
    default:
      return diagnosis.tier satisfies never;
  }
}

/** Why a tier that comes before the one that diagnosed did not; undefined if none failed. */
export function rulesNote({ diagnosis }: Alert): string | undefined {
  const { tier, localFailure } = diagnosis;
  const claude = fallbackText(diagnosis);
  const local = localFailure === undefined ? undefined : describeLocalFailure(localFailure);
  switch (tier) {
    case 'rules': {
      const why = [local, claude].filter((text) => text !== undefined).join('. ');
      return why === ''
        ? 'The built-in rules made this diagnosis, as DIAGNOSE_WITH requires. Claude was not asked.'
        : `Only the built-in rules made this diagnosis: ${why}. Treat it as a first guess.`;
    }
    case 'local':
      return claude === undefined ? undefined : `Claude was not asked or gave no answer: ${claude}.`;
    case 'claude':
      return local === undefined ? undefined : `The local model was of no use: ${local}.`;
    case 'known':
      return undefined;
    default:
      return tier satisfies never;
  }
}

/** Lines that show the cause. More would hide the rest of the alert. */
const EVIDENCE_LINES = 4;
const EVIDENCE_LINE = 200;

/** The lines and facts that the model names as support of the cause; empty if there are none. */
export function evidenceLines({ diagnosis: { evidence = [] } }: Alert): readonly string[] {
  return evidence
    .map(({ text }) => cutEnd(text.replace(/\s+/g, ' ').trim(), EVIDENCE_LINE))
    .filter((text) => text !== '')
    .slice(0, EVIDENCE_LINES);
}

/** A note that the diagnosis is not to be relied on; undefined if it may be. */
export function doubtNote({ diagnosis: { failedChecks = [], unsure, tier } }: Alert): TitledText | undefined {
  if (failedChecks.length > 0) {
    const whys = failedChecks.map((name) => FAILED_CHECKS[name]?.what ?? name).join('; ');
    return { title: 'Not supported by the log', text: `${whys}. Treat the root cause as a guess` };
  }
  if (!unsure || tier === 'rules') return undefined;
  return { title: 'Not certain', text: 'the evidence does not show the cause for sure' };
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
