/** The one place that knows everybody: a straight line from the settings to a running agent. */
import { randomBytes } from 'node:crypto';
import { createClaudeOnDemand } from './claude/on-demand.ts';
import { type Config, policyDefaults, storePlace } from './config.ts';
import { createDockerEngine } from './docker/engine.ts';
import { findOwnContainerId } from './docker/own-container.ts';
import type { ContainerFacts, Incident } from './domain.ts';
import { buildHealth } from './http/health.ts';
import { toHistoryEntry } from './http/history.ts';
import { toScorecardView } from './http/scorecard.ts';
import { createHttpServer } from './http/server.ts';
import { restart } from './pipeline/act.ts';
import { collect, redactSummary } from './pipeline/collect.ts';
import { decide } from './pipeline/decide.ts';
import { createDiagnoser } from './pipeline/diagnose/diagnose.ts';
import type { GateStatus } from './pipeline/diagnose/gate.ts';
import { createNotifier } from './pipeline/notify.ts';
import type { Observer } from './pipeline/observer.ts';
import { createPipeline } from './pipeline/pipeline.ts';
import { scorecard } from './pipeline/policy/scorecard.ts';
import type { Clock, ContainerControl, Logger } from './pipeline/ports.ts';
import { createSecretBook } from './pipeline/secret-book.ts';
import { watchStore } from './pipeline/store-watch.ts';
import { createUnwritten } from './pipeline/unwritten.ts';
import { verify } from './pipeline/verify.ts';
import { createWatch } from './pipeline/watch/watch.ts';
import { createPolicyBook } from './policy/book.ts';
import { policyFilesOnDisk } from './policy/disk.ts';
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
  /** Reads the policy file again. Never rejects. */
  reload(): Promise<void>;
  /** Hands over what is under way and closes everything; within 10 s. Idempotent. */
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The loop stands still where it missed this many rounds. */
const MISSED_ROUNDS = 3;
const STALL_GRACE_MS = 30_000;
/** As many as a page can show and a person can judge. */
const CASES_SCORED = 1_000;
const PRUNE_EVERY_MS = 6 * HOUR_MS;
/** An incident's handling takes seconds between its steps; this is well beyond. */
const QUIET_MS = 60_000;

