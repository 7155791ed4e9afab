import type { Alert } from '../../domain.ts';
import { formatUsd } from '../../lib/money.ts';
import { cutEnd } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../../pipeline/detectors.ts';
import { alarm, headline, lateness, rulesAlone, seen, whatWasDone, whoAnswered } from '../words.ts';
import { type Block, context, emphasis, escapeWithin, header, list, preformatted, table, titled } from './blocks.ts';

export interface SlackOptions {
  /** Named in the alert where it is given: who has several hosts wants to know which one speaks. */
  readonly host?: string;
  /** When it is sent: one that comes late says so. */
  readonly now?: number;
}

export interface SlackMessage {
  /** For notifications and readers without blocks. */
  readonly text: string;
  readonly blocks: readonly Block[];
  /** `text` is not parsed: no formatting, no mentions, no links. */
  readonly mrkdwn: false;
  readonly parse: 'none';
  readonly link_names: false;
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

/** Slack refuses a message when all its blocks together are too long (about 13,000 characters). */
const LENGTHS = { rootCause: 1500, fix: 2200, impact: 700, item: 250, items: 10, excerpt: 2200, line: 300, lines: 12 };

/** An alert as Slack shows it. Pure; within Slack's limits whatever the alert holds. */
export function renderSlack(alert: Alert, options: SlackOptions = {}): SlackMessage {
  const { incident, diagnosis } = alert;
  const loud = alarm(alert);
  const late = options.now === undefined ? undefined : lateness(alert, options.now);
  const done = whatWasDone(alert);
  const rules = rulesAlone(alert);
  const suggestions = diagnosis.configSuggestions.slice(0, LENGTHS.items);
  const excerpt = excerptOf(alert.excerpt);

  const blocks: Block[] = [
    header(headline(alert)),
    ...(late ? [emphasis(`⏰ ${late}: `, 'it could not be delivered before. This is how things were then.')] : []),
    ...(loud ? [emphasis(loud)] : []),
    table([
      ['Severity', diagnosis.severity],
      ['Detected', `${DETECTOR_INFO[incident.detector].title}: ${incident.summary}`],
      ['Image', incident.container.image],
      ['Seen', seen(alert)],
    ]),
    titled('Root cause', diagnosis.rootCause, LENGTHS.rootCause),
    titled('Suggested fix', diagnosis.suggestedFix, LENGTHS.fix),
    ...(suggestions.length > 0 ? [list('Configuration', suggestions, LENGTHS.item)] : []),
    titled('Estimated impact', diagnosis.estimatedImpact, LENGTHS.impact),
    ...(diagnosis.likelyRecurring
      ? [emphasis('⚠ Likely to recur', ' unless something is changed: a restart alone is no cure.')]
      : []),
    ...(loud ? [{ type: 'divider' } as const] : []),
    emphasis(done.what, `\nWhy: ${done.why}.`),
    ...(rules ? [emphasis('🧩 Without Claude. ', rules)] : []),
    ...(excerpt === '' ? [] : [preformatted(excerpt, LENGTHS.excerpt)]),
    context([
      whoAnswered(alert),
      `cost ${formatUsd(diagnosis.costUsd)}`,
      `incident ${incident.id}`,
      ...(incident.trace ? [`trace ${incident.trace.traceId}`] : []),
      ...(options.host ? [`host ${options.host}`] : []),
    ]),
  ];
  return {
    text: escapeWithin(
      `${late ? `${late}: ` : ''}${headline(alert)}: ${diagnosis.rootCause} ${done.what}.`.replace(/\s+/g, ' '),
      500,
    ),
    blocks,
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** The last lines: where there are many, the newest tell more. */
function excerptOf(lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split(/\r\n?|\n/))
    .slice(-LENGTHS.lines)
    .map((line) => cutEnd(line, LENGTHS.line))
    .join('\n')
    .trimEnd();
}
