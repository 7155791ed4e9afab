/** The one place that knows everybody: a straight line from the settings to a running agent. */
import { randomBytes } from 'node:crypto';
import { type Config, claudeKey, policyDefaults, storePlace } from '../config/config.ts';
import { policyFilesOnDisk } from '../config/policy/disk.ts';
import { createPolicyBook } from '../config/policy/policies.ts';
import { createDockerEngine, type DockerEngine } from '../docker/engine.ts';
import { createHostName, withHostName } from '../docker/host-name.ts';
import { findOwnContainerId } from '../docker/own-container.ts';
import { type ContainerFacts, type Incident, serviceKey } from '../domain.ts';
import { toHistoryEntry } from '../http/history.ts';
import { toScorecardView } from '../http/scorecard.ts';
import { createHttpServer } from '../http/server.ts';
import { coalesce } from '../lib/coalesce.ts';
import { createLimit } from '../lib/limit.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import { createClaudeOnDemand } from '../models/claude/on-demand.ts';
import { decide } from '../pipeline/decide/decide.ts';
import { collect, redactSummary } from '../pipeline/diagnose/collect.ts';
import { createDiagnoser } from '../pipeline/diagnose/diagnose.ts';
import { createSecretBook } from '../pipeline/diagnose/known-secrets.ts';
import { createUnwritten } from '../pipeline/incident/pending-writes.ts';
import { scorecard } from '../pipeline/incident/scorecard.ts';
import { createNotifier } from '../pipeline/notify/notify.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import type { ContainerControl } from '../pipeline/ports.ts';
import { restart } from '../pipeline/restart/restart.ts';
import { verify } from '../pipeline/restart/verify.ts';
import { createWatch } from '../pipeline/watch/watch.ts';
import { createRedactor } from '../redact/redactor.ts';
import { openStore } from '../store/store.ts';
import * as describe from '../telemetry/attributes.ts';
import { createInstruments } from '../telemetry/instruments.ts';
import { ATTRIBUTES, SPANS } from '../telemetry/names.ts';
import { createHttpObserver, createMetricsObserver } from '../telemetry/observer.ts';
import type { Telemetry } from '../telemetry/register.ts';
import { createTracing } from '../telemetry/traced.ts';
import { notBackNotice, watchEngine } from './engine-notices.ts';
import { createHealthPage, noteClaudeErrors } from './health.ts';
import { createTidy, noteActivity } from './housekeeping.ts';
import { noteLateLogs } from './late-logs.ts';
import { watchStore } from './store-notices.ts';

export interface AppDeps {
  readonly version: string;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Writes an alert to the agent's own log, for the console receiver. */
  print(text: string): void;
  /** How long others may take to answer, in real time whatever the clock; each has its own default. */
  readonly requestTimeouts?: { readonly claudeMs?: number; readonly receiverMs?: number; readonly engineMs?: number };
}

export interface App {
  /** Resolves when the pages answer and the containers were listed once, or the engine was found away. */
  start(): Promise<{ readonly url: string }>;
  /** Reads the policy file again. Never rejects. */
  reload(): Promise<void>;
  /** Hands over what is under way and closes everything; within 10 s. Idempotent. */
  stop(): Promise<void>;
}

