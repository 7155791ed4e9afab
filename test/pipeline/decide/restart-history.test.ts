import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/domain/decision.ts';
import { backOffMs, restartHistory } from '../../../src/pipeline/decide/restart-history.ts';
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
  ])('has %s', (_, attempts, expected) => {
    expect(restartHistory(incident, attempts, attempts.length, 20_000)).toMatchObject(expected);
  });

  it('has a back-off that grows up to a limit', () => {
    expect([0, 1, 2, 3, 4, 100].map(backOffMs)).toEqual([0, 5_000, 30_000, 120_000, 120_000, 120_000]);
  });
});
