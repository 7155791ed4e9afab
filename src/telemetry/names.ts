/** Span and attribute names. Users search traces by them, so a change is a breaking change. See docs/telemetry.md. */

/** Name of the meter, the tracer and the logger. */
export const SCOPE = 'container-doctor';

export const ATTRIBUTES = {
  containerId: 'container.id',
  containerName: 'container.name',
  imageName: 'container.image.name',
  imageTags: 'container.image.tags',
  service: 'container_doctor.service',
  project: 'container_doctor.project',
  incidentId: 'container_doctor.incident.id',
  fingerprint: 'container_doctor.fingerprint',
  detector: 'container_doctor.detector',
  occurrences: 'container_doctor.occurrences',
  members: 'container_doctor.members',
  cause: 'container_doctor.cause',
  correlationEvidence: 'container_doctor.correlation.evidence',
  contextLines: 'container_doctor.context.lines',
  contextBytes: 'container_doctor.context.bytes',
  contextRedactions: 'container_doctor.context.redactions',
  tier: 'container_doctor.diagnosis.tier',
  cached: 'container_doctor.diagnosis.cached',
  fallback: 'container_doctor.diagnosis.fallback',
  severity: 'container_doctor.severity',
  restartAdvised: 'container_doctor.restart_advised',
  model: 'gen_ai.response.model',
  costUsd: 'container_doctor.cost_usd',
  decision: 'container_doctor.decision',
  decisionReason: 'container_doctor.decision.reason',
  approval: 'container_doctor.approval',
  approvalSource: 'container_doctor.approval.source',
  approvalBy: 'container_doctor.approval.by',
  outcome: 'container_doctor.outcome',
  verifyStrategy: 'container_doctor.verify.strategy',
  integration: 'container_doctor.integration',
  tries: 'container_doctor.tries',
  httpStatus: 'http.response.status_code',
  errorType: 'error.type',
} as const;

/** Attributes of stage spans that are copied to the root span of the incident, so that traces can be found by them. */
export const ON_INCIDENT = [
  ATTRIBUTES.severity,
  ATTRIBUTES.decision,
  ATTRIBUTES.decisionReason,
  ATTRIBUTES.outcome,
] as const;

/** `error.type` of an unclassified failure, and `container_name` beyond the limit. Defined by the semantic conventions. */
export const OTHER = '_OTHER';
