import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/domain/decision.ts';
import { backOffMs, failuresInARow, restartHistory } from '../../../src/pipeline/decide/restart-history.ts';
import { anAttempt, anIncident, NO_RESTARTS } from '../../support/domain.ts';

const OTHER = 'b'.repeat(64);

describe('the restart history', () => {
  const incident = anIncident({ id: 'own', openedAt: 10_000 });
  const other = (over: Partial<Attempt>) => anAttempt({ incidentId: 'another', ...over });

  it.each<[string, readonly Attempt[], object]>([
    ['no restarts', [], NO_RESTARTS],
    [
      'a failed restart for the incident itself',
      [anAttempt({ incidentId: 'own', outcome: 'failed', finishedAt: 12_000 })],
      { lastHour: 1, otherIncidents: 'none', backOffUntil: 0 },
    ],
    ['a restart in progress for another incident', [other({ startedAt: 9_000 })], { otherIncidents: 'in_progress' }],
    [
      'a recovery since the incident opened',
      [other({ startedAt: 11_000, outcome: 'recovered' })],
      { otherIncidents: 'recovered', backOffUntil: 0 },
    ],
    [
      'a recovery before the incident opened',
      [other({ startedAt: 9_000, outcome: 'recovered' })],
      { lastHour: 1, otherIncidents: 'none', backOffUntil: 0 },
    ],
    ['a failed restart', [other({ outcome: 'failed', finishedAt: 11_000 })], { backOffUntil: 16_000 }],
    [
      'two consecutive failed restarts',
      [other({ outcome: 'failed', finishedAt: 2_000 }), other({ outcome: 'unknown', finishedAt: 11_000 })],
      { lastHour: 2, backOffUntil: 41_000 },
    ],
    [
      'a failed restart after a recovery',
      [
        other({ outcome: 'failed', finishedAt: 1_000 }),
        other({ outcome: 'recovered', finishedAt: 2_000, startedAt: 1_500 }),
        other({ outcome: 'failed', finishedAt: 11_000 }),
      ],
      { lastHour: 3, backOffUntil: 16_000 },
    ],
    [
      'restarts of another replica, which count toward the limit only',
      [other({ containerId: OTHER, startedAt: 11_000, outcome: 'recovered' }), other({ containerId: OTHER })],
      { lastHour: 2, otherIncidents: 'none', backOffUntil: 0 },
    ],
    [
      'a recovery before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'recovered' })],
      { lastHour: 1, otherIncidents: 'none', backOffUntil: 0 },
    ],
    [
      'a failed restart before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'failed' })],
      { lastHour: 1, otherIncidents: 'none', backOffUntil: 0 },
    ],
    [
      'a restart for the incident itself in progress, which is none of another incident',
      [anAttempt({ incidentId: 'own', startedAt: 19_000 })],
      { otherIncidents: 'none', couldNotStartAt: 0, backOffUntil: 0 },
    ],
    [
      'a recovery by a restart for the incident itself',
      [anAttempt({ incidentId: 'own', startedAt: 11_000, outcome: 'recovered' })],
      { otherIncidents: 'none' },
    ],
    [
      'a failed restart since the incident opened, which is no recovery',
      [other({ startedAt: 11_000, finishedAt: 12_000, outcome: 'failed' })],
      { otherIncidents: 'none', couldNotStartAt: 0 },
    ],
    [
      'a recovery by a restart that began when the incident opened',
      [other({ startedAt: 10_000, outcome: 'recovered' })],
      { otherIncidents: 'recovered' },
    ],
    [
      'a recovery by a restart that began just now',
      [other({ startedAt: 20_000, outcome: 'recovered' })],
      { otherIncidents: 'recovered' },
    ],
    [
      'a restart after which the engine could not start the container, with its end',
      [other({ startedAt: 11_000, finishedAt: 12_000, outcome: 'error' })],
      { couldNotStartAt: 12_000, backOffUntil: 17_000 },
    ],
    [
      'a failed start that ended just now',
      [other({ startedAt: 19_000, finishedAt: 20_000, outcome: 'error' })],
      { couldNotStartAt: 20_000, backOffUntil: 25_000 },
    ],
    [
      'a failed start without a known end, which counts from its beginning',
      [other({ startedAt: 11_000, outcome: 'error' })],
      { couldNotStartAt: 11_000, backOffUntil: 16_000 },
    ],
    [
      'a failed start for the incident itself, without a back-off: the workflow waits between its restarts',
      [anAttempt({ incidentId: 'own', startedAt: 11_000, finishedAt: 12_000, outcome: 'error' })],
      { couldNotStartAt: 12_000, backOffUntil: 0 },
    ],
    [
      'a failed start that a later restart has ended',
      [
        other({ startedAt: 11_000, finishedAt: 12_000, outcome: 'error' }),
        other({ startedAt: 13_000, finishedAt: 14_000, outcome: 'failed' }),
      ],
      { couldNotStartAt: 0, backOffUntil: 44_000 },
    ],
    [
      'a failed start before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'error' })],
      { couldNotStartAt: 0, backOffUntil: 0 },
    ],
  ])('has %s', (_, attempts, expected) => {
    expect(restartHistory(incident, attempts, attempts.length, 20_000)).toMatchObject(expected);
  });

  it('counts consecutive failures of this container only, from its last recovery on', () => {
    const container = 'a'.repeat(64);
    const failed = other({ outcome: 'failed' });
    const elsewhere = other({ containerId: OTHER, outcome: 'failed' });
    expect(failuresInARow(container, [])).toBe(0);
    expect(failuresInARow(container, [failed, elsewhere, failed])).toBe(2);
    expect(failuresInARow(container, [failed, other({ outcome: 'recovered' }), elsewhere, failed])).toBe(1);
  });

  it('has a back-off that grows up to a limit', () => {
    expect([0, 1, 2, 3, 4, 100].map(backOffMs)).toEqual([0, 5_000, 30_000, 120_000, 120_000, 120_000]);
  });
});
