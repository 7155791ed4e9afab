/** What the tiers that ask a model have in common. */
import { CHECKS, type Check, FAILED_CHECKS, type FailedCheck } from '../../domain/checks.ts';
import type { Assessment } from '../../domain/diagnosis.ts';
import type { Observer } from '../observer.ts';
import type { CitedEvidence, DiagnosisContext } from '../ports/model.ts';
import { checkAnswer } from './checks.ts';

export interface Answered {
  readonly kind: 'answered';
  readonly by: 'local' | 'claude';
  readonly model: string;
  readonly assessment: Assessment;
  /** Low if it fails a check, whatever the model says. */
  readonly confidence: 'low' | 'medium' | 'high';
  readonly evidence?: readonly CitedEvidence[];
  readonly question: string;
  /** The checks that its claims fail. */
  readonly failedChecks: readonly FailedCheck[];
}

type Unchecked = Omit<Answered, 'failedChecks'>;

/** Checks the claims of an answer, counts the results, and lowers its confidence if one fails. */
export function checked(
  answer: Unchecked,
  context: DiagnosisContext,
  observer: Pick<Observer, 'diagnosisCheck'>,
): Answered {
  const failedChecks = checkAnswer(answer, context);
  const failed = new Set<Check>(failedChecks.map((name) => FAILED_CHECKS[name].check));
  if (answer.evidence === undefined) failed.add('schema');
  for (const check of CHECKS) observer.diagnosisCheck(check, failed.has(check) ? 'failed' : 'passed');
  return { ...answer, failedChecks, confidence: failedChecks.length > 0 ? 'low' : answer.confidence };
}
