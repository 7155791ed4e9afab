/** The pipeline's hooks, counted. */

import type { Observer } from '../pipeline/observer.ts';
import type { TokenUsage } from '../pipeline/ports.ts';
import type { Instruments } from './instruments.ts';
import { OTHER } from './names.ts';

/** Distinct container names in metrics; containers that come later are counted together as `_OTHER`. */
const MAX_CONTAINER_NAMES = 200;

/** Label values of tokens by where the usage states them. */
const TOKEN_KINDS = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
} as const satisfies Record<keyof TokenUsage, string>;

export function createMetricsObserver({ counters, histograms, gauges, totals }: Instruments): Observer {
  const nameOf = limitNames(MAX_CONTAINER_NAMES);
  return {
    signal(detector, containerName) {
      counters.errorsDetected.add(1, { 'container.name': nameOf(containerName), detector });
    },
    suppressed(reason) {
      counters.errorsSuppressed.add(1, { reason });
    },
    incidentOpened({ detector, latencyMs }) {
      // A container's clock may run ahead of ours; a histogram takes no negative values.
      histograms.detectionLatency.record(Math.max(0, latencyMs) / 1e3, { detector });
    },
    incidentDiagnosed({ containerName, severity }) {
      counters.incidents.add(1, { 'container.name': nameOf(containerName), severity });
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
    headroom({ resource, limit, remaining, resetAt, observedAt }) {
      if (limit !== undefined) gauges.anthropicLimit.record(limit, { resource });
      if (remaining !== undefined) gauges.anthropicRemaining.record(remaining, { resource });
      if (resetAt !== undefined) gauges.anthropicReset.record(resetAt / 1e3, { resource });
      gauges.anthropicObserved.record(observedAt / 1e3, { resource });
    },
    decision({ kind, reason }) {
      counters.decisions.add(1, { decision: kind, reason });
    },
    restart({ containerName, outcome }) {
      counters.restarts.add(1, { 'container.name': nameOf(containerName), outcome });
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
    reconnect(cause) {
      counters.logReconnects.add(1, { cause });
    },
    dockerRequest(operation, durationMs, errorType) {
      histograms.dockerRequestDuration.record(durationMs / 1e3, {
        operation,
        ...(errorType === undefined ? {} : { 'error.type': errorType }),
      });
    },
    eventSeen(at) {
      gauges.lastEvent.record(at / 1e3);
    },
    heartbeat(at) {
      gauges.heartbeat.record(at / 1e3);
    },
  };
}

/** Counts requests to our own pages; `route` is absent where none matched. */
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

/**
 * Gives the first `limit` distinct names back as they are and `_OTHER` for the rest. No container can bear
 * that name: Docker wants a letter or digit first.
 */
function limitNames(limit: number): (name: string) => string {
  const names = new Set<string>();
  return (name) => {
    if (names.has(name)) return name;
    if (names.size >= limit) return OTHER;
    names.add(name);
    return name;
  };
}
