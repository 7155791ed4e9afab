/** The JSON of the webhook. docs/webhook.schema.json is generated from these schemas. */
import { z } from 'zod';
import { ALERT_KINDS, type Alert } from '../../domain/alert.ts';
import { DECISION_KINDS, DECISION_REASONS, type DecisionReason, OUTCOMES } from '../../domain/decision.ts';
import { SEVERITIES, TIERS } from '../../domain/diagnosis.ts';
import { DETECTORS } from '../../domain/incident.ts';
import { plainText } from '../../lib/text.ts';
import type { Notice, Summary } from '../../pipeline/ports/receiver.ts';
import { actionText, headline, urgentNote } from '../alert-text.ts';

const time = () => z.iso.datetime();
const words = (about: string) => z.string().describe(about);

const container = z.object({
  id: words('the 64-character id of the engine'),
  name: z.string(),
  image: z.string(),
  service: words('the identity across recreation: the compose service, or the name of the container'),
  project: z.string().nullable().describe('the compose project'),
  host: z.string().nullable().describe('where it runs'),
});

const incident = z.object({
  id: z.string(),
  container,
  detector: z.enum(DETECTORS).describe('what noticed the problem first'),
  summary: words('one line from the log, or a description of the event'),
  fingerprint: words('equal for the same problem of one service'),
  state: z.enum(['open', 'resolved']),
  opened_at: time(),
  last_seen_at: time(),
  occurrences: z.int().nonnegative(),
  affected: z.array(z.object({ container: z.string(), occurrences: z.int().nonnegative() })),
  trace_id: z.string().nullable(),
  url: z.url().nullable().describe('its page, if PUBLIC_URL is set'),
});

const diagnosis = z.object({
  severity: z.enum(SEVERITIES),
  root_cause: z.string(),
  suggested_fix: z.string(),
  estimated_impact: z.string(),
  config_suggestions: z.array(z.string()),
  likely_recurring: z.boolean(),
  tier: z.enum(TIERS).describe('who made the diagnosis'),
  model: z.string().nullable(),
  cost_usd: z.number().nonnegative(),
});

const decision = z.object({
  kind: z.enum(DECISION_KINDS),
  reason: z.enum(Object.keys(DECISION_REASONS) as [DecisionReason, ...DecisionReason[]]),
  explanation: words('the reason as a sentence'),
});

const restart = z.object({
  id: z.string(),
  started_at: time(),
  finished_at: time().nullable(),
  outcome: z.enum(OUTCOMES).nullable().describe('null while it is in progress'),
  detail: z.string().nullable(),
});

const alertData = z.object({
  title: words('one line for people'),
  action: words('what was done, for people'),
  urgent: z.string().nullable().describe('why a person is needed now'),
  incident,
  diagnosis,
  decision,
  restart: restart.nullable(),
  restarts_last_hour: z.int().nonnegative(),
  excerpt: z.array(z.string()).describe('redacted lines of the log'),
});

const noticeData = z.object({ title: z.string(), text: z.string(), host: z.string().nullable() });

const summaryData = z.object({
  since: time(),
  alerts: z.int().positive().describe('how many alerts it replaces so far'),
  requests: z.int().nonnegative().describe('how many of them asked a person about a restart'),
  groups: z.array(
    z.object({
      project: z.string().nullable(),
      cause: z.string(),
      severity: z.enum(SEVERITIES),
      alerts: z.int().positive(),
      containers: z.array(z.string()).describe('some of them'),
    }),
  ),
  incident_ids: z.array(z.string()).describe('the newest ones, at most 1000'),
  url: z.url().nullable(),
});

const envelope = {
  id: words('equal if an event is delivered twice; also the header webhook-id'),
  version: z.literal(1).describe('fields may be added without a new version'),
  timestamp: time().describe('when the event happened'),
};

export const webhookEvent = z
  .discriminatedUnion('type', [
    ...ALERT_KINDS.map((kind) =>
      z.object({ type: z.literal(`incident.${kind}` as const), ...envelope, data: alertData }),
    ),
    z.object({ type: z.literal('notice'), ...envelope, data: noticeData }),
    z.object({ type: z.literal('summary'), ...envelope, data: summaryData }),
  ] as never)
  .meta({
    title: 'Container Doctor webhook event',
    description: 'The body of each request to WEBHOOK_URL. See docs/receivers.md#webhook.',
  });

