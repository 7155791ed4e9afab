/** Converts domain objects to span attributes. None of them contains log text, prompts or answers. */
import type { Attributes } from '@opentelemetry/api';
import type { ContainerRef } from '../domain/containers.ts';
import type { Decision, Outcome } from '../domain/decision.ts';
import type { Diagnosis } from '../domain/diagnosis.ts';
import type { Incident, TraceLink } from '../domain/incident.ts';
import { splitImageName } from '../lib/image-name.ts';
import type { DiagnosisContext } from '../pipeline/ports/model.ts';
import type { SpanDetails } from '../pipeline/tracing.ts';
import { ATTRIBUTES } from './names.ts';

export function describeContainer({ id, name, image, service, project }: ContainerRef): Attributes {
  const { repository, tag } = splitImageName(image);
  return {
    [ATTRIBUTES.containerId]: id,
    [ATTRIBUTES.containerName]: name,
    [ATTRIBUTES.imageName]: repository,
    ...(tag === undefined ? {} : { [ATTRIBUTES.imageTags]: [tag] }),
    [ATTRIBUTES.service]: service,
    ...(project === undefined ? {} : { [ATTRIBUTES.project]: project }),
  };
}

export function describeIncident(incident: Incident): Attributes {
  return {
    [ATTRIBUTES.incidentId]: incident.id,
    [ATTRIBUTES.fingerprint]: incident.fingerprint,
    [ATTRIBUTES.detector]: incident.detector,
    [ATTRIBUTES.occurrences]: incident.occurrences,
    ...(incident.members === undefined ? {} : { [ATTRIBUTES.members]: incident.members.length }),
  };
}

function describeContext({ logLines, redactions }: DiagnosisContext): Attributes {
  return {
    [ATTRIBUTES.contextLines]: logLines.length,
    [ATTRIBUTES.contextBytes]: logLines.reduce((bytes, line) => bytes + Buffer.byteLength(line), 0),
    [ATTRIBUTES.contextRedactions]: redactions,
  };
}

function describeDiagnosis(diagnosis: Diagnosis): Attributes {
  const { tier, model, fallback, severity, autoRestartSafe, costUsd } = diagnosis;
  return {
    [ATTRIBUTES.tier]: tier,
    [ATTRIBUTES.cached]: tier === 'known',
    [ATTRIBUTES.severity]: severity,
    [ATTRIBUTES.restartAdvised]: autoRestartSafe,
    [ATTRIBUTES.costUsd]: costUsd,
    ...(model === undefined ? {} : { [ATTRIBUTES.model]: model }),
    ...(fallback === undefined ? {} : { [ATTRIBUTES.fallback]: fallback }),
  };
}

function describeCorrelation({ kind, evidence }: NonNullable<SpanDetails['correlation']>): Attributes {
  return {
    [ATTRIBUTES.cause]: kind,
    ...(evidence === undefined ? {} : { [ATTRIBUTES.correlationEvidence]: evidence }),
  };
}

function describeDecision({ kind, reason }: Decision): Attributes {
  return { [ATTRIBUTES.decision]: kind, [ATTRIBUTES.decisionReason]: reason };
}

function describeApproval({ incident, outcome, source, by }: NonNullable<SpanDetails['approval']>): Attributes {
  return {
    ...describeContainer(incident.container),
    ...describeIncident(incident),
    [ATTRIBUTES.approval]: outcome,
    [ATTRIBUTES.approvalSource]: source,
    ...(by === undefined ? {} : { [ATTRIBUTES.approvalBy]: by }),
  };
}

/**
 * Only a restart that could not be made marks the span as failed. One that did not help is a failure of the container.
 */
function describeOutcome(outcome: Outcome): Attributes {
  return { [ATTRIBUTES.outcome]: outcome, ...(outcome === 'error' ? { [ATTRIBUTES.errorType]: 'restart_error' } : {}) };
}

function describeSend({ receiver, tries, result }: NonNullable<SpanDetails['send']>): Attributes {
  return {
    [ATTRIBUTES.integration]: receiver,
    [ATTRIBUTES.tries]: tries,
    [ATTRIBUTES.outcome]: result.kind,
    ...(result.status === undefined ? {} : { [ATTRIBUTES.httpStatus]: result.status }),
    ...(result.kind === 'sent' ? {} : { [ATTRIBUTES.errorType]: String(result.status ?? result.kind) }),
  };
}

export function describe({
  context,
  correlation,
  diagnosis,
  decision,
  approval,
  outcome,
  verifyStrategy,
  send,
}: SpanDetails): Attributes {
  return {
    ...(context && describeContext(context)),
    ...(diagnosis && describeDiagnosis(diagnosis)),
    ...(correlation && describeCorrelation(correlation)),
    ...(decision && describeDecision(decision)),
    ...(approval && describeApproval(approval)),
    ...(outcome && describeOutcome(outcome)),
    ...(verifyStrategy && { [ATTRIBUTES.verifyStrategy]: verifyStrategy }),
    ...(send && describeSend(send)),
  };
}

/** The ids of a trace, as fields of a log record. */
export function describeTrace(link: TraceLink | undefined): Record<string, string> {
  return link === undefined ? {} : { trace_id: link.traceId, span_id: link.spanId };
}
