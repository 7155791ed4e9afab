import { describe, expect, it } from 'vitest';
import { type AlertOccasion, buildAlert } from '../../../src/pipeline/incident/alert.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import { aDiagnosis, anAttempt, anIncident } from '../../support/domain.ts';

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`);

function alertOf(
  kind: AlertOccasion['kind'],
  over: Partial<DiagnosisContext> = {},
  restarts: Parameters<typeof buildAlert>[2] = [],
) {
  const incident = over.incident ?? anIncident();
  const context = { incident, evidence: [], logLines: [], redactions: 0, restarts: [], ruleMatches: [], ...over };
  const decision = { kind: 'notify', reason: 'restart_limit' } as const;
  return buildAlert(incident, { context, diagnosis: aDiagnosis(), decision }, restarts, { kind }, 5_000);
}

describe('the id of an alert', () => {
  it('is that of the last restart if the restart limit is reached, so that it is sent once per limit', () => {
    const restarts = [anAttempt({ id: 'att-1' }), anAttempt({ id: 'att-2' })];
    expect(alertOf('repeated_failure', {}, restarts).id).toBe('att-2/repeated_failure/0');
    expect(alertOf('repeated_failure').id).toBe('inc-1/repeated_failure/0');
    expect(alertOf('diagnosed', {}, restarts).id).toBe('inc-1/diagnosed/0');
  });
});

it('an alert counts the restarts that the engine made', () => {
  const restarts = [
    anAttempt({ outcome: 'failed' }),
    anAttempt({ outcome: 'error' }),
    anAttempt({ outcome: 'recovered' }),
  ];
  expect(alertOf('diagnosed', {}, restarts).restartsLastHour).toBe(2);
});

describe('the excerpt of an alert', () => {
  it('is the start of the error record', () => {
    const evidence = [lines(12).join('\n'), 'another record'];
    expect(alertOf('diagnosed', { evidence, logLines: ['a log line'] }).excerpt).toEqual(lines(8));
  });

  it('is an empty line if the record is lost', () => {
    expect(alertOf('diagnosed', { logLines: lines(2) }).excerpt).toEqual(['']);
  });

  it('is the end of the log if no record was taken for the problem', () => {
    const incident = anIncident({ detector: 'crash' });
    expect(alertOf('diagnosed', { incident, logLines: lines(10) }).excerpt).toEqual(lines(10).slice(2));
  });

  it('is the first line of each sample of a log storm', () => {
    const incident = anIncident({ detector: 'storm', detectors: ['storm', 'log'] });
    expect(alertOf('diagnosed', { incident, evidence: ['one\n  at x', 'two', ''] }).excerpt).toEqual([
      'one',
      'two',
      '',
    ]);
  });
});