export function webhookJsonSchema(): object {
  return z.toJSONSchema(webhookEvent, { target: 'draft-2020-12', io: 'input' });
}

export function alertEvent(alert: Alert, url: string | undefined): object {
  const { incident: given, diagnosis: said, decision: decided, attempt } = alert;
  const { action } = actionText(alert);
  return {
    type: `incident.${alert.kind}`,
    id: clean(alert.id),
    version: 1,
    timestamp: iso(alert.at),
    data: {
      title: clean(headline(alert)),
      action: clean(action),
      urgent: cleanOrNull(urgentNote(alert)),
      incident: {
        id: clean(given.id),
        container: {
          id: clean(given.container.id),
          name: clean(given.container.name),
          image: clean(given.container.image),
          service: clean(given.container.service),
          project: cleanOrNull(given.container.project),
          host: cleanOrNull(given.container.host),
        },
        detector: given.detector,
        summary: clean(given.summary),
        fingerprint: clean(given.fingerprint),
        state: given.state,
        opened_at: iso(given.openedAt),
        last_seen_at: iso(given.lastSeenAt),
        occurrences: whole(given.occurrences),
        affected: (given.members ?? []).map((member) => ({
          container: clean(member.container),
          occurrences: whole(member.occurrences),
        })),
        trace_id: cleanOrNull(given.trace?.traceId),
        url: url ?? null,
      },
      diagnosis: {
        severity: said.severity,
        root_cause: clean(said.rootCause),
        suggested_fix: clean(said.suggestedFix),
        estimated_impact: clean(said.estimatedImpact),
        config_suggestions: said.configSuggestions.map(clean),
        likely_recurring: said.likelyRecurring,
        tier: said.tier,
        model: cleanOrNull(said.model),
        cost_usd: Number.isFinite(said.costUsd) ? Math.max(0, said.costUsd) : 0,
      },
      decision: {
        kind: decided.kind,
        reason: decided.reason,
        explanation: clean(actionText(alert).reason),
      },
      restart: attempt
        ? {
            id: clean(attempt.id),
            started_at: iso(attempt.startedAt),
            finished_at: attempt.finishedAt === undefined ? null : iso(attempt.finishedAt),
            outcome: attempt.outcome ?? null,
            detail: cleanOrNull(attempt.detail),
          }
        : null,
      restarts_last_hour: whole(alert.restartsLastHour),
      excerpt: alert.excerpt.map(clean),
    },
  };
}

export function noticeEvent(notice: Notice, id: string, now: number): object {
  const { title, text, host } = notice;
  return {
    type: 'notice',
    id,
    version: 1,
    timestamp: iso(now),
    data: { title: clean(title), text: clean(text), host: cleanOrNull(host) },
  };
}

export function summaryEvent(summary: Summary, url: string | undefined, now: number): object {
  return {
    type: 'summary',
    id: `${clean(summary.id)}/${summary.alerts}`,
    version: 1,
    timestamp: iso(now),
    data: {
      since: iso(summary.since),
      alerts: summary.alerts,
      requests: summary.requests,
      groups: summary.groups.map(({ project, cause, severity, alerts, containers }) => ({
        project: cleanOrNull(project),
        cause: clean(cause),
        severity,
        alerts,
        containers: containers.map(clean),
      })),
      incident_ids: summary.incidentIds.map(clean),
      url: url ?? null,
    },
  };
}

function clean(text: string): string {
  return plainText(text);
}

function cleanOrNull(text: string | undefined): string | null {
  return text === undefined ? null : plainText(text);
}

function whole(count: number): number {
  return Number.isSafeInteger(Math.round(count)) ? Math.max(0, Math.round(count)) : 0;
}

/** The end of the year 9999: later times have another form. */
const LATEST = 253_402_300_799_999;

function iso(time: number): string {
  return new Date(time >= 0 && time <= LATEST ? Math.round(time) : 0).toISOString();
}
