import type { Decision, Verdict } from '../../domain/decision.ts';
import type { ReviewedCase } from '../ports/store.ts';
import { isHeldBack } from './aftermath.ts';

/** How a case ended. `unknown`: its end was not observed. */
export const CASE_RESULTS = [
  'came_back',
  'restarted_by_person',
  'still_broken',
  'recovered',
  'failed',
  'unknown',
] as const;
export type CaseResult = (typeof CASE_RESULTS)[number];

export interface Tally {
  /** Restarts held back by mode, policy, quiet hours or AUTO_FIX. */
  readonly wouldHaveRestarted: number;
  readonly restarted: number;
  readonly results: Readonly<Record<CaseResult, number>>;
  readonly right: number;
  readonly wrong: number;
}

export interface Scorecard {
  readonly overall: Tally;
  /** By name. */
  readonly containers: readonly (Tally & { readonly container: string })[];
  readonly cases: readonly (ReviewedCase & { readonly result: CaseResult })[];
}

/** Summarises what the agent did or would have done, and the results. */
export function scorecard(reviewed: readonly ReviewedCase[]): Scorecard {
  const cases = reviewed.map((one) => ({ ...one, result: resultOf(one) }));
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

/** What is needed to know how a case ended. */
type Ended = Pick<ReviewedCase, 'outcome' | 'aftermath' | 'state'> & { readonly decision: Pick<Decision, 'reason'> };

function resultOf({ decision, outcome, aftermath, state }: Ended): CaseResult {
  if (!isHeldBack(decision)) {
    if (outcome === 'recovered') return 'recovered';
    return outcome === 'failed' || outcome === 'error' ? 'failed' : 'unknown';
  }
  return aftermath ?? (state === 'open' ? 'still_broken' : 'unknown');
}

/** Sums up cases, of which each stands for `count` equal ones. */
export function tallyCounted(
  cases: readonly (Ended & { readonly count: number; readonly verdict?: Verdict })[],
): Tally {
  return tally(cases.map((one) => ({ ...one, result: resultOf(one) })));
}

interface Tallied {
  readonly decision: Pick<Decision, 'reason'>;
  readonly result: CaseResult;
  readonly verdict?: Verdict;
  /** Default: 1. */
  readonly count?: number;
}

function tally(cases: readonly Tallied[]): Tally {
  const count = (is: (one: Tallied) => boolean): number =>
    cases.filter(is).reduce((sum, one) => sum + (one.count ?? 1), 0);
  return {
    wouldHaveRestarted: count(({ decision }) => isHeldBack(decision)),
    restarted: count(({ decision }) => !isHeldBack(decision)),
    results: Object.fromEntries(
      CASE_RESULTS.map((result) => [result, count((one) => one.result === result)]),
    ) as Record<CaseResult, number>,
    right: count(({ verdict }) => verdict === 'right'),
    wrong: count(({ verdict }) => verdict === 'wrong'),
  };
}
