/** The HTTP server with a real store and without an agent. Does not import vitest, because benchmarks use it too. */
import { createChangeFeed } from '../../src/http/api/changes.ts';
import type { ApiSource } from '../../src/http/api/source.ts';
import { buildHealth, type HealthInputs, type HealthView } from '../../src/http/health.ts';
import { toScorecardView } from '../../src/http/scorecard.ts';
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import { scorecard } from '../../src/pipeline/incident/scorecard.ts';
import type { PeopleActions } from '../../src/pipeline/ports/people.ts';

/** `/health` of an agent without a problem. */
export function aHealth(over: Partial<HealthInputs> = {}): HealthView {
  return buildHealth({
    now: 2_000,
    startedAt: 1_000,
    version: '1.2.3',
    mode: 'observe',
    dockerConnected: true,
    loopStalled: false,
    monitoring: ['web'],
    missingTargets: [],
    totalDiagnoses: 0,
    restartsByContainer: new Map(),
    rateLimit: { remaining: 20, limit: 20 },
    spend: { today: 0, limit: 1 },
    lateLogs: [],
    skippedLogs: [],
    sources: [],
    sourceProblems: [],
    openIncidents: 0,
    storeHealthy: true,
    claude: { configured: true, model: 'm' },
    receivers: [],
    ...over,
  }).body;
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The options of a server with empty pages; without `/api/v1`. */
export function serverOptions(over: Partial<HttpServerOptions> = {}): HttpServerOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    health: async () => aHealth(),
    history: async () => [],
    scorecard: async () => toScorecardView(scorecard([])),
    version: '1.2.3',
    logger: silent,
    ...over,
  };
}

/** What the API answers from: a store, and an agent that watches nothing. */
export function apiSource(store: ApiSource['store'], over: Partial<ApiSource> = {}): ApiSource {
  return {
    store,
    actions: refuseAll,
    changes: createChangeFeed(),
    health: async () => aHealth(),
    containers: () => [],
    dependencies: () => [],
    waits: () => new Map(),
    host: () => 'host-1',
    budgetPerDayUsd: 1,
    now: Date.now,
    ...over,
  };
}

const refuse = async () => ({ kind: 'not_found' }) as const;
const refuseAll: PeopleActions = {
  approve: refuse,
  deny: refuse,
  snooze: refuse,
  endSnooze: refuse,
  askAgain: refuse,
  judge: refuse,
};

export function startServer(over: Partial<HttpServerOptions> = {}) {
  return createHttpServer(serverOptions(over));
}
