/** The message of an incident, which is edited as the incident goes on, and what is in its thread. */
import type { Alert } from '../../domain/alert.ts';
import { HELD_BACK_REASONS } from '../../domain/decision.ts';
import { formatUsd } from '../../lib/money.ts';
import { DETECTOR_INFO } from '../../pipeline/detectors.ts';
import type { RestartRequest } from '../../pipeline/ports/people.ts';
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
import { context, emphasis, escapeWithin, header, link, list, preformatted, table, titled } from '../slack/blocks.ts';
import { excerptOf, MAX } from '../slack/message.ts';
import { type AppBlock, byPerson, sentence } from './app-blocks.ts';
import { restartButtons, verdictButtons } from './buttons.ts';
import type { Kept } from './kept.ts';
import type { AppMessage } from './web-api.ts';

export interface Shown extends Pick<Kept, 'alert' | 'times' | 'snooze' | 'verdict'> {
  /** The latest one. */
  readonly request?: RestartRequest;
  /** Whether somebody may press buttons, and clicks arrive. */
  readonly buttons: boolean;
  /** See buttons.ts. */
  readonly agent?: string;
  /** When it is sent. */
  readonly now: number;
  /** The page of the incident. */
  readonly url?: string;
}

const MAX_TEXT = 500;

/** Renders the message of an incident, within Slack's limits for any alert. */
export function renderMessage(shown: Shown): AppMessage {
  const { alert, times, now } = shown;
  const { incident, diagnosis, kind } = alert;
  const { host, image } = incident.container;
  const isOver = kind === 'resolved';
  const urgent = urgentNote(alert);
  const late = isOver ? undefined : lateness(alert, now);
  const { action, reason } = actionText(alert);
  const affected = alsoAffected(alert);
  const unknown = unknownCause(alert);
  return message(`${late ? `${late}: ` : ''}${headline(alert)}: ${diagnosis.rootCause} ${action}.`, [
    header(headline(alert)),
    ...(late ? [emphasis(`⏰ ${late}: `, 'it could not be delivered earlier.')] : []),
    ...(urgent ? [emphasis(urgent)] : []),
    table([
      ['Severity', diagnosis.severity],
      ['Detected', `${DETECTOR_INFO[incident.detector].title}: ${incident.summary}`],
      ['Image', image],
      ['Seen', occurrences(alert)],
      ...(host === undefined ? [] : [['Host', host] as const]),
    ]),
    ...(times > 1 ? [emphasis('🔁 It came back: ', `time number ${times}, each within a day of the last end.`)] : []),
    ...(affected ? [titled(affected.title, affected.text, MAX.affected)] : []),
    ...(unknown ? [emphasis(`${unknown.title}: `, `${unknown.text}.`)] : []),
    titled('Root cause', diagnosis.rootCause, MAX.rootCause),
    titled('Suggested fix', diagnosis.suggestedFix, MAX.fix),
    emphasis(action, `\nWhy: ${reason}.`),
    ...requestBlocks(shown),
    ...verdictBlocks(shown),
    ...(shown.url === undefined ? [] : [link(shown.url, 'Open the incident')]),
    context([diagnosedBy(alert), `incident ${incident.id}`]),
  ]);
}

/** A restart that waits, or who decided about it and when. */
function requestBlocks({ request, snooze, buttons, agent, now }: Shown): readonly AppBlock[] {
  if (snooze) return [byPerson('💤 Snoozed by ', snooze.who, ` at ${time(snooze.at)}, until ${time(snooze.until)}.`)];
  if (!request) return [];
  const { answeredBy: by, answeredAt: at = request.expiresAt } = request;
  const who = by?.via === 'page' ? 'somebody on the page' : (by?.who ?? 'somebody');
  switch (request.state) {
    case 'waiting':
      if (request.expiresAt <= now) return [expired(request)];
      return [
        emphasis('✋ A restart waits for a decision', ` until ${time(request.expiresAt)}.`),
        ...(buttons ? [restartButtons(request.id, request.containerName, agent)] : []),
      ];
    case 'approved':
      return [byPerson('✅ Restart approved by ', who, ` at ${time(at)}.`)];
    case 'denied':
      return [byPerson('🚫 Left as it is: decided by ', who, ` at ${time(at)}.`)];
    case 'expired':
      return [expired(request)];
    case 'withdrawn':
      return [
        emphasis('The question about a restart is no longer open', ` since ${time(at)}: the situation has changed.`),
      ];
    default:
      return request.state satisfies never;
  }
}

