import type { Alert, AlertKind } from '../../domain/alert.ts';
import type { Attempt } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { RestartRequest } from '../ports/people.ts';
import type { Round } from './round.ts';

const EXCERPT_LINES = 8;

/** The id of an alert is derived from it, so that a step that is repeated after a crash of the agent sends no second one. */
export interface AlertOccasion {
  readonly kind: AlertKind;
  /** 0 for the first alert of its kind, 1 for the one about the end. Default: 0. */
  readonly update?: number;
  /** Distinguishes an alert that repeats what people know, because a snooze has ended or they asked again. */
  readonly again?: string;
}

export function buildAlert(
  incident: Incident,
  { context, diagnosis, decision, because, request, attempt }: Omit<Round, 'ordinal'>,
  restarts: readonly Attempt[],
  { kind, update = 0, again }: AlertOccasion,
  now: number,
): Alert {
  return {
    id:
      again === undefined
        ? `${subjectOf(incident, request, restarts, kind)}/${kind}/${update}`
        : `${incident.id}/${again}`,
    kind,
    at: now,
    incident,
    diagnosis,
    decision,
    because,
    ...(decision.kind === 'ask' && request && { request: { id: request.id, expiresAt: request.expiresAt } }),
    attempt,
    restartsLastHour: restarts.filter(({ outcome }) => outcome !== 'error').length,
    excerpt: excerptOf(context),
  };
}

/** A request has an alert of its own, and so does what came of it. A restart limit that remains reached has only one. */
function subjectOf(
  incident: Incident,
  request: RestartRequest | undefined,
  restarts: readonly Attempt[],
  kind: AlertKind,
): string {
  if (request !== undefined) return request.id;
  return kind === 'repeated_failure' ? (restarts.at(-1)?.id ?? incident.id) : incident.id;
}

function excerptOf({ incident: { detectors }, evidence, logLines }: DiagnosisContext): readonly string[] {
  if (detectors.includes('storm')) return evidence.map((text) => text.split('\n', 1)[0] ?? '');
  if (!detectors.includes('log')) return logLines.slice(-EXCERPT_LINES);
  return (evidence[0] ?? '').split('\n').slice(0, EXCERPT_LINES);
}
