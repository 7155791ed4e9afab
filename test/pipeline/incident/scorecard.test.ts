import { describe, expect, it } from 'vitest';
import type { ContainerFacts, EngineEvent } from '../../../src/domain/containers.ts';
import type { Decision } from '../../../src/domain/decision.ts';
import { createAftermaths } from '../../../src/pipeline/incident/aftermath.ts';
import { scorecard } from '../../../src/pipeline/incident/scorecard.ts';
import type { ReviewedCase } from '../../../src/pipeline/ports/store.ts';
import { aContainer, anIncident, someFacts } from '../../support/domain.ts';

const OBSERVED: Decision = { kind: 'notify', reason: 'observe_mode' };
const DOWN = someFacts({ status: 'exited', restartPolicy: 'no' });

describe('the aftermath of a decision to hold a restart back', () => {
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

  it('is came_back if the incident ended without a person', () => {
    expect(aftermathsAfter((a) => a.ended(anIncident()))).toEqual(['came_back']);
  });

  it('is restarted_by_person if a person stopped or removed the container, or started it when it was down', () => {
    expect(aftermathsAfter(stoppedByPerson)).toEqual(['restarted_by_person']);
    expect(aftermathsAfter((a) => a.observe(event('destroy')))).toEqual(['restarted_by_person']);
    expect(aftermathsAfter((a) => a.observe(event('start')), OBSERVED, DOWN)).toEqual(['restarted_by_person']);
  });

  it('ignores starts by the engine, earlier stops and other containers', () => {
    expect(aftermathsAfter((a) => a.observe(event('start')))).toEqual([]);
    const up = someFacts({ status: 'running', restartPolicy: 'no' });
    expect(aftermathsAfter((a) => a.observe(event('start')), OBSERVED, up)).toEqual([]);
    const restarted = someFacts({ status: 'exited', restartPolicy: 'always' });
    expect(aftermathsAfter((a) => a.observe(event('start')), OBSERVED, restarted)).toEqual([]);
    expect(aftermathsAfter((a) => a.observe(event('stop')), OBSERVED, DOWN)).toEqual([]);
    const other = aContainer({ id: 'b'.repeat(64) });
    expect(aftermathsAfter((a) => a.observe(event('destroy', other)))).toEqual([]);
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

  it('is not recorded if the container was restarted, or a restart was not allowed', () => {
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
    ['held back, then over without a restart', { aftermath: 'came_back', state: 'resolved' }, 'came_back'],
    ['held back and restarted by a person', { aftermath: 'restarted_by_person' }, 'restarted_by_person'],
    ['held back, with an end that was not observed', { state: 'resolved' }, 'unknown'],
    ['restarted with success', { ...restarted, outcome: 'recovered' }, 'recovered'],
    ['restarted without success', { ...restarted, outcome: 'failed' }, 'failed'],
    [
      'restarted without success until the limit',
      { decision: { kind: 'notify', reason: 'restart_limit' }, outcome: 'failed' },
      'failed',
    ],
    ['refused by the engine', { ...restarted, outcome: 'error' }, 'failed'],
    ['in progress', restarted, 'unknown'],
  ])('%s', (_, over, result) => {
    expect(scorecard([one(over)]).cases[0]?.result).toBe(result);
  });

  it('counts per container and overall', () => {
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