function expired({ expiresAt }: RestartRequest): AppBlock {
  return emphasis('⌛ Nobody decided about the restart', ` until ${time(expiresAt)}: the container was left as it is.`);
}

function verdictBlocks({ alert, verdict, buttons, agent }: Shown): readonly AppBlock[] {
  if (verdict) return [byPerson(`Judged ${verdict.verdict} by `, verdict.who, ` at ${time(verdict.at)}.`)];
  if (!buttons || !isDecided(alert)) return [];
  return [emphasis('Was this right?'), verdictButtons(alert.incident.id, agent)];
}

/** It is over, and there was a decision that the scorecard counts: a restart, or one that was held back. */
function isDecided({ kind, attempt, decision: { reason } }: Alert): boolean {
  return kind === 'resolved' && (attempt !== undefined || HELD_BACK_REASONS.some((each) => each === reason));
}

/** The first reply: what does not fit into the message. */
export function renderDetails(alert: Alert): AppMessage {
  const { incident, diagnosis } = alert;
  const rules = rulesNote(alert);
  const suggestions = diagnosis.configSuggestions.slice(0, MAX.items);
  const excerpt = excerptOf(alert.excerpt);
  return message(`Details of ${headline(alert)}`, [
    titled('Estimated impact', diagnosis.estimatedImpact, MAX.impact),
    ...(suggestions.length > 0 ? [list('Configuration', suggestions, MAX.item)] : []),
    ...(diagnosis.likelyRecurring
      ? [emphasis('⚠ Likely to recur', ' unless something is changed: a restart alone does not fix it.')]
      : []),
    ...(rules ? [emphasis('🧩 Without Claude. ', rules)] : []),
    ...(excerpt === '' ? [] : [preformatted(excerpt, MAX.excerpt)]),
    context([
      `cost ${formatUsd(diagnosis.costUsd)}`,
      ...(incident.trace ? [`trace ${incident.trace.traceId}`] : []),
      `first seen ${time(incident.openedAt)}`,
    ]),
  ]);
}

/** A reply about what happened. */
export function renderEvent(alert: Alert, times: number): AppMessage {
  const { action, reason } = actionText(alert);
  const urgent = urgentNote(alert);
  const title = `${time(alert.at)} · ${headline(alert)}`;
  const affected = alsoAffected(alert);
  return message(`${headline(alert)}: ${action}.`, [
    emphasis(title),
    ...(times > 1 && alert.kind === 'diagnosed' ? [emphasis(`🔁 The problem is back, time number ${times}.`)] : []),
    ...(urgent ? [emphasis(urgent)] : []),
    ...(alert.kind === 'resolved' ? [] : [emphasis(action, `\nWhy: ${reason}.`)]),
    ...(affected ? [titled(affected.title, affected.text, MAX.affected)] : []),
  ]);
}

/** What a message becomes that another one has replaced. */
export function renderReplaced(): AppMessage {
  return message('Replaced by a newer message.', [emphasis('Replaced', ' by a newer message about this incident.')]);
}

/** A text for one person. `isPerson`: which words in it are user ids, which Slack then shows as names. */
export function renderAnswer(text: string, isPerson: (word: string) => boolean): AppMessage {
  return message(text, [sentence(text, isPerson)]);
}

function message(text: string, blocks: readonly AppBlock[]): AppMessage {
  return { text: escapeWithin(text.replace(/\s+/g, ' ').trim(), MAX_TEXT) || '–', blocks };
}

function time(at: number): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15
    ? `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
    : 'an unknown time';
}
