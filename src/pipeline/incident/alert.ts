import type { Alert, AlertKind } from '../../domain/alert.ts';
import type { Attempt } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { Round } from './round.ts';

const EXCERPT_LINES = 8;

/**
 * `update`: 0 for the first alert of its kind, 1 for the one about the end; the id of the attempt if it is about one
 * restart. The id is derived from both, so that an alert is sent only once if a step is repeated after a crash of the
 * agent, or while a restart limit remains reached.
 */
export function buildAlert(
  incident: Incident,
  { context, diagnosis, decision, because, attempt }: Omit<Round, 'ordinal'>,
  restarts: readonly Attempt[],
  kind: AlertKind,
  update: string,
  now: number,
): Alert {
  const subject = kind === 'repeated_failure' ? (restarts.at(-1)?.id ?? incident.id) : incident.id;
  return {
    id: `${subject}/${kind}/${update}`,
    kind,
    at: now,
    incident,
    diagnosis,
    decision,
    because,
    attempt,
    restartsLastHour: restarts.filter(({ outcome }) => outcome !== 'error').length,
    excerpt: excerptOf(context),
  };
}

function excerptOf({ incident: { detectors }, evidence, logLines }: DiagnosisContext): readonly string[] {
  if (detectors.includes('storm')) return evidence.map((text) => text.split('\n', 1)[0] ?? '');
  if (!detectors.includes('log')) return logLines.slice(-EXCERPT_LINES);
  return (evidence[0] ?? '').split('\n').slice(0, EXCERPT_LINES);
}
