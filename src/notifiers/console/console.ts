import type { Alert } from '../../domain/alert.ts';
import { messageOf } from '../../errors.ts';
import { formatUsd } from '../../lib/money.ts';
import { cutEnd, plainText } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../../pipeline/detectors.ts';
import type { Receiver, SendResult } from '../../pipeline/ports/receiver.ts';
import {
  actionText,
  alsoAffected,
  diagnosedBy,
  headline,
  noticeLine,
  occurrences,
  rulesNote,
  type TitledText,
  unknownCause,
  urgentNote,
} from '../alert-text.ts';
import { incidentUrl, type ReceiverModule } from '../receiver-module.ts';

const MAX_LINE = 300;
const EXCERPT_LINES = 12;

/** Writes alerts as text to the agent's own log. */
export const consoleReceiver: ReceiverModule<Record<never, never>> = {
  name: 'console',
  title: 'Console',
  settings: {},
  // The registry uses it if no other receiver is configured.
  configure: () => undefined,
  create: (_settings, { print, publicUrl }) => createConsole(print, publicUrl),
  check: async () => ({ ok: true, detail: "no receiver is configured: alerts are written to the agent's log" }),
};

export function createConsole(print: (text: string) => void, publicUrl?: string): Omit<Receiver, 'name'> {
  const write = async (text: string): Promise<SendResult> => {
    try {
      print(text);
      return { kind: 'sent' };
    } catch (error) {
      return { kind: 'retry', why: messageOf(error) };
    }
  };
  return {
    paceMs: 0,
    send: (alert) => write(renderText(alert, incidentUrl(publicUrl, alert.incident.id))),
    sendNotice: (notice) => write(plainText(noticeLine(notice))),
  };
}

/** An alert as several lines of text. Its content can neither control a terminal nor imitate one of our lines. */
export function renderText(alert: Alert, url?: string): string {
  const { incident, diagnosis } = alert;
  const { host, image } = incident.container;
  const { action, reason } = actionText(alert);
  const trace = incident.trace ? `, trace ${incident.trace.traceId}` : '';
  const lines = [
    headline(alert),
    urgentNote(alert),
    row('Severity', diagnosis.severity),
    row('Detected', `${DETECTOR_INFO[incident.detector].title}: ${incident.summary}`),
    row('Image', image),
    host === undefined ? undefined : row('Host', host),
    row('Seen', occurrences(alert)),
    titledRow(alsoAffected(alert)),
    titledRow(unknownCause(alert)),
    row('Root cause', diagnosis.rootCause),
    row('Fix', diagnosis.suggestedFix),
    ...diagnosis.configSuggestions.map((suggestion) => row('Configuration', suggestion)),
    row('Impact', diagnosis.estimatedImpact),
    diagnosis.likelyRecurring ? '⚠ Likely to recur unless something is changed.' : undefined,
    row('Done', action),
    row('Why', reason),
    rulesNote(alert),
    url === undefined ? undefined : row('Page', url),
    ...alert.excerpt
      .flatMap((line) => plainText(line).split('\n'))
      .slice(-EXCERPT_LINES)
      .map((line) => `  | ${cutEnd(line, MAX_LINE)}`),
    `(${diagnosedBy(alert)}, cost ${formatUsd(diagnosis.costUsd)}, incident ${incident.id}${trace})`,
  ];
  return lines
    .filter((line) => line !== undefined)
    .map((line) => `${plainText(line).replaceAll('\n', ' ')}\n`)
    .join('');
}

function titledRow(titled: TitledText | undefined): string | undefined {
  return titled && row(titled.title, titled.text);
}

function row(name: string, value: string): string {
  return `  ${`${name}: `.padEnd(15)}${plainText(value).replace(/\s+/g, ' ').trim()}`;
}