export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const { logger, clock, telemetry, version } = deps;
  const startedAt = clock.now();
  const stopping = new AbortController();
  const tracing = createTracing(telemetry.tracer);
  const { traced } = tracing;

  const policies = createPolicyBook({
    ...config.policy,
    defaults: policyDefaults(config),
    files: policyFilesOnDisk,
    clock,
    logger,
  });

  const store = await openStore({
    where: storePlace(config),
    now: clock.now,
    logger,
  });
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
      claudeCircuitOpen: () => diagnoser.status().circuit.kind !== 'closed',
      configReloaded: policies.lastReloadSuccessful,
    },
    { version, models: [...new Set(models)] },
  );
  const health: ClaudeHealth = { lastError: undefined };
  const activity = { lastAt: startedAt };
  const observer = withActivity(withClaudeHealth(createMetricsObserver(instruments), health), activity, clock);

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
      : createClaudeOnDemand({
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
        before: () => ({ [ATTRIBUTES.integration]: sender.integration, [ATTRIBUTES.tries]: tries }),
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
    diagnoseWith: config.diagnoseWith,
    claude,
    ledger: store,
    incidents: store,
    observer,
    logger,
    clock,
    limits: config.limits,
    services: () => new Set(watch.status().watched.map(({ project, service }) => `${project ?? ''}/${service}`)).size,
  });
  const secrets = createSecretBook(engine);
  const traceInspect = { kind: 'client' } as const;
  const collectDeps = {
    control: { ...control, inspect: traced(SPANS.docker('inspect'), secrets.inspect, traceInspect) },
    secretsOf: secrets.secretsOf,
    redactor,
    attempts: store,
    clock,
  };

  // Killed at any moment, the agent reads its lines again or has their incident in the store, and never both for an
  // incident that is over: a position is saved after its incidents, and before one is resolved.
  const unwritten = createUnwritten(clock);
  const incidentStore = {
    ...store,
    saveIncident: (incident: Incident) => store.saveIncident(incident).finally(() => unwritten.remove(incident.id)),
    resolveIncident: async (id: string, at: number) => {
      await watch.saved();
      await store.resolveIncident(id, at);
    },
  };

  const pipeline = createPipeline({
    newId() {
      const id = newIncidentId();
      unwritten.add(id);
      return id;
    },
    stages: {
      redactSummary: (incident) => {
        // Loads while the evidence settles: Claude is asked no later for it.
        claude?.prepare();
        return redactSummary(incident, collectDeps);
      },
      collect: traced(
        SPANS.collect,
        async (incident, signals, settled) => {
          await settled;
          const { logLines } = policies.policyOf(incident().container).values;
          return collect(incident(), signals, { ...collectDeps, logLines });
        },
        { after: describe.describeContext },
      ),
      diagnose: traced(SPANS.diagnose, diagnoser.diagnose, { after: describe.describeDiagnosis }),
      decide: traced(SPANS.decide, decide, { after: describe.describeDecision }),
      restart: traced(
        (incident: Incident, _facts: ContainerFacts) => SPANS.restart(incident.container.name),
        (incident: Incident, facts: ContainerFacts) =>
          restart(incident, facts, { control, attempts: store, clock, newId: newIncidentId }),
        { after: describe.describeActed },
      ),
      verify: traced(SPANS.verify, (options) => verify(options, { control: engine, clock }), {
        after: (verdict) => ({
          ...describe.describeOutcome(verdict.outcome),
          [ATTRIBUTES.verifyStrategy]: verdict.strategy,
        }),
      }),
      notify: notifier.notify,
    },
    store: incidentStore,
    control,
    observer,
    logger,
    clock,
    autoFix: config.autoFix,
    policyOf: policies.policyOf,
    verifySlackMs: config.verify.deadlineMs - config.verify.stableForMs,
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
    isEnabled: (container) => policies.policyOf(container).values.enable,
    reconcileEveryMs: config.checkIntervalMs,
    clock,
    logger,
    handlers: {
      onLines: pipeline.onLines,
      onEvent: (event) => {
        if (event.action.kind === 'create' || event.action.kind === 'start') void secrets.learn([event.containerId]);
        pipeline.onEvent(event);
      },
      onListed: (containers) => {
        void secrets.learn(containers.map(({ ref }) => ref.id));
        pipeline.onListed(containers);
      },
      onGone: pipeline.onGone,
      onReconnect: (cause) => observer.reconnect(cause === 'ended' || cause === 'stalled' ? cause : 'error'),
      onConnection: () => {},
    },
    written: unwritten.none,
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

  const lastTotals = orAsLast(store.totals, { diagnoses: 0, restartsByContainer: new Map<string, number>() });
  const lastLimits = orAsLast(limits, { spent: 0, asksLeft: 0, dollarsLeft: 0 });
  const lastPending = orAsLast(store.pending, 0);

  const healthView = async () => {
    const now = clock.now();
    const { connected, watched, missingTargets, lastEventAt, lastReconcileAt } = watch.status();
    const [totals, { asksLeft, spent }, outboxPending] = await Promise.all([lastTotals(), lastLimits(), lastPending()]);
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
      storeProblem: store.problem(),
      claude: {
        configured: claude !== undefined && config.diagnoseWith !== 'rules-only',
        model: config.anthropic.model,
        lastError: health.lastError,
        ...claudeGate(diagnoser.status()),
      },
      slack: { configured: config.slack.webhookUrl !== undefined },
    }).body;
  };

  const retention = {
    resolvedIncidentsMs: config.retention.days * DAY_MS,
    maxResolvedIncidents: config.retention.incidents,
    ledgerMs: config.retention.days * DAY_MS,
  };

  /** Resolves when no incident was opened or handled for a while, or after an hour all the same. */
  const quiet = async (): Promise<void> => {
    for (const begun = clock.now(); clock.now() - begun < HOUR_MS && !stopping.signal.aborted; ) {
      const busyAt = activity.lastAt;
      await clock.sleep(QUIET_MS, stopping.signal);
      if (activity.lastAt === busyAt) return;
    }
  };

  const tidy = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await quiet();
      if (stopping.signal.aborted) return;
      await store.prune({ retention, signal: stopping.signal }).catch((error: unknown) => {
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
        scorecard: async () => toScorecardView(scorecard(await store.reviewedCases(CASES_SCORED))),
        metrics: telemetry.renderMetrics,
        version,
        logger,
        onRequest: createHttpObserver(instruments),
      });
      await pipeline.resume();
      background.push(
        notifier.run(stopping.signal),
        policies.watch(stopping.signal),
        tidy(),
        watchStore({ store, say: notifier.say, clock, everyMs: config.checkIntervalMs }, stopping.signal),
      );
      await watch.start();
      return { url: server.url };
    },

    reload: policies.reload,

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

/** Why Claude may not be asked just now, as `/health` tells it. */
function claudeGate({ circuit, overShare }: GateStatus) {
  return { circuit: circuit.kind, retryAt: circuit.kind === 'open' ? circuit.retryAt : undefined, overShare };
}

/** What `read` gave last where it fails now: `/health` answers while the store does not. */
function orAsLast<T>(read: () => Promise<T>, initially: T): () => Promise<T> {
  let last = initially;
  return async () => {
    last = await read().catch(() => last);
    return last;
  };
}

/** Notes when an incident was last opened or decided on. */
function withActivity(observer: Observer, activity: { lastAt: number }, clock: Clock): Observer {
  return {
    ...observer,
    incidentOpened(opened) {
      activity.lastAt = clock.now();
      observer.incidentOpened(opened);
    },
    decision(decision) {
      activity.lastAt = clock.now();
      observer.decision(decision);
    },
  };
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
