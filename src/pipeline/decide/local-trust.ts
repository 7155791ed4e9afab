/** Whether a restart may follow from an answer of the local model that the built-in rules alone would not allow. */
import type { Verdict } from '../../domain/decision.ts';
import type { Diagnosis, LocalModelMayRestart } from '../../domain/diagnosis.ts';
import type { RuleMatch } from '../ports/model.ts';

/** A diagnosis, and what a person said of the decision that followed. */
export interface JudgedDiagnosis {
  readonly diagnosis: Pick<Diagnosis, 'by' | 'model' | 'autoRestartSafe'>;
  readonly verdict: Verdict;
}

/** What people said of the cases that one local model diagnosed on this agent. */
export interface LocalRecord {
  readonly judged: number;
  /** It called a restart safe, and a person called the case wrong. */
  readonly wrongOnSafety: number;
}

/** With none wrong among them, the true share of wrong answers is below 14 %, with 95 % confidence. */
export const CASES_TO_EARN = 20;

/** Another model has to earn it anew. */
export function localRecord(judged: readonly JudgedDiagnosis[], model: string): LocalRecord {
  const own = judged.filter(({ diagnosis }) => diagnosis.by === 'local' && diagnosis.model === model);
  const wrong = own.filter(({ diagnosis, verdict }) => verdict === 'wrong' && diagnosis.autoRestartSafe);
  return { judged: own.length, wrongOnSafety: wrong.length };
}

export function mayOpenRestart(setting: LocalModelMayRestart, record: LocalRecord): boolean {
  switch (setting) {
    case 'never':
      return false;
    case 'always':
      return true;
    case 'earned':
      return record.judged >= CASES_TO_EARN && record.wrongOnSafety === 0;
    default:
      return setting satisfies never;
  }
}

/** The diagnosis is a local model's, the built-in rules alone would not restart, and the model may not open a restart. */
export async function isUnproven(
  { by, model = '' }: Pick<Diagnosis, 'by' | 'model'>,
  [strongest]: readonly RuleMatch[],
  mayRestart: (model: string) => Promise<boolean>,
): Promise<boolean> {
  if (by !== 'local') return false;
  const rule = strongest?.assessment;
  return !(rule?.severity === 'high' && rule.autoRestartSafe) && !(await mayRestart(model));
}

/** For people: how far it is. */
export function describeTrust(setting: LocalModelMayRestart, record: LocalRecord): string {
  const cases = `${record.judged} judged case${record.judged === 1 ? '' : 's'}, ${record.wrongOnSafety} wrong about a restart`;
  if (setting === 'never')
    return 'its answers never lead to a restart that the rules alone would not allow (LOCAL_MODEL_MAY_RESTART=never)';
  if (setting === 'always') return 'its answers may lead to restarts (LOCAL_MODEL_MAY_RESTART=always)';
  return mayOpenRestart(setting, record)
    ? `its answers may lead to restarts: earned with ${cases}`
    : `its answers do not lead to restarts yet: ${cases}; it needs ${CASES_TO_EARN} and none wrong (container-doctor review)`;
}
