/** The message that takes the place of many alerts. */
import type { Alert } from '../../domain/alert.ts';
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import { cutEnd } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { Notice, Summary, SummaryGroup } from '../ports/receiver.ts';

/** Names and causes beyond that would make the message too long to read. */
const MAX_CONTAINERS = 5;
const MAX_GROUPS = 10;
const MAX_CAUSE = 120;
const MAX_IDS = 1_000;

/** The alerts of one flood. An incident with several alerts counts once. */
export function summarize(id: string, since: number, alerts: readonly Alert[]): Summary {
  const latest = new Map(alerts.map((alert) => [alert.incident.id, alert]));
  const byGroup = Map.groupBy(latest.values(), ({ incident: { container, detector } }) =>
    JSON.stringify([container.project ?? null, detector]),
  );
  const host = alerts[0]?.incident.container.host;
  return {
    id,
    since,
    alerts: latest.size,
    requests: [...latest.values()].filter(({ request }) => request !== undefined).length,
    groups: [...byGroup.values()].map(groupOf).sort(worstFirst),
    incidentIds: [...latest.keys()].slice(-MAX_IDS),
    ...(host !== undefined && { host }),
  };
}

/** The summary for receivers that have no form of their own for it. */
export function summaryNotice(summary: Summary, now: number, url: string | undefined): Notice {
  const { alerts, requests, groups, since, host } = summary;
  const minutes = Math.max(1, Math.round((now - since) / 60_000));
  const lines = groups.slice(0, MAX_GROUPS).map(lineOf);
  const more = groups.slice(MAX_GROUPS).reduce((sum, group) => sum + group.alerts, 0);
  return {
    title: `${alerts} more ${alerts === 1 ? 'problem' : 'problems'} within ${minutes} min`,
    text: [
      ...lines,
      ...(more > 0 ? [`and ${more} more`] : []),
      ...(requests > 0 ? [requestsLine(requests)] : []),
      'They are not sent one by one. Each is an incident of its own in /history.',
    ].join('\n'),
    heading: 'By project and cause',
    ...(host !== undefined && { host }),
    ...(url !== undefined && { url }),
  };
}

function requestsLine(requests: number): string {
  const what = requests === 1 ? 'One restart among them waits' : `${requests} restarts among them wait`;
  return `${what} for the decision of a person, on the page of the agent.`;
}

function lineOf({ project, cause, severity, alerts, containers }: SummaryGroup): string {
  const where = project === undefined ? '' : `${project}: `;
  const more = alerts > containers.length ? ', …' : '';
  return `${alerts} × ${where}${cause} (${severity}): ${containers.join(', ')}${more}`;
}

function groupOf(alerts: readonly Alert[]): SummaryGroup {
  const [first] = alerts as readonly [Alert, ...Alert[]];
  const { project } = first.incident.container;
  return {
    ...(project !== undefined && { project }),
    cause: causeOf(alerts),
    severity: alerts.reduce<Severity>((worst, { diagnosis }) => worse(worst, diagnosis.severity), 'low'),
    alerts: alerts.length,
    containers: [...new Set(alerts.map(({ incident }) => oneLine(incident.container.name, 60)))].slice(
      0,
      MAX_CONTAINERS,
    ),
  };
}

/** What was detected, and the diagnosis if most of the alerts have the same one. */
function causeOf(alerts: readonly Alert[]): string {
  const [first] = alerts as readonly [Alert, ...Alert[]];
  const { title } = DETECTOR_INFO[first.incident.detector];
  const byCause = Map.groupBy(alerts, ({ diagnosis }) => oneLine(diagnosis.rootCause, MAX_CAUSE));
  const [common] = [...byCause].sort(([, a], [, b]) => b.length - a.length);
  return common !== undefined && common[1].length * 2 > alerts.length ? `${title}: ${common[0]}` : title;
}

function worstFirst(a: SummaryGroup, b: SummaryGroup): number {
  return SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) || b.alerts - a.alerts;
}

function worse(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b;
}

function oneLine(text: string, max: number): string {
  return cutEnd(text.replace(/\s+/g, ' ').trim(), max);
}
