import type { Alert } from '../../domain/alert.ts';
import { formatUsd } from '../../lib/money.ts';
import { cutEnd } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../../pipeline/detectors.ts';
import {
  actionText,
  alsoAffected,
  diagnosedBy,
  headline,
  lateness,
  occurrences,
  rulesNote,
  unknownCause,
  urgentNote,
} from '../alert-text.ts';
import {
  type Block,
  context,
  emphasis,
  escapeWithin,
  header,
  link,
  list,
  preformatted,
  table,
  titled,
} from './blocks.ts';

export interface SlackMessage {
  /** For notifications and clients without blocks. */
  readonly text: string;
  readonly blocks: readonly Block[];
  /** `text` is not parsed: no formatting, no mentions, no links. */
  readonly mrkdwn: false;
  readonly parse: 'none';
  readonly link_names: false;
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

const MAX_TEXT = 500;
/** Slack rejects a message whose blocks have more than about 13,000 characters together. */
const MAX = {
  affected: 800,
  rootCause: 1400,
  fix: 1900,
  impact: 600,
  item: 200,
  items: 10,
  excerpt: 1700,
  line: 300,
  lines: 12,
};

/** Renders an alert for Slack, within Slack's limits for any alert. `now`: when it is sent. A late alert says so. `url`: the page of the incident. */
export function renderSlack(alert: Alert, now: number, url?: string): SlackMessage {
  const { incident, diagnosis } = alert;
  const { host, image } = incident.container;
  const urgent = urgentNote(alert);
  const late = lateness(alert, now);
  const { action, reason } = actionText(alert);
  const rules = rulesNote(alert);
  const affected = alsoAffected(alert);
  const unknown = unknownCause(alert);
  const suggestions = diagnosis.configSuggestions.slice(0, MAX.items);
  const excerpt = excerptOf(alert.excerpt);

  const summary = `${late ? `${late}: ` : ''}${headline(alert)}: ${diagnosis.rootCause} ${action}.`;
  return slackMessage(summary, [
    header(headline(alert)),
    ...(late
      ? [emphasis(`⏰ ${late}: `, 'it could not be delivered earlier. It describes the state at that time.')]
      : []),
    ...(urgent ? [emphasis(urgent)] : []),
    table([
      ['Severity', diagnosis.severity],
      ['Detected', `${DETECTOR_INFO[incident.detector].title}: ${incident.summary}`],
      ['Image', image],
      ['Seen', occurrences(alert)],
      ...(host === undefined ? [] : [['Host', host] as const]),
    ]),
    ...(affected ? [titled(affected.title, affected.text, MAX.affected)] : []),
    ...(unknown ? [emphasis(`${unknown.title}: `, `${unknown.text}.`)] : []),
    titled('Root cause', diagnosis.rootCause, MAX.rootCause),
    titled('Suggested fix', diagnosis.suggestedFix, MAX.fix),
    ...(suggestions.length > 0 ? [list('Configuration', suggestions, MAX.item)] : []),
    titled('Estimated impact', diagnosis.estimatedImpact, MAX.impact),
    ...(diagnosis.likelyRecurring
      ? [emphasis('⚠ Likely to recur', ' unless something is changed: a restart alone does not fix it.')]
      : []),
    ...(urgent ? [{ type: 'divider' } as const] : []),
    emphasis(action, `\nWhy: ${reason}.`),
    ...(rules ? [emphasis('🧩 Without Claude. ', rules)] : []),
    ...(excerpt === '' ? [] : [preformatted(excerpt, MAX.excerpt)]),
    ...(url === undefined ? [] : [link('Open the incident', url)]),
    context([
      diagnosedBy(alert),
      `cost ${formatUsd(diagnosis.costUsd)}`,
      `incident ${incident.id}`,
      ...(incident.trace ? [`trace ${incident.trace.traceId}`] : []),
    ]),
  ]);
}

/** Creates a message. All options that would make Slack interpret the text are off. */
export function slackMessage(text: string, blocks: readonly Block[]): SlackMessage {
  return {
    text: escapeWithin(text.replace(/\s+/g, ' '), MAX_TEXT),
    blocks,
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** The last lines, because the newest ones are the most informative. */
function excerptOf(lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split(/\r\n?|\n/))
    .slice(-MAX.lines)
    .map((line) => cutEnd(line, MAX.line))
    .join('\n')
    .trimEnd();
}
