import { FATES, type Fate, type ReviewedCase, type Scorecard, type Tally } from '../../domain.ts';
import { isHeldBack } from './aftermath.ts';

/** What the agent did or would have done, and what came of it, so that one can decide to trust it. */
export function scorecard(reviewed: readonly ReviewedCase[]): Scorecard {
  const cases = reviewed.map((one) => ({ ...one, fate: fateOf(one) }));
  const names = [...new Set(cases.map(({ containerName }) => containerName))].sort();
  return {
    overall: tally(cases),
    containers: names.map((container) => ({
      container,
      ...tally(cases.filter(({ containerName }) => containerName === container)),
    })),
    cases,
  };
}

function fateOf({ decision, outcome, aftermath, state }: ReviewedCase): Fate {
  if (!isHeldBack(decision)) {
    if (outcome === 'recovered') return 'recovered';
    return outcome === 'failed' || outcome === 'error' ? 'failed' : 'unknown';
  }
  return aftermath ?? (state === 'open' ? 'still_broken' : 'unknown');
}

function tally(cases: Scorecard['cases']): Tally {
  const count = (is: (one: Scorecard['cases'][number]) => boolean): number => cases.filter(is).length;
  return {
    wouldHaveRestarted: count(({ decision }) => isHeldBack(decision)),
    restarted: count(({ decision }) => !isHeldBack(decision)),
    fates: Object.fromEntries(FATES.map((fate) => [fate, count((one) => one.fate === fate)])) as Record<Fate, number>,
    right: count(({ verdict }) => verdict === 'right'),
    wrong: count(({ verdict }) => verdict === 'wrong'),
  };
}
