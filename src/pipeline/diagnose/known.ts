import type { Diagnosis, DiagnosisBasis, Incident } from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { DiagnosisContext, IncidentCase } from '../ports.ts';

const HOUR_MS = 3_600_000;
/** A day: longer than any outage's repeats, short enough that what changed since is looked at anew. */
const DAY_MS = 24 * HOUR_MS;
/** The strong model is asked about one comeback an hour: what it said stands that long. */
const STRONG_ANSWER_STANDS_MS = HOUR_MS;

/** The facts that an answer stands on: where one of them is another now, it is a new question. */
export function basisOf({ incident, facts, exitCode, killedForMemory }: DiagnosisContext): DiagnosisBasis {
  const { detectors } = incident;
  const died = detectors.some((detector) => DETECTOR_INFO[detector].partOfDeath);
  return {
    image: facts?.imageId ?? incident.container.image,
    exitCode: exitCode ?? (died ? (facts?.exitCode ?? null) : null),
    oomKilled: killedForMemory === true || detectors.includes('oom'),
    memoryLimit: facts?.memoryLimit ?? null,
  };
}

/** An earlier answer of a model to the same question. */
export function reusable(
  last: IncidentCase | undefined,
  incident: Incident,
  basis: DiagnosisBasis,
  now: number,
): Diagnosis | undefined {
  const { diagnosis } = last ?? {};
  if (!last || !diagnosis || diagnosis.tier === 'rules' || now - diagnosis.answeredAt > DAY_MS) return undefined;
  if (last.incident.container.image !== incident.container.image) return undefined;
  return diagnosis.basis === undefined || sameBasis(diagnosis.basis, basis) ? diagnosis : undefined;
}

/** Null contradicts nothing: a death may be seen a moment after the error that told of it. */
function sameBasis(a: DiagnosisBasis, b: DiagnosisBasis): boolean {
  const differs = (x: unknown, y: unknown) => x !== null && y !== null && x !== y;
  if (a.oomKilled !== b.oomKilled) return false;
  // An engine that did not answer leaves a name where an id was.
  if (a.image.startsWith('sha256:') === b.image.startsWith('sha256:') && a.image !== b.image) return false;
  return !differs(a.exitCode, b.exitCode) && !differs(a.memoryLimit, b.memoryLimit);
}

export function cameBackAfterRestart(last: IncidentCase | undefined, incident: Incident, now: number): boolean {
  const attempt = last?.attempt;
  return attempt !== undefined && attempt.startedAt <= incident.openedAt && now - attempt.startedAt <= DAY_MS;
}

/** Set by the strong model where it was asked because the problem came back. */
export function strongAnswerThatStands(last: IncidentCase | undefined, now: number): Diagnosis | undefined {
  const { diagnosis, attempt } = last ?? {};
  if (!diagnosis?.afterFailedRestart || !attempt) return undefined;
  return now - diagnosis.answeredAt <= STRONG_ANSWER_STANDS_MS ? diagnosis : undefined;
}
