/** The composition root: connects all parts of the agent, as the settings require. */
import { type Config, policyDefaults, storePlace } from '../config/config.ts';
import { policyFilesOnDisk } from '../config/policy/files.ts';
import { createPolicySource } from '../config/policy/policy-source.ts';
import { findOwnContainerId } from '../docker/own-container.ts';
import { serviceKey } from '../domain/containers.ts';
import { createChangeFeed } from '../http/api/changes.ts';
import { toHistoryEntry } from '../http/history.ts';
import { toScorecardView } from '../http/scorecard.ts';
import { createHttpServer } from '../http/server.ts';
import { newId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import { createCollector } from '../pipeline/diagnose/collect.ts';
import { createDiagnoser } from '../pipeline/diagnose/diagnose.ts';
import { createKnownSecrets } from '../pipeline/diagnose/known-secrets.ts';
import { createSharedQuestions } from '../pipeline/diagnose/shared-question.ts';
import { scorecard } from '../pipeline/incident/scorecard.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import { restartMayFollow } from '../pipeline/policy/resolve.ts';
import type { PeopleAccess } from '../pipeline/ports/people.ts';
import { createWatch } from '../pipeline/watch/watch.ts';
import { createRedactor } from '../redact/redactor.ts';
import { openStore } from '../store/store.ts';
import { emitEvaluation } from '../telemetry/evaluations.ts';
import { createInstruments } from '../telemetry/instruments.ts';
import { createHttpObserver, createMetricsObserver } from '../telemetry/observer.ts';
import type { Telemetry } from '../telemetry/register.ts';
import { createTracing } from '../telemetry/tracing.ts';
import { recordAgentAbsence, recordEngineAbsences } from './absences.ts';
import { notingChanges } from './changes.ts';
import { sendDigests } from './digest.ts';
import { createEndpoints } from './endpoints.ts';
import { createEngine, traceCalls } from './engine.ts';
import { notBackNotice } from './engine-notices.ts';
import { sourcesUp, watchTheEngine } from './engine-sources.ts';
import { countAgents, destinationsOf, joinFleet } from './fleet.ts';
import { createHealthPage, noteClaudeErrors } from './health.ts';
import { connectHosts } from './hosts.ts';
import { createPruner, trackActivity } from './housekeeping.ts';
import type { AgentIdentity } from './identity.ts';
import { trackLateLogs } from './late-logs.ts';
import { createLocalTrust, createModels, localProvider } from './models.ts';
import { createAppNotifier } from './notifier.ts';
import { createPages } from './pages.ts';
import { createPeopleAccess } from './people.ts';
import { watchStore } from './store-notices.ts';
import { watchVerdicts } from './verdicts.ts';

export interface AppDeps {
  readonly version: string;
  /** Default: a new one, for tests of a single agent. */
  readonly identity?: AgentIdentity;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Writes an alert to the agent's own log, for the console receiver. */
  print(text: string): void;
  /** Timeouts of requests to other services, in real time regardless of `clock`. Each has its own default. */
  readonly requestTimeouts?: { readonly claudeMs?: number; readonly receiverMs?: number; readonly engineMs?: number };
}

export interface App {
  readonly people: PeopleAccess;
  /** Resolves once the pages respond and the first attempt to list the containers has ended. */
  start(): Promise<{ readonly url: string }>;
  /** Reloads the policy file. Never rejects. */
  reload(): Promise<void>;
  /** Stops within 10 s, and leaves unfinished work to the next run. Idempotent. */
  stop(): Promise<void>;
}

/** The newest cases in the scorecard. A person cannot judge more of them. */
const CASES_SCORED = 1_000;

export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const { logger, clock, telemetry, version } = deps;
  const startedAt = clock.now();
  const stopping = new AbortController();
  const tracing = createTracing(telemetry.tracer);

  const policies = createPolicySource({
    ...config.policy,
    defaults: policyDefaults(config),
    files: policyFilesOnDisk,
    originOf: (containerId) => engine.labelOriginOf(containerId),
    clock,
    logger,
  });

  const changes = createChangeFeed();
  const store = notingChanges(
    await openStore({
      where: storePlace(config),
      receivers: config.receivers.map(({ name }) => name),
      fleetLimits: config.fleetLimits,
      destinations: destinationsOf(config),
      now: clock.now,
      logger,
    }),
    ({ area, incidentId }) => changes.note(area, incidentId),
  );
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
      sourcesUp: () => sourcesUp(engine.sources()),
      agents: () => countAgents(fleet?.members()),
      storeHealthy: () => store.healthy(),
      storeStandby: () => store.databaseAway() !== undefined,
      claudeCircuitOpen: () => diagnoser.status().circuit.kind !== 'closed',
      configReloaded: policies.lastReloadSuccessful,
    },
    { version, models: [...new Set([config.anthropic.model, config.anthropic.strongModel])] },
  );
  const claudeErrors = noteClaudeErrors(
    createMetricsObserver(instruments, telemetry.containerCounters, localProvider(config)),
  );
  const { observer, lastAt: lastActivity } = trackActivity(claudeErrors.observer, clock);

  const { engine, hostName } = createEngine({
    ...config.docker,
    agentName: config.agentName ?? deps.identity?.host,
    callTimeoutMs: deps.requestTimeouts?.engineMs,
    now: clock.now,
    monotonic: clock.monotonic,
    onRequest: observer.dockerRequest,
  });
  const endpoints = createEndpoints({ config, engine, store, logger });
  const onInspected = endpoints.noting((id, facts) => pipeline.onInspected(id, facts));
  const secrets = createKnownSecrets(engine, onInspected);
  const control = traceCalls(engine, tracing);
  const models = createModels(config, {
    observer,
    tracing,
    now: clock.now,
    claudeTimeoutMs: deps.requestTimeouts?.claudeMs,
  });
  const localTrust = createLocalTrust(config, store);
  const hosts = connectHosts(config, { ...deps, store, actions: () => pipeline.people, fleet: () => fleet });
  const people = createPeopleAccess(store, () => pipeline.people, logger, hosts);
  const notifier = createAppNotifier(config, {
    ...deps,
    store,
    people: people.access,
    sharedClicks: hosts?.clicks,
    hasOwnMinSeverity: (container) => policies.policyOf(container).sources.minSeverity.kind !== 'default',
    hostName,
    observer,
    tracing,
  });
  const diagnoser = createDiagnoser({
    diagnoseWith: config.diagnoseWith,
    ...models,
    ledger: store,
    questions: store,
    incidents: store,
    observer,
    logger,
    clock,
    limits: config.limits,
    ...(config.database && { shared: createSharedQuestions({ knowledge: store, clock, logger }) }),
    services: () => new Set(watch.status().watched.map(serviceKey)).size,
    mayRestart: (container) => config.autoFix && restartMayFollow(policies.policyOf(container).values),
  });
  const collector = createCollector({
    // This `inspect` also remembers the secrets of the container.
    control: traceCalls({ ...engine, inspect: secrets.inspect }, tracing),
    secretsOf: secrets.secretsOf,
    redactor: createRedactor({ personal: config.redactPersonal }),
    attempts: store,
    clock,
    logLinesOf: (container) => policies.policyOf(container).values.logLines,
  });

  const pipeline = createPipeline({
    collector,
    diagnoser,
    notify: notifier.notify,
    resolved: notifier.resolved,
    control,
    untracedControl: engine,
    store,
    positionsSaved: () => watch.saved(),
    factsOf: secrets.factsOf,
    observer,
    tracing,
    logger,
    clock,
    newId,
    onRequestChanged(request) {
      changes.note('people', request.incidentId);
      people.changed(request);
    },
    autoFix: config.autoFix,
    maxRestartsPerHourHost: config.limits.restartsPerHourHost,
    localModelMayRestart: localTrust.mayRestart,
    ...(config.database && { causesElsewhere: store }),
    policyOf: policies.policyOf,
    verifySlackMs: config.verify.deadlineMs - config.verify.stableForMs,
  });
  const lateLogs = trackLateLogs(clock);
  const watch = createWatch({
    engine,
    cursors: store,
    targets: config.targets,
    ownId: await findOwnContainerId(),
    isEnabled: (container) => policies.policyOf(container).values.enable,
    originOf: engine.labelOriginOf,
    reconcileEveryMs: config.checkIntervalMs,
    clock,
    logger,
    handlers: {
      onLines: (container, lines) => {
        lateLogs.onLines(container, lines);
        pipeline.onLines(container, lines);
      },
      onEvent: (event) => {
        if (event.action.kind === 'create' || event.action.kind === 'start') void secrets.refresh(event.containerId);
        pipeline.onEvent(event);
        pages.onEvent(event);
        endpoints.observe(event);
      },
      onPastEvent: pipeline.onPastEvent,
      onListed: (listing) => {
        const { existing } = listing;
        telemetry.containerCounters.listed(
          existing.map(({ ref }) => ref.name),
          clock.monotonic(),
        );
        pipeline.onListed(listing);
        pages.onListed(existing);
        endpoints.listed(existing);
        void secrets.learn(existing.map(({ ref }) => ref.id)).then(pipeline.onInspectedAll);
      },
      onGone: (container) => {
        lateLogs.forget(container);
        pipeline.onGone(container);
      },
      onReconnect: observer.logReconnect,
      onMissing: (containers) => notifier.announce(notBackNotice(containers)),
    },
    incidentsSaved: pipeline.incidentsSaved,
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
    lateLogs: lateLogs.current,
    localTrust: localTrust.describe,
    sources: engine.sources,
    imagesRefused: engine.imagesRefused,
  });
  const ofHost = { ...deps, store, notifier, endpoints, engine, port: () => server?.port };
  const fleet = joinFleet(config, { ...ofHost, onSnoozes: pipeline.setSnoozesElsewhere });
  const pages = createPages({
    config,
    store,
    changes,
    actions: people.access.actions,
    policyOf: policies.policyOf,
    hostName,
    agents: fleet?.members,
    pipeline: () => pipeline,
    watch: () => watch,
    health: healthView,
    clock,
    logger,
  });
  const prune = createPruner({ store, retention: config.retention, lastActivity, clock, logger });

  let server: Awaited<ReturnType<typeof createHttpServer>> | undefined;
  const background: Promise<void>[] = [];
  let stopped: Promise<void> | undefined;

  return {
    people: people.access,

    async start() {
      server = await createHttpServer({
        ...config.http,
        health: healthView,
        history: async (query) =>
          (await store.history({ ...query, ofFleet: true })).map((one) => toHistoryEntry(one, hostName())),
        scorecard: async () => toScorecardView(scorecard(await store.reviewedCases(CASES_SCORED))),
        metrics: telemetry.renderMetrics,
        api: pages.source,
        publicUrl: config.publicUrl,
        version,
        logger,
        onRequest: createHttpObserver(instruments),
      });
      await recordAgentAbsence({ store, clock, logger });
      await pipeline.resume();
      background.push(
        notifier.run(stopping.signal),
        policies.watch(stopping.signal),
        sendDigests(
          { ...config, when: config.digest, store, deliver: notifier.deliver, clock, logger },
          stopping.signal,
        ),
        prune(stopping.signal),
        pages.run(stopping.signal),
        ...[fleet, hosts].flatMap((part) => (part ? [part.run(stopping.signal)] : [])),
        recordEngineAbsences({ store, clock, logger, isConnected: watch.isConnected }, stopping.signal),
        ...watchTheEngine(
          { engine, watch, restarts: config.autoFix, announce: notifier.announce, clock },
          stopping.signal,
        ),
        watchVerdicts({ store, emit: emitEvaluation, clock, logger, everyMs: config.checkIntervalMs }, stopping.signal),
        watchStore({ store, announce: notifier.announce, clock, everyMs: config.checkIntervalMs }, stopping.signal),
      );
      await watch.start();
      return { url: server.url };
    },

    reload: policies.reload,

    stop() {
      stopped ??= (async () => {
        // The watch stops first: its cursors must not move past lines that the pipeline no longer accepts.
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
