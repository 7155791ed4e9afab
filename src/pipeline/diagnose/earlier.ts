/** What an earlier incident can teach the diagnosis of one that resembles it. */
import type { Outcome } from '../../domain/decision.ts';
import type { EarlierIncident } from '../ports/model.ts';
import type { PastCase } from '../ports/store.ts';

/** More would outweigh the evidence of the present incident. */
export const MAX_EARLIER = 3;

export function toEarlier({ incident, diagnosis, attempt, aftermath, verdict, note }: PastCase): EarlierIncident[] {
  if (diagnosis === undefined) return [];
  return [
    {
      at: incident.openedAt,
      container: incident.container.name,
      rootCause: diagnosis.rootCause,
      suggestedFix: diagnosis.suggestedFix,
      result: resultOf({ incident, attempt, aftermath }),
      ...(verdict !== undefined && { verdict }),
      ...(note !== undefined && { note }),
    },
  ];
}

const OUTCOME: Readonly<Record<Outcome, string>> = {
  recovered: 'it was restarted and recovered',
  failed: 'it was restarted, which did not help',
  error: 'it could not be restarted',
  unknown: 'it was restarted, with an unknown result',
};

function resultOf({ incident, attempt, aftermath }: Pick<PastCase, 'incident' | 'attempt' | 'aftermath'>): string {
  if (attempt?.outcome !== undefined) return OUTCOME[attempt.outcome];
  if (aftermath === 'restarted_by_person') return 'a person restarted it';
  if (aftermath === 'came_back') return 'it recovered by itself';
  return incident.state === 'resolved'
    ? 'nothing was done, and the problem ended'
    : 'nothing was done, and it may last';
}
