import type { Attempt, Decision } from '../../domain/decision.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { RestartRequest } from '../ports/people.ts';
import type { IncidentCase } from '../ports/store.ts';

/** How far the store says an incident got. The table at the head of workflow.ts explains the states. */
export type StoredState =
  | { readonly state: 'opened' | 'settled' | 'resolved' }
  | { readonly state: 'diagnosed'; readonly diagnosis: Diagnosis }
  | { readonly state: 'decided'; readonly diagnosis: Diagnosis; readonly decision: Decision }
  | {
      readonly state: 'restarting' | 'restarted';
      readonly diagnosis: Diagnosis;
      readonly decision: Decision;
      readonly attempt: Attempt;
    };

/** `approved`: the request that a person approved last, if any. */
export function storedState(
  { incident, diagnosis, decision, attempt, settledAt }: IncidentCase,
  approved?: Pick<RestartRequest, 'id'>,
): StoredState {
  if (incident.state === 'resolved') return { state: 'resolved' };
  if (settledAt !== undefined) return { state: 'settled' };
  if (!diagnosis) return { state: 'opened' };
  if (!decision || decision.kind === 'ask') return { state: 'diagnosed', diagnosis };
  if (decision.kind !== 'restart') return { state: 'decided', diagnosis, decision };
  if (!attempt) return { state: 'diagnosed', diagnosis };
  const notBegun = decision.reason === 'approved_by_person' && attempt.id !== approved?.id;
  if (notBegun) return { state: 'diagnosed', diagnosis };
  const state = attempt.outcome === undefined ? 'restarting' : 'restarted';
  return { state, diagnosis, decision, attempt };
}
