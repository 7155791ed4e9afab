import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/domain.ts';
import { backOffMs, NO_RESTARTS, restartHistory } from '../../../src/pipeline/decide/restart-history.ts';
import { anAttempt, anIncident } from '../../support/domain.ts';

const OTHER = 'b'.repeat(64);

describe('earlier restarts', () => {
  const incident = anIncident({ id: 'mine', openedAt: 10_000 });
  const other = (over: Partial<Attempt>) => anAttempt({ incidentId: 'another', ...over });

  it.each<[string, readonly Attempt[], object]>([
    ['none', [], NO_RESTARTS],
    [
      'its own, failed',
      [anAttempt({ incidentId: 'mine', outcome: 'failed', finishedAt: 12_000 })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    ['one under way for another incident', [other({ startedAt: 9_000 })], { meanwhile: 'under_way' }],
    [
      'one that recovered since',
      [other({ startedAt: 11_000, outcome: 'recovered' })],
      { meanwhile: 'recovered', backOffUntil: 0 },
    ],
    [
      'one that recovered before',
      [other({ startedAt: 9_000, outcome: 'recovered' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    ['one that failed', [other({ outcome: 'failed', finishedAt: 11_000 })], { backOffUntil: 16_000 }],
    [
      'two in a row that failed',
      [other({ outcome: 'failed', finishedAt: 2_000 }), other({ outcome: 'unknown', finishedAt: 11_000 })],
      { lastHour: 2, backOffUntil: 41_000 },
    ],
    [
      'a failure after a recovery',
      [
        other({ outcome: 'failed', finishedAt: 1_000 }),
        other({ outcome: 'recovered', finishedAt: 2_000, startedAt: 1_500 }),
        other({ outcome: 'failed', finishedAt: 11_000 }),
      ],
      { lastHour: 3, backOffUntil: 16_000 },
    ],
    [
      'those of another replica, which count toward the limit only',
      [other({ containerId: OTHER, startedAt: 11_000, outcome: 'recovered' }), other({ containerId: OTHER })],
      { lastHour: 2, meanwhile: 'none', backOffUntil: 0 },
    ],
    [
      'one that recovered, before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'recovered' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    [
      'one that failed, before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'failed' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
  ])('%s', (_, attempts, expected) => {
    expect(restartHistory(incident, attempts, attempts.length, 20_000)).toMatchObject(expected);
  });

  it('make the wait longer, to a bound', () => {
    expect([0, 1, 2, 3, 4, 100].map(backOffMs)).toEqual([0, 5_000, 30_000, 120_000, 120_000, 120_000]);
  });
});
