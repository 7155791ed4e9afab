/** A person's verdict, as the event that the GenAI semantic conventions define for it. */
import { logs, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from '@opentelemetry/api';
import type { GivenVerdict } from '../pipeline/ports/store.ts';
import { ATTRIBUTES, SCOPE } from './names.ts';

/** What is evaluated: the decision that followed from a diagnosis. */
const NAME = 'restart_decision';

/** Part of the incident's trace, if it has one. */
export function emitEvaluation({ incidentId, verdict, note, at, model, trace: link }: GivenVerdict): void {
  const spanContext = link && { ...link, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  logs.getLogger(SCOPE).emit({
    eventName: 'gen_ai.evaluation.result',
    timestamp: at,
    severityNumber: SeverityNumber.INFO,
    attributes: {
      'gen_ai.evaluation.name': NAME,
      'gen_ai.evaluation.score.label': verdict,
      'gen_ai.evaluation.score.value': verdict === 'right' ? 1 : 0,
      ...(note !== undefined && { 'gen_ai.evaluation.explanation': note }),
      ...(model !== undefined && { [ATTRIBUTES.model]: model }),
      [ATTRIBUTES.incidentId]: incidentId,
    },
    ...(spanContext && { context: trace.setSpanContext(ROOT_CONTEXT, spanContext) }),
  });
}
