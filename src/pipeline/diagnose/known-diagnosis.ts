/** Whether an earlier diagnosis of the same problem can be reused. */
import type { Diagnosis, DiagnosisBasis } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import { isPartOfDeath } from '../detectors.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { IncidentCase, LastCase } from '../ports/store.ts';

const HOUR_MS = 3_600_000;
/** Longer than an outage with its repeats; short enough that unseen changes do not go unnoticed for long. */
const DAY_MS = 24 * HOUR_MS;
/** The strong model is asked at most once an hour about a problem that restarts do not solve. */
const STRONG_ANSWER_VALID_MS = HOUR_MS;

export function basisOf({ incident, facts, exitCode, killedForMemory }: DiagnosisContext): DiagnosisBasis {
  const { detectors } = incident;
  return {
    image: facts?.imageId ?? incident.container.image,
    exitCode: exitCode ?? (isPartOfDeath(detectors) ? (facts?.exitCode ?? null) : null),
    oomKilled: killedForMemory === true || detectors.includes('oom'),
    memoryLimit: facts?.memoryLimit ?? null,
  };
}

/** An earlier diagnosis by a model, if it is recent and its basis is unchanged. */
export function reusable(
  last: LastCase | undefined,
  incident: Incident,
  basis: DiagnosisBasis,
  now: number,
): Diagnosis | undefined {
  const { diagnosis } = last ?? {};
  if (!last || !diagnosis || last.judgedWrong || diagnosis.tier === 'rules' || now - diagnosis.answeredAt > DAY_MS)
    return undefined;
  if (last.incident.container.image !== incident.container.image) return undefined;
  return diagnosis.basis === undefined || sameBasis(diagnosis.basis, basis) ? diagnosis : undefined;
}

/** Null equals any value: a crash may be observed just after the error that led to it. */
function sameBasis(a: DiagnosisBasis, b: DiagnosisBasis): boolean {
  const differs = (x: unknown, y: unknown) => x !== null && y !== null && x !== y;
  if (a.oomKilled !== b.oomKilled) return false;
  // If the engine did not answer, the basis has the image's name instead of its id.
  if (a.image.startsWith('sha256:') === b.image.startsWith('sha256:') && a.image !== b.image) return false;
  return !differs(a.exitCode, b.exitCode) && !differs(a.memoryLimit, b.memoryLimit);
}

export function recurredAfterRestart(last: IncidentCase | undefined, incident: Incident, now: number): boolean {
  const attempt = last?.attempt;
  return attempt !== undefined && attempt.startedAt <= incident.openedAt && now - attempt.startedAt <= DAY_MS;
}

/** The strong model's recent diagnosis after a restart that did not help. */
export function recentStrongDiagnosis(last: LastCase | undefined, now: number): Diagnosis | undefined {
  const { diagnosis, attempt } = last ?? {};
  if (!diagnosis?.afterFailedRestart || !attempt || last?.judgedWrong) return undefined;
  return now - diagnosis.answeredAt <= STRONG_ANSWER_VALID_MS ? diagnosis : undefined;
}
