/** For tests that need every series. */
import { DECISION_KINDS, OUTCOMES } from '../../src/domain/decision.ts';
import { SEVERITIES, SKIP_REASONS, TIERS } from '../../src/domain/diagnosis.ts';
import { DETECTORS, SUPPRESSIONS } from '../../src/domain/incident.ts';
import { CLAUDE_OUTCOMES } from '../../src/domain/model-failures.ts';
import { RECEIVER_NAMES } from '../../src/notifiers/registry.ts';
import {
  DIAGNOSIS_OUTCOMES,
  NOTIFICATION_OUTCOMES,
  type Observer,
  RATE_LIMIT_RESOURCES,
  RECONNECT_CAUSES,
} from '../../src/pipeline/observer.ts';
import type { Gauges } from '../../src/telemetry/instruments.ts';

export const MODEL = 'claude-haiku-5-5';

export const gauges: Gauges = {
  agents: () => ({ alive: 1, silent: 0 }),
  incidentsOpen: () => 2,
  rateLimitRemaining: async () => 17,
  rateLimitLimit: () => 20,
  budgetRemainingUsd: async () => 0.75,
  budgetLimitUsd: () => 1,
  outboxPending: async () => ({ slack: 0 }),
  containersWatched: () => 11,
  dockerConnected: () => true,
  sourcesUp: () => ({ list: true, events: true, logs: true, inspect: true, restart: false }),
  storeHealthy: () => true,
  storeStandby: () => false,
  claudeCircuitOpen: () => false,
  configReloaded: () => true,
};

/** Calls every hook, once for each value of its closed labels. */
export function callEveryHook(observer: Observer): void {
  for (const detector of DETECTORS) {
    observer.signal(detector, 'web');
    observer.incidentOpened({ detector, latencyMs: 120 });
  }
  for (const reason of SUPPRESSIONS) observer.suppressed(reason);
  for (const severity of SEVERITIES) observer.incidentDiagnosed({ containerName: 'web', severity });
  for (const tier of TIERS) {
    for (const outcome of DIAGNOSIS_OUTCOMES) observer.diagnosis({ tier, outcome, durationMs: 900 });
  }
  for (const reason of SKIP_REASONS) observer.diagnosisSkipped(reason);
  for (const outcome of CLAUDE_OUTCOMES) {
    const tokens = { input: 900, output: 200, cacheRead: 10, cacheWrite: 5 };
    observer.claudeRequest({ model: MODEL, outcome, tokens, costUsd: 0.001, durationMs: 800 });
  }
  for (const resource of RATE_LIMIT_RESOURCES) {
    observer.anthropicRateLimit({ resource, limit: 50, remaining: 49, resetAt: 2_000, observedAt: 1_000 });
  }
  for (const kind of DECISION_KINDS) observer.decision({ kind, reason: 'auto_fix_off' });
  for (const outcome of OUTCOMES) {
    observer.restart({ containerName: 'web', outcome });
    observer.verification({ outcome, durationMs: 30_000 });
  }
  for (const receiver of RECEIVER_NAMES) {
    for (const outcome of NOTIFICATION_OUTCOMES) observer.notification({ receiver, outcome, durationMs: 80 });
  }
  for (const cause of RECONNECT_CAUSES) observer.logReconnect(cause);
  observer.linesRead(3, 240);
  observer.dockerRequest('inspect', 4);
  observer.dockerRequest('restart', 10_000, 'timeout');
  observer.engineEvent(1_000);
  observer.heartbeat(1_500);
}