/** As many as a page can show and a person can judge. */
const CASES_SCORED = 1_000;
/** Of hundreds that fail together each would wait for the work on all others, and its time for an answer run out. */
const LOOKED_AT_ONCE = 16;
/** A busy engine answers a few at a time; a stream takes no place. */
const ENGINE_CALLS_AT_ONCE = 32;

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
      outboxPending: async () => {
        const pending = await store.pending();
        return Object.fromEntries(config.receivers.map(({ name }) => [name, pending.get(name) ?? 0]));
      },
      containersWatched: () => watch.status().watched.length,
      dockerConnected: () => watch.isConnected(),
      storeHealthy: () => store.healthy(),
      claudeCircuitOpen: () => diagnoser.status().circuit.kind !== 'closed',
      configReloaded: policies.lastReloadSuccessful,
    },
    { version, models: [...new Set(models)] },
  );
  const claudeErrors = noteClaudeErrors(createMetricsObserver(instruments));
  const activity = noteActivity(claudeErrors.observer, clock);
  const { observer } = activity;

  const docker = createDockerEngine({
    ...config.docker,
    callTimeoutMs: deps.requestTimeouts?.engineMs,
    now: clock.now,
    onRequest: observer.dockerRequest,
  });
  const hostName = createHostName(config.agentName, docker);
  const callInTurn = createLimit(ENGINE_CALLS_AT_ONCE);
  const engine: DockerEngine = {
    ...withHostName(docker, hostName),
    inspect: (id, signal) => callInTurn(() => docker.inspect(id, signal)),
    tailLogs: (id, count, signal) => callInTurn(() => docker.tailLogs(id, count, signal)),
  };
  const control: ContainerControl = {
    inspect: traced(SPANS.docker('inspect'), engine.inspect, { kind: 'client' }),
    tailLogs: traced(SPANS.docker('logs'), engine.tailLogs, { kind: 'client' }),
    restart: traced(SPANS.docker('restart'), engine.restart, { kind: 'client' }),
    list: traced(SPANS.docker('list'), coalesce(engine.list), { kind: 'client' }),
  };
  const redactor = createRedactor();
  const apiKey = claudeKey(config);
  const claude =
    apiKey === undefined
      ? undefined
      : createClaudeOnDemand({
          ...config.anthropic,
          apiKey,
          timeoutMs: deps.requestTimeouts?.claudeMs,
          now: clock.now,
          onHeadroom: (all) => {
            for (const headroom of all) observer.headroom(headroom);
          },
        });
  const receiverDeps = { print: deps.print, now: clock.now, timeoutMs: deps.requestTimeouts?.receiverMs };
  const notifier = createNotifier({
    routes: config.receivers.map((each) => ({ receiver: each.create(receiverDeps), minSeverity: each.minSeverity })),
    hasOwnMinSeverity: (container) => policies.policyOf(container).sources.minSeverity.kind !== 'default',
    hostName,
    outbox: store,
    observer,
    logger,
    clock,
    traceSend: (receiver, tries, trace, send) => {
      const span = {
        kind: 'client',
        before: () => ({ [ATTRIBUTES.integration]: receiver, [ATTRIBUTES.tries]: tries }),
        after: describe.describeSend,
      } as const;
      // The first try is part of the incident; a later one is a trace of its own that points to it.
      return traced(
        SPANS.notify(receiver),
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
    services: () => new Set(watch.status().watched.map(serviceKey)).size,
  });
  const secrets = createSecretBook(engine);
  const lookInTurn = createLimit(LOOKED_AT_ONCE);
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
        return lookInTurn(() => redactSummary(incident, collectDeps));
      },
      collect: traced(
        SPANS.collect,
        async (incident, signals, settled) => {
          await settled;
          const { logLines } = policies.policyOf(incident().container).values;
          return lookInTurn(() => collect(incident(), signals, { ...collectDeps, logLines }));
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
        after: (verification) => ({
          ...describe.describeOutcome(verification.outcome),
          [ATTRIBUTES.verifyStrategy]: verification.strategy,
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

  const lateLogs = noteLateLogs(clock);
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
      onLines: (container, lines) => {
        lateLogs.onLines(container, lines);
        pipeline.onLines(container, lines);
      },
      onEvent: (event) => {
        if (event.action.kind === 'create' || event.action.kind === 'start') void secrets.learn([event.containerId]);
        pipeline.onEvent(event);
      },
      onPastEvent: pipeline.onPastEvent,
      onListed: (containers) => {
        void secrets.learn(containers.map(({ ref }) => ref.id));
        pipeline.onListed(containers);
      },
      onGone: (container) => {
        lateLogs.forget(container);
        pipeline.onGone(container);
      },
      onReconnect: (cause) => observer.reconnect(cause === 'ended' || cause === 'stalled' ? cause : 'error'),
      onNotBack: (containers) => notifier.announce(notBackNotice(containers)),
    },
    written: unwritten.none,
  });

  const { view: healthView, limits } = createHealthPage({
    config,
    version,
    startedAt,
    store,
    watch,
    pipeline,
    diagnoser,
    notifier,
    clock,
    lastError: claudeErrors.last,
    lateLogs: lateLogs.now,
  });
  const tidy = createTidy({ store, retention: config.retention, lastActivity: activity.lastAt, clock, logger });

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
        tidy(stopping.signal),
        watchEngine({ isConnected: watch.isConnected, announce: notifier.announce, clock }, stopping.signal),
        watchStore({ store, announce: notifier.announce, clock, everyMs: config.checkIntervalMs }, stopping.signal),
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

/** Sorts by time, and is short enough to be read out. */
function newIncidentId(): string {
  return `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`;
}
