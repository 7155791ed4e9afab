import type { Alert } from '../../domain/alert.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { Detector } from '../../domain/incident.ts';
import type { Notice } from '../../pipeline/ports/receiver.ts';
import {
  actionText,
  alsoAffected,
  diagnosedBy,
  headline,
  noticeLine,
  occurrences,
  rulesNote,
  unknownCause,
  urgentNote,
} from '../alert-text.ts';
import { cut, inert, inertLine } from '../inert.ts';

/** An alert in the form of `POST /api/v2/alerts`, without its end. Labels identify it: they must not change. */
export interface AlertmanagerAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** A link to the page of the incident. */
  readonly generatorURL?: string;
}

const ALERT_NAMES: Readonly<Record<Detector, string>> = {
  log: 'ContainerErrors',
  crash: 'ContainerCrashed',
  oom: 'ContainerOutOfMemory',
  health: 'ContainerUnhealthy',
  crash_loop: 'ContainerCrashLoop',
  storm: 'ContainerLogStorm',
};

/** The severities of other alerts of Prometheus, so that existing routes and inhibitions apply. */
const SEVERITY_LABELS: Readonly<Record<Severity, string>> = { high: 'critical', medium: 'warning', low: 'info' };

const MAX_LABEL = 200;
const MAX_LINE = 500;
const MAX_TEXT = 3_000;

export function renderAlertmanager(alert: Alert, url: string | undefined): AlertmanagerAlert {
  const { incident, diagnosis } = alert;
  const { container } = incident;
  const { action, reason } = actionText(alert);
  const affected = alsoAffected(alert);
  const unknown = unknownCause(alert);
  return {
    labels: present(
      {
        alertname: ALERT_NAMES[incident.detector],
        severity: SEVERITY_LABELS[diagnosis.severity],
        container: container.name,
        service: container.service,
        project: container.project,
        host: container.host,
        incident: incident.id,
      },
      (text) => inertLine(text, MAX_LABEL),
    ),
    annotations: present(
      {
        summary: inertLine(headline(alert), MAX_LINE),
        detected: inertLine(incident.summary, MAX_LINE),
        cause: block(diagnosis.rootCause),
        fix: block([diagnosis.suggestedFix, ...diagnosis.configSuggestions].join('\n')),
        impact: block(diagnosis.estimatedImpact),
        urgent: urgentNote(alert),
        action: inertLine(`${action}. Why: ${reason}`, MAX_LINE),
        affected: affected && inertLine(`${affected.title}: ${affected.text}`, MAX_LINE),
        unknown_cause: unknown && inertLine(`${unknown.title}: ${unknown.text}`, MAX_LINE),
        seen: inertLine(occurrences(alert), MAX_LINE),
        diagnosed_by: inertLine([diagnosedBy(alert), rulesNote(alert)].filter(Boolean).join('. '), MAX_LINE),
        image: inertLine(container.image, MAX_LINE),
        runbook: `docs/runbooks/incidents.md#${ALERT_NAMES[incident.detector].toLowerCase()}`,
        links: url,
        trace_id: incident.trace && inertLine(incident.trace.traceId, MAX_LABEL),
      },
      (text) => text,
    ),
    startsAt: isoTime(incident.openedAt, alert.at),
    ...(url !== undefined && { generatorURL: url }),
  };
}

/** A notice about the agent itself. It has no end, so Alertmanager forgets it after some time. */
export function renderAlertmanagerNotice(notice: Notice, now: number): AlertmanagerAlert {
  const labels = { alertname: 'ContainerDoctorNotice', severity: 'warning', notice: notice.title, host: notice.host };
  return {
    labels: present(labels, (text) => inertLine(text, MAX_LABEL)),
    annotations: present(
      { summary: inertLine(noticeLine(notice), MAX_LINE), description: block(notice.text) },
      (text) => text,
    ),
    startsAt: isoTime(now, now),
  };
}

function block(text: string): string {
  return cut(inert(text).trim(), MAX_TEXT);
}

/** Leaves out what is empty: to Alertmanager, an empty label is an absent one. */
function present(
  values: Readonly<Record<string, string | undefined>>,
  form: (text: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const text = value === undefined ? '' : form(value);
      return text === '' ? [] : [[name, text]];
    }),
  );
}

/** `latest`: an alert that starts in the future would be resolved before it starts. */
function isoTime(time: number, latest: number): string {
  const valid = Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? Math.min(time, latest) : latest;
  return new Date(valid).toISOString();
}
