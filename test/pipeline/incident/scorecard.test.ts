import { describe, expect, it } from 'vitest';
import type { ContainerFacts, Decision, EngineEvent } from '../../../src/domain.ts';
import { createAftermaths } from '../../../src/pipeline/incident/aftermath.ts';
import { scorecard } from '../../../src/pipeline/incident/scorecard.ts';
import type { ReviewedCase } from '../../../src/pipeline/ports.ts';
import { aContainer, anIncident, someFacts } from '../../support/domain.ts';

const OBSERVED: Decision = { kind: 'notify', reason: 'observe_mode' };
const DOWN = someFacts({ status: 'exited', restartPolicy: 'no' });

describe('what becomes of an incident for which a restart was held back', () => {
  const event = (kind: 'start' | 'destroy' | 'stop', container = aContainer()): EngineEvent => ({
    time: 5_000,
    containerId: container.id,
    container,
    action: { kind },
  });
  let stoppedByPersonAt: number | undefined;
  const aftermathsAfter = (
    steps: (aftermaths: ReturnType<typeof createAftermaths>) => void,
    decision = OBSERVED,
    facts?: ContainerFacts,
  ) => {
    const saved: string[] = [];
    stoppedByPersonAt = 1_000;
    const lifecycle = {
      of: (id: string) => ({
        restartingByAgent: false,
        crashes: [],
        ...(id === aContainer().id ? { stoppedByPersonAt } : {}),
      }),
    };
    const aftermaths = createAftermaths(lifecycle, (_, aftermath) => saved.push(aftermath));
    aftermaths.decided(anIncident(), decision, facts);
    steps(aftermaths);
    return saved;
  };
  const stoppedByPerson = (aftermaths: ReturnType<typeof createAftermaths>) => {
    stoppedByPersonAt = 5_000;
    aftermaths.observe(event('stop'));
  };

  it('is that it came back by itself, if it ended and no person did anything', () => {
    expect(aftermathsAfter((a) => a.ended(anIncident()))).toEqual(['came_back']);
  });

  it('is a restart by a person, if one stopped it, removed it, or started what was down for good', () => {
    expect(aftermathsAfter(stoppedByPerson)).toEqual(['restarted_by_person']);
    expect(aftermathsAfter((a) => a.observe(event('destroy')))).toEqual(['restarted_by_person']);
    expect(aftermathsAfter((a) => a.observe(event('start')), OBSERVED, DOWN)).toEqual(['restarted_by_person']);
  });

  it('does not depend on what the engine does, on an earlier stop, or on another container', () => {
    expect(aftermathsAfter((a) => a.observe(event('start')))).toEqual([]);
    expect(aftermathsAfter((a) => a.observe(event('stop')))).toEqual([]);
    expect(aftermathsAfter((a) => a.observe(event('stop', aContainer({ id: 'b'.repeat(64) }))))).toEqual([]);
  });

  it('is recorded once', () => {
    const twice = aftermathsAfter((a) => {
      stoppedByPerson(a);
      a.ended(anIncident());
    });
    expect(twice).toEqual(['restarted_by_person']);
  });

  it('is not recorded if a restart was made, or forbidden for good', () => {
    for (const reason of ['restart_allowed', 'severity_too_low', 'policy_never'] as const) {
      expect(aftermathsAfter((a) => a.ended(anIncident()), { kind: 'notify', reason })).toEqual([]);
    }
  });
});

describe('the scorecard', () => {
  const one = (over: Partial<ReviewedCase>): ReviewedCase => ({
    incidentId: 'inc-1',
    containerName: 'web',
    detector: 'log',
    summary: 'ERROR it broke',
    decidedAt: 1_000,
    decision: OBSERVED,
    state: 'open',
    ...over,
  });
  const restarted = { decision: { kind: 'restart', reason: 'restart_allowed' } } as const;

  it.each<[string, Partial<ReviewedCase>, string]>([
    ['held back and open', {}, 'still_broken'],
    ['held back and back by itself', { aftermath: 'came_back', state: 'resolved' }, 'came_back'],
    ['held back and restarted by a person', { aftermath: 'restarted_by_person' }, 'restarted_by_person'],
    ['held back and ended while nobody looked', { state: 'resolved' }, 'unknown'],
    ['restarted with success', { ...restarted, outcome: 'recovered' }, 'recovered'],
    ['restarted in vain', { ...restarted, outcome: 'failed' }, 'failed'],
    [
      'restarted in vain until the limit',
      { decision: { kind: 'notify', reason: 'restart_limit' }, outcome: 'failed' },
      'failed',
    ],
    ['refused by the engine', { ...restarted, outcome: 'error' }, 'failed'],
    ['under way', restarted, 'unknown'],
  ])('%s', (_, over, result) => {
    expect(scorecard([one(over)]).cases[0]?.result).toBe(result);
  });

  it('adds up, per container and overall', () => {
    const card = scorecard([
      one({ verdict: 'right' }),
      one({ containerName: 'api', ...restarted, outcome: 'recovered', verdict: 'wrong' }),
      one({ aftermath: 'came_back' }),
    ]);
    expect(card.overall).toMatchObject({ wouldHaveRestarted: 2, restarted: 1, right: 1, wrong: 1 });
    expect(card.overall.results).toMatchObject({ still_broken: 1, came_back: 1, recovered: 1 });
    expect(card.containers.map(({ container, restarted }) => [container, restarted])).toEqual([
      ['api', 1],
      ['web', 0],
    ]);
  });
});
