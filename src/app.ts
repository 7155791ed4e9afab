/** The one place that knows everybody: a straight line from the settings to a running agent. */
import { randomBytes } from 'node:crypto';
import { createClaude } from './claude/claude.ts';
import type { Config } from './config.ts';
import { createDockerEngine } from './docker/engine.ts';
import { findOwnContainerId } from './docker/own-container.ts';
import type { ContainerFacts, Incident } from './domain.ts';
import { buildHealth } from './http/health.ts';
import { toHistoryEntry } from './http/history.ts';
import { createHttpServer } from './http/server.ts';
import { restart } from './pipeline/act.ts';
import { collect, redactSummary } from './pipeline/collect.ts';
import { decide } from './pipeline/decide.ts';
import { createDiagnoser } from './pipeline/diagnose/diagnose.ts';
import { createNotifier } from './pipeline/notify.ts';
import type { Observer } from './pipeline/observer.ts';
import { createPipeline } from './pipeline/pipeline.ts';
import type { Clock, ContainerControl, Logger } from './pipeline/ports.ts';
import { verify } from './pipeline/verify.ts';
import { createWatch } from './pipeline/watch/watch.ts';
import { createRedactor } from './redact/redactor.ts';
import { createConsoleSender } from './slack/console.ts';
import { createSlackSender } from './slack/sender.ts';
import { openStore } from './store/store.ts';
import * as describe from './telemetry/attributes.ts';
import { createInstruments } from './telemetry/instruments.ts';
import { ATTRIBUTES, SPANS } from './telemetry/names.ts';
import { createHttpObserver, createMetricsObserver } from './telemetry/observer.ts';
import type { Telemetry } from './telemetry/register.ts';
import { createTracing } from './telemetry/traced.ts';

export interface AppDeps {
  readonly version: string;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where alerts go without Slack. */
  print(text: string): void;
}

export interface App {
  /** Resolves when the pages answer and the containers were listed once, or the engine was found away. */
  start(): Promise<{ readonly url: string }>;
  /** Hands over what is under way and closes everything; within 10 s. Idempotent. */
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The loop stands still where it missed this many rounds. */
const MISSED_ROUNDS = 3;
const STALL_GRACE_MS = 30_000;
const PRUNE_EVERY_MS = 6 * HOUR_MS;

export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const { logger, clock, telemetry, version } = deps;
  const startedAt = clock.now();
  const stopping = new AbortController();
  const tracing = createTracing(telemetry.tracer);
  const { traced } = tracing;

  const store = await openStore({ dataDir: config.dataDir, now: clock.now, logger });
  const models = [config.anthropic.model, config.anthropic.strongModel];
  const instruments = createInstruments(
    telemetry.meter,
    {
      incidentsOpen: () => pipeline.openIncidents(),
      rateLimitRemaining: async () => (await limits()).asksLeft,
      rateLimitLimit: () => config.limits.diagnosesPerHour,
      budgetRemainingUsd: async () => (await limits()).dollarsLeft,
      budgetLimitUsd: () => config.limits.spendPerDayUsd,
      outboxPending: async () => ({ [sender.integration]: await store.pending() }),
      containersWatched: () => watch.status().watched.length,
      dockerConnected: () => watch.status().connected,
      storeHealthy: () => store.healthy(),
      configReloaded: () => true,
    },
    { version, models: [...new Set(models)] },
  );
  const health: ClaudeHealth = { lastError: undefined };
  const observer = withClaudeHealth(createMetricsObserver(instruments), health);

  const engine = createDockerEngine({ ...config.docker, onRequest: observer.dockerRequest });
  const control: ContainerControl = {
    inspect: traced(SPANS.docker('inspect'), engine.inspect, { kind: 'client' }),
    tailLogs: traced(SPANS.docker('logs'), engine.tailLogs, { kind: 'client' }),
    restart: traced(SPANS.docker('restart'), engine.restart, { kind: 'client' }),
    list: traced(SPANS.docker('list'), engine.list, { kind: 'client' }),
  };
  const redactor = createRedactor();
  const claude =
    config.anthropic.apiKey === undefined
      ? undefined
      : createClaude({
          ...config.anthropic,
          apiKey: config.anthropic.apiKey,
          now: clock.now,
          onHeadroom: (all) => {
            for (const headroom of all) observer.headroom(headroom);
          },
        });
  const sender =
    config.slack.webhookUrl === undefined
      ? createConsoleSender({ write: deps.print })
      : createSlackSender({ webhookUrl: config.slack.webhookUrl });

  const notifier = createNotifier({
    sender,
    outbox: store,
    observer,
    logger,
    clock,
    traceSend: (_alert, tries, trace, send) => {
      const span = {
        kind: 'client',
        before: () => ({ [ATTRIBUTES.tries]: tries }),
        after: describe.describeSend,
      } as const;
      // The first try is part of the incident; a later one is a trace of its own that points to it.
      return traced(
        SPANS.notify(sender.integration),
        send,
        tries === 0 ? { ...span, childOf: trace } : { ...span, linkTo: trace },
      )();
    },
  });
  const diagnoser = createDiagnoser({
    claude,
    ledger: store,
    incidents: store,
    observer,
    logger,
    clock,
    limits: config.limits,
  });
  const collectDeps = { control, redactor, attempts: store, clock, logLines: config.logLines };

