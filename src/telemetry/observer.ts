/** Records what the pipeline and the HTTP server report as metrics. */
import type { Observer } from '../pipeline/observer.ts';
import type { TokenUsage } from '../pipeline/ports/model.ts';
import type { ContainerCounters } from './container-counters.ts';
import type { Instruments } from './instruments.ts';

/** Values of the label `kind`, by field of TokenUsage. */
const TOKEN_KINDS = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
} as const satisfies Record<keyof TokenUsage, string>;

export function createMetricsObserver(
  { counters, histograms, gauges, totals }: Instruments,
  containers: ContainerCounters,
): Observer {
  return {
    signal(detector, containerName) {
      containers.increment('errorsDetected', containerName, { detector });
    },
    suppressed(reason) {
      counters.errorsSuppressed.add(1, { reason });
    },
    incidentOpened({ detector, latencyMs }) {
      // The event's timestamp may come from a clock that is ahead of ours. A histogram accepts no negative values.
      histograms.detectionLatency.record(Math.max(0, latencyMs) / 1e3, { detector });
    },
    incidentDiagnosed({ containerName, severity }) {
      containers.increment('incidents', containerName, { severity });
    },
    diagnosis({ tier, outcome, durationMs }) {
      histograms.diagnosisDuration.record(durationMs / 1e3, { tier, outcome });
    },
    diagnosisSkipped(reason) {
      counters.diagnosesSkipped.add(1, { reason });
    },
    claudeRequest({ model, outcome, tokens, costUsd, durationMs }) {
      counters.claudeRequests.add(1, { model, outcome });
      counters.claudeCost.add(costUsd, { model });
      for (const [key, kind] of Object.entries(TOKEN_KINDS)) {
        counters.claudeTokens.add(tokens[key as keyof TokenUsage], { model, kind });
      }
      if (durationMs === undefined) return;
      histograms.genAiDuration.record(durationMs / 1e3, {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': model,
        ...(outcome === 'ok' ? {} : { 'error.type': outcome }),
      });
    },
    correlated(evidence) {
      counters.correlatedSignals.add(1, { evidence });
    },
    incidentMembers(containers) {
      histograms.incidentMembers.record(containers);
    },
    causeFound(outcome) {
      counters.causes.add(1, { outcome });
    },
    anthropicRateLimit({ resource, limit, remaining, resetAt, observedAt }) {
      if (limit !== undefined) gauges.anthropicLimit.record(limit, { resource });
      if (remaining !== undefined) gauges.anthropicRemaining.record(remaining, { resource });
      if (resetAt !== undefined) gauges.anthropicReset.record(resetAt / 1e3, { resource });
      gauges.anthropicObserved.record(observedAt / 1e3, { resource });
    },
    decision({ kind, reason }) {
      counters.decisions.add(1, { decision: kind, reason });
    },
    approval({ outcome, source }) {
      counters.approvals.add(1, { outcome, source });
    },
    restart({ containerName, outcome }) {
      containers.increment('restarts', containerName, { outcome });
    },
    verification({ outcome, durationMs }) {
      histograms.verificationDuration.record(durationMs / 1e3, { outcome });
    },
    notification({ receiver: integration, outcome, durationMs }) {
      counters.notifications.add(1, { integration, outcome });
      if (durationMs === undefined) return;
      histograms.notificationDuration.record(durationMs / 1e3, { integration });
    },
    linesRead(lines, bytes) {
      totals.logLines += lines;
      totals.logBytes += bytes;
    },
    logReconnect(cause) {
      counters.logReconnects.add(1, { cause });
    },
    dockerRequest(operation, durationMs, errorType) {
      histograms.dockerRequestDuration.record(durationMs / 1e3, {
        operation,
        ...(errorType === undefined ? {} : { 'error.type': errorType }),
      });
    },
    engineEvent(at) {
      gauges.lastEvent.record(at / 1e3);
    },
    heartbeat(at) {
      gauges.heartbeat.record(at / 1e3);
    },
  };
}

/** Returns a function that records an HTTP request. `route`: undefined if none matched. */
export function createHttpObserver({ histograms }: Instruments) {
  return (method: string, route: string | undefined, status: number, durationMs: number): void => {
    histograms.httpServerDuration.record(durationMs / 1e3, {
      'http.request.method': method,
      'http.response.status_code': status,
      'url.scheme': 'http',
      ...(route === undefined ? {} : { 'http.route': route }),
      ...(status < 500 ? {} : { 'error.type': String(status) }),
    });
  };
}
