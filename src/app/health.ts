/** Collects the data for `/health`. http/health.ts builds the page. */
import { type Config, claudeKey, usedLocalModel } from '../config/config.ts';
import { IMAGES_REFUSED, type SourceStates } from '../docker/sources.ts';
import type { ClaudeFailure } from '../domain/model-failures.ts';
import { buildHealth, type HealthInputs, type HealthView } from '../http/health.ts';
import type { Clock } from '../lib/time.ts';
import type { ClaudeLimitsStatus } from '../pipeline/diagnose/claude-limits.ts';
import type { Diagnoser } from '../pipeline/diagnose/diagnose.ts';
import type { Notifier } from '../pipeline/notify/notify.ts';
import type { Observer } from '../pipeline/observer.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Watch } from '../pipeline/watch/watch.ts';
import type { Store } from '../store/store.ts';
import { sourceProblems } from './engine-sources.ts';
import type { LateLog } from './late-logs.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The loop counts as stalled if it is late by this number of rounds and the grace period. */
const MISSED_ROUNDS = 3;
const STALL_GRACE_MS = 30_000;

/** What is left of the hourly cap and the daily budget. */
export interface Limits {
  /** US dollars in the last 24 hours. */
  readonly spent: number;
  /** In the last hour. */
  readonly asksLeft: number;
  readonly dollarsLeft: number;
}

export function createHealthPage(options: {
  readonly config: Config;
  readonly version: string;
  readonly startedAt: number;
  readonly store: Store;
  readonly watch: Pick<Watch, 'status'>;
  readonly pipeline: Pick<Pipeline, 'openIncidents' | 'waitingRequests' | 'snoozes'>;
  readonly diagnoser: Pick<Diagnoser, 'status' | 'localStatus'>;
  readonly notifier: Pick<Notifier, 'failure' | 'problem'>;
  readonly clock: Clock;
  lastError(): ClaudeFailure | undefined;
  lateLogs(): readonly LateLog[];
  sources(): SourceStates;
  localTrust(): Promise<string | undefined>;
  imagesRefused(): boolean;
}): { view(): Promise<HealthView>; limits(): Promise<Limits> } {
  const { config, version, startedAt, store, watch, pipeline, diagnoser, notifier, clock, lastError } = options;

  const limits = async () => {
    const now = clock.now();
    const [asks, spent] = await Promise.all([store.asksSince(now - HOUR_MS), store.spendSince(now - DAY_MS)]);
    return {
      spent,
      asksLeft: Math.max(0, config.limits.diagnosesPerHour - asks),
      dollarsLeft: Math.max(0, config.limits.spendPerDayUsd - spent),
    };
  };

  const totalsOrLast = withLastResult(store.totals, { diagnoses: 0, restartsByContainer: new Map<string, number>() });
  const limitsOrLast = withLastResult(limits, { spent: 0, asksLeft: 0, dollarsLeft: 0 });
  const pendingOrLast = withLastResult(store.pending, new Map<string, number>());

  const view = async () => {
    const now = clock.now();
    const sources = options.sources();
    const { connected, watched, missingTargets, skippedLogs, lastEventAt, lastReconcileAt, sinceReconcileMs } =
      watch.status();
    const [totals, { asksLeft, spent }, pending, trust] = await Promise.all([
      totalsOrLast(),
      limitsOrLast(),
      pendingOrLast(),
      options.localTrust(),
    ]);
    const stalledAfterMs = MISSED_ROUNDS * config.checkIntervalMs + STALL_GRACE_MS;
    return buildHealth({
      now,
      startedAt,
      version,
      mode: config.askFirst ? 'ask' : config.autoFix ? 'auto_fix' : 'observe',
      dockerConnected: connected,
      loopStalled: connected && sinceReconcileMs > stalledAfterMs,
      monitoring: watched.map((container) => container.name).sort(),
      missingTargets,
      totalDiagnoses: totals.diagnoses,
      restartsByContainer: totals.restartsByContainer,
      rateLimit: { remaining: asksLeft, limit: config.limits.diagnosesPerHour },
      spend: { today: spent, limit: config.limits.spendPerDayUsd },
      lastEventAt,
      lastReconcileAt,
      lateLogs: options.lateLogs(),
      skippedLogs,
      sources: Object.entries(sources).map(([source, state]) => ({ source, ...state })),
      sourceProblems: [...sourceProblems(sources, connected), ...(options.imagesRefused() ? [IMAGES_REFUSED] : [])],
      openIncidents: pipeline.openIncidents(),
      waitingRequests: pipeline.waitingRequests(),
      snoozes: pipeline.snoozes(),
      storeHealthy: store.healthy(),
      storeProblem: store.problem(),
      databaseAway: store.databaseAway(),
      claude: {
        configured: claudeKey(config) !== undefined,
        model: config.anthropic.model,
        lastError: lastError(),
        ...claudeLimits(diagnoser.status()),
      },
      localModel: localModelHealth(config, diagnoser.localStatus(), trust),
      receivers: config.receivers.map(({ name, title }) => ({
        name,
        title,
        pending: pending.get(name) ?? 0,
        failure: notifier.failure(name),
        problem: notifier.problem(name),
      })),
    }).body;
  };

  return { view, limits };
}

function localModelHealth(
  config: Config,
  status: ReturnType<Diagnoser['localStatus']>,
  trust: string | undefined,
): HealthInputs['localModel'] {
  const localModel = usedLocalModel(config);
  if (localModel === undefined || status === undefined) return undefined;
  const { circuit, lastFailure } = status;
  return {
    model: localModel.model,
    mayRestart: localModel.mayRestart,
    trust: trust ?? '',
    lastError: lastFailure,
    circuit: circuit.kind,
    retryAt: circuit.kind === 'open' ? circuit.retryAt : undefined,
  };
}

/** Whether requests to Claude are paused, and which services used up their share, as `/health` shows them. */
function claudeLimits({ circuit, overShare }: ClaudeLimitsStatus) {
  return { circuit: circuit.kind, retryAt: circuit.kind === 'open' ? circuit.retryAt : undefined, overShare };
}

/** Wraps `read`: if it fails, returns its last result, so that `/health` works while the store fails. */
function withLastResult<T>(read: () => Promise<T>, initially: T): () => Promise<T> {
  let last = initially;
  return async () => {
    last = await read().catch(() => last);
    return last;
  };
}

/** Wraps the observer. `last`: why the latest request to Claude failed; undefined if it succeeded or there was none. */
export function noteClaudeErrors(observer: Observer): {
  readonly observer: Observer;
  last(): ClaudeFailure | undefined;
} {
  let last: ClaudeFailure | undefined;
  return {
    observer: {
      ...observer,
      claudeRequest(request) {
        last = request.outcome === 'ok' ? undefined : request.outcome;
        observer.claudeRequest(request);
      },
    },
    last: () => last,
  };
}