  const pipeline = createPipeline({
    newId: newIncidentId,
    stages: {
      redactSummary: (incident) => redactSummary(incident, { control, redactor }),
      collect: traced(
        SPANS.collect,
        async (incident, signals, settled) => {
          await settled;
          return collect(incident(), signals, collectDeps);
        },
        { after: describe.describeContext },
      ),
      diagnose: traced(SPANS.diagnose, diagnoser.diagnose, { after: describe.describeDiagnosis }),
      decide: traced(SPANS.decide, decide, { after: describe.describeDecision }),
      restart: traced(
        (incident: Incident, _facts: ContainerFacts) => SPANS.restart(incident.container.name),
        (incident: Incident, facts: ContainerFacts) =>
          restart(incident, facts, { control, attempts: store, clock, newId: newIncidentId }),
      ),
      verify: traced(SPANS.verify, (options) => verify(options, { control: engine, clock }), {
        after: (verdict) => ({
          ...describe.describeOutcome(verdict.outcome),
          [ATTRIBUTES.verifyStrategy]: verdict.strategy,
        }),
      }),
      notify: notifier.notify,
    },
    store,
    control,
    observer,
    logger,
    clock,
    policy: {
      autoFix: config.autoFix,
      restartsPerHour: config.limits.restartsPerHour,
      minSeverity: config.slack.minSeverity,
    },
    verify: config.verify,
    traceIncident: (incident, earlier, work) => {
      const attributes = describe.describeIncident(incident);
      return earlier === undefined
        ? tracing.withIncidentTrace(incident.container, attributes, work, { startedAt: incident.openedAt })
        : tracing.withLinkedTrace(SPANS.incident(incident.container.name), earlier, attributes, work);
    },
  });

  const watch = createWatch({
    engine,
    cursors: store,
    targets: config.targets,
    ownId: await findOwnContainerId(),
    reconcileEveryMs: config.checkIntervalMs,
    clock,
    logger,
    handlers: {
      onLines: pipeline.onLines,
      onEvent: pipeline.onEvent,
      onListed: pipeline.onListed,
      onGone: pipeline.onGone,
      onReconnect: (cause) => observer.reconnect(cause === 'ended' || cause === 'stalled' ? cause : 'error'),
      onConnection: () => {},
    },
  });

  const limits = async () => {
    const now = clock.now();
    const [asks, spent] = await Promise.all([store.asksSince(now - HOUR_MS), store.spendSince(now - DAY_MS)]);
    return {
      spent,
      asksLeft: Math.max(0, config.limits.diagnosesPerHour - asks),
      dollarsLeft: Math.max(0, config.limits.spendPerDayUsd - spent),
    };
  };

  const healthView = async () => {
    const now = clock.now();
    const { connected, watched, missingTargets, lastEventAt, lastReconcileAt } = watch.status();
    const [totals, { asksLeft, spent }, outboxPending] = await Promise.all([store.totals(), limits(), store.pending()]);
    const patience = MISSED_ROUNDS * config.checkIntervalMs + STALL_GRACE_MS;
    return buildHealth({
      now,
      startedAt,
      version,
      mode: config.autoFix ? 'auto_fix' : 'observe',
      dockerConnected: connected,
      loopStalled: connected && now - (lastReconcileAt ?? startedAt) > patience,
      monitoring: watched.map((container) => container.name).sort(),
      missingTargets,
      totalDiagnoses: totals.diagnoses,
      restartsByContainer: totals.restartsByContainer,
      rateLimit: { remaining: asksLeft, limit: config.limits.diagnosesPerHour },
      spend: { today: spent, limit: config.limits.spendPerDayUsd },
      lastEventAt,
      lastReconcileAt,
      openIncidents: pipeline.openIncidents(),
      outboxPending,
      storeHealthy: store.healthy(),
      claude: { configured: claude !== undefined, model: config.anthropic.model, lastError: health.lastError },
      slack: { configured: config.slack.webhookUrl !== undefined },
    }).body;
  };

  const tidy = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await store.prune({ signal: stopping.signal }).catch((error: unknown) => {
        logger.warn('the store could not be pruned', { error: String(error) });
      });
      await clock.sleep(PRUNE_EVERY_MS, stopping.signal);
    }
  };

  let server: Awaited<ReturnType<typeof createHttpServer>> | undefined;
  const background: Promise<void>[] = [];
  let stopped: Promise<void> | undefined;

  return {
    async start() {
      server = await createHttpServer({
        ...config.http,
        health: healthView,
        history: async (query) => (await store.history(query)).map(toHistoryEntry),
        metrics: telemetry.renderMetrics,
        version,
        logger,
        onRequest: createHttpObserver(instruments),
      });
      await pipeline.resume();
      background.push(notifier.run(stopping.signal), tidy());
      await watch.start();
      return { url: server.url };
    },

    stop() {
      stopped ??= (async () => {
        // Watch first: its cursors must not move past lines that nobody takes in any more.
        await Promise.all([watch.stop(), server?.close()]);
        await pipeline.stop();
        stopping.abort();
        await Promise.all(background);
        await store.close();
      })();
      return stopped;
    },
  };
}

interface ClaudeHealth {
  /** Why the latest question failed; undefined once one succeeded. */
  lastError: string | undefined;
}

/** `/health` tells how the latest request to Claude went. */
function withClaudeHealth(observer: Observer, health: ClaudeHealth): Observer {
  return {
    ...observer,
    claudeRequest(request) {
      health.lastError = request.outcome === 'ok' ? undefined : request.outcome;
      observer.claudeRequest(request);
    },
  };
}

/** Sorts by time, and is short enough to be read out. */
function newIncidentId(): string {
  return `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`;
}
