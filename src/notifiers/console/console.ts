import type { Alert } from '../../domain.ts';
import { formatUsd } from '../../lib/money.ts';
import { cutEnd, plainText } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../../pipeline/detectors.ts';
import type { AlertSender, SendResult } from '../../pipeline/ports.ts';
import { renderTextNotice } from '../slack/notice.ts';
import { alarm, headline, rulesAlone, seen, whatWasDone, whoAnswered } from '../words.ts';

const LONGEST_LINE = 300;
const EXCERPT_LINES = 12;

/** An alert as plain text of several lines: nothing in it moves a terminal's cursor or forges a line of ours. */
export function renderText(alert: Alert): string {
  const { incident, diagnosis } = alert;
  const done = whatWasDone(alert);
  const trace = incident.trace ? `, trace ${incident.trace.traceId}` : '';
  const lines = [
    headline(alert),
    alarm(alert),
    row('Severity', diagnosis.severity),
    row('Detected', `${DETECTOR_INFO[incident.detector].title}: ${incident.summary}`),
    row('Image', incident.container.image),
    row('Seen', seen(alert)),
    row('Root cause', diagnosis.rootCause),
    row('Fix', diagnosis.suggestedFix),
    ...diagnosis.configSuggestions.map((suggestion) => row('Configuration', suggestion)),
    row('Impact', diagnosis.estimatedImpact),
    diagnosis.likelyRecurring ? '⚠ Likely to recur unless something is changed.' : undefined,
    row('Done', done.what),
    row('Why', done.why),
    rulesAlone(alert),
    ...alert.excerpt
      .flatMap((line) => plainText(line).split('\n'))
      .slice(-EXCERPT_LINES)
      .map((line) => `  | ${cutEnd(line, LONGEST_LINE)}`),
    `(${whoAnswered(alert)}, cost ${formatUsd(diagnosis.costUsd)}, incident ${incident.id}${trace})`,
  ];
  return lines
    .filter((line) => line !== undefined)
    .map((line) => `${plainText(line).replaceAll('\n', ' ')}\n`)
    .join('');
}

function row(name: string, value: string): string {
  return `  ${`${name}:`.padEnd(15)}${plainText(value).replace(/\s+/g, ' ').trim()}`;
}

/** Tells alerts as text, where there is no Slack. */
export function createConsoleSender(options: { write(text: string): void }): AlertSender {
  const write = async (text: string): Promise<SendResult> => {
    try {
      options.write(text);
      return { kind: 'sent' };
    } catch (error) {
      return { kind: 'retry', why: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    integration: 'console',
    paceMs: 0,
    send: async (alert) => write(renderText(alert)),
    sendNotice: async (notice) => write(renderTextNotice(notice)),
  };
}
