import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/domain/decision.ts';
import { storedState } from '../../../src/pipeline/incident/stored-state.ts';
import type { IncidentCase } from '../../../src/pipeline/ports/store.ts';
import { aDiagnosis, anAttempt, anIncident, aRequest } from '../../support/domain.ts';

const incident = anIncident();
const diagnosis = aDiagnosis();
const APPROVED = { kind: 'restart', reason: 'approved_by_person' } as const;
const restart: Decision = { kind: 'restart', reason: 'restart_allowed' };
const notify: Decision = { kind: 'notify', reason: 'auto_fix_off' };
const running = anAttempt();
const failed = anAttempt({ outcome: 'failed' });

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

describe('an incident of an earlier run of the agent', () => {
  it.each<[string, Partial<IncidentCase>, object]>([
    ['was just opened', {}, { state: 'opened' }],
    ['was diagnosed', { diagnosis }, { state: 'diagnosed', diagnosis }],
    [
      'was diagnosed, and no restart was begun: it must be decided again',
      { diagnosis, decision: restart },
      { state: 'diagnosed', diagnosis },
    ],
    [
      'was decided without a restart',
      { diagnosis, decision: notify },
      { state: 'decided', diagnosis, decision: notify },
    ],
    [
      'was being restarted',
      { diagnosis, decision: restart, attempt: running },
      { state: 'restarting', diagnosis, decision: restart, attempt: running },
    ],
    [
      'was restarted',
      { diagnosis, decision: restart, attempt: failed },
      { state: 'restarted', diagnosis, decision: restart, attempt: failed },
    ],
    ['was settled', { diagnosis, decision: notify, settledAt: 9_000 }, { state: 'settled' }],
    ['was settled without a diagnosis, as a member', { settledAt: 9_000 }, { state: 'settled' }],
    [
      'was resolved, whatever else is known',
      { incident: anIncident({ state: 'resolved' }), diagnosis, decision: restart, settledAt: 9_000 },
      { state: 'resolved' },
    ],
  ])('%s', (_, known, expected) => {
    expect(storedState({ incident, ...known })).toEqual(expected);
  });
});
