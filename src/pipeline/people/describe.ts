/** Sentences about what people did, for people. */
import { DECISION_REASONS } from '../../domain/decision.ts';
import { cutEnd } from '../../lib/text.ts';
import type { Round } from '../incident/round.ts';
import type { Actor, RestartRequest } from '../ports/people.ts';

/** Characters of a user id, an address or a channel. */
const MAX_NAME = 100;

/** Who it was and where, such as `U024BE7LH (Slack)`. The text comes from outside. */
export function describeActor({ via, who, from }: Actor): string {
  const place = via === 'slack' ? 'Slack' : 'page';
  const name = via === 'page' && who === 'token' ? 'somebody with the token' : short(who);
  return `${name} (${place}${from === undefined ? '' : `, ${short(from)}`})`;
}

/** Why a request can no longer be answered; undefined if it can. */
export function whyNotOpen(request: RestartRequest, now: number): string | undefined {
  const { state, answeredBy, answeredAt, expiresAt } = request;
  const who = answeredBy === undefined ? 'somebody' : describeActor(answeredBy);
  const at = answeredAt === undefined ? '' : ` at ${utc(answeredAt)}`;
  switch (state) {
    case 'approved':
      return `${who} approved it${at}`;
    case 'denied':
      return `${who} decided against it${at}`;
    case 'expired':
      return `it expired at ${utc(expiresAt)}`;
    case 'withdrawn':
      return `it was withdrawn${at}: the container or the incident has changed since`;
    case 'waiting':
      return now < expiresAt ? undefined : `it expired at ${utc(expiresAt)}`;
    default:
      return state satisfies never;
  }
}

/** What came of an approval or of another diagnosis. */
export function describeRound({ attempt, decision, because }: Pick<Round, 'attempt' | 'decision' | 'because'>): string {
  if (attempt !== undefined) return `restarted: ${attempt.outcome ?? 'in progress'}${detail(attempt.detail)}`;
  return `not restarted: ${DECISION_REASONS[decision.reason]}${detail(because)}`;
}

function detail(text: string | undefined): string {
  return text === undefined || text === '' ? '' : ` (${text})`;
}

export function utc(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function short(text: string): string {
  return cutEnd(text.replace(/\s+/g, ' ').trim(), MAX_NAME);
}
