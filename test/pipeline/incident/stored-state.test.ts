import { describe, expect, it } from 'vitest';
import { storedState } from '../../../src/pipeline/incident/stored-state.ts';
import { aDiagnosis, anAttempt, anIncident, aRequest } from '../../support/domain.ts';

const incident = anIncident();
const diagnosis = aDiagnosis();
const APPROVED = { kind: 'restart', reason: 'approved_by_person' } as const;

describe('the state of an incident in the store', () => {
  it('that waits for a person and is settled stays settled', () => {
    const decision = { kind: 'ask', reason: 'policy_ask' } as const;
    expect(storedState({ incident, diagnosis, decision, settledAt: 1 }).state).toBe('settled');
  });

  it('whose request may not be stored yet is decided again', () => {
    const decision = { kind: 'ask', reason: 'policy_ask' } as const;
    expect(storedState({ incident, diagnosis, decision }).state).toBe('diagnosed');
  });

  it('whose approved restart had not begun is decided again, although an earlier restart failed', () => {
    const approved = aRequest({ state: 'approved' });
    const attempt = anAttempt({ id: 'an earlier one', outcome: 'failed' });
    expect(storedState({ incident, diagnosis, decision: APPROVED }, approved).state).toBe('diagnosed');
    expect(storedState({ incident, diagnosis, decision: APPROVED, attempt }, approved).state).toBe('diagnosed');
  });

  it('whose approved restart had begun is verified, never restarted again', () => {
    const approved = aRequest({ state: 'approved' });
    const begun = anAttempt({ id: approved.id });
    expect(storedState({ incident, diagnosis, decision: APPROVED, attempt: begun }, approved).state).toBe('restarting');
    const ended = { ...begun, outcome: 'recovered' } as const;
    expect(storedState({ incident, diagnosis, decision: APPROVED, attempt: ended }, approved).state).toBe('restarted');
  });
});
