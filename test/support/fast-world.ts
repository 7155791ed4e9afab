/**
 * The real agent in this process, with the simulated engine and the stand-ins, all on a fast clock: for tests of hours.
 * Each has its own telemetry, so several can run at the same time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect } from 'vitest';
import { type AppDeps, createApp } from '../../src/app/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import type { HealthView } from '../../src/http/health.ts';
import type { HistoryEntry } from '../../src/http/history.ts';
import type { Clock } from '../../src/lib/time.ts';
import type { ReceiverModule } from '../../src/notifiers/receiver-module.ts';
import type { PeopleAccess } from '../../src/pipeline/ports/people.ts';
import { createContainerCounters } from '../../src/telemetry/container-counters.ts';
import { createPrometheusPage } from '../../src/telemetry/prometheus.ts';
import { type ClaudeReply, type ClaudeServer, startClaudeServer } from './claude-server.ts';
import { sumOf } from './doctor.ts';
import { eventually } from './eventually.ts';
import { createFastClock } from './fast-clock.ts';
import { type SlackServer, startSlackServer } from './slack-server.ts';
import { createRecordingLogger, type RecordingLogger } from './watching.ts';

export interface FastWorld {
  readonly url: string;
  readonly clock: Clock;
  readonly engine: SimulatedEngine;
  readonly claude: ClaudeServer;
  readonly slack: SlackServer;
  readonly logger: RecordingLogger;
  readonly people: PeopleAccess;
  health(): Promise<HealthView>;
  history(): Promise<readonly HistoryEntry[]>;
  /** A page of `/api/v1`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary parts of the JSON
  api(page: string): Promise<any>;
  metrics(): Promise<string>;
  /** Sum of the series of `/metrics` that have these labels. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  close(): Promise<void>;
}

/** Different log messages, each of which is a separate problem. */
export const PROBLEMS = [
  'cannot parse the invoice',
  'lost the leader election',
  'refused by billing',
  'index is corrupt',
  'queue overflow',
  'no route to the warehouse',
  'stale session rejected',
  'template is missing',
  'pinning mismatch',
  'customer lookup broke',
  'basket vanished',
  'coupon service hates us',
];

export async function startFastWorld(options: {
  readonly speed?: number;
  /** Replaces the clock that `speed` would create. */
  readonly clock?: Clock;
  readonly containers: readonly (string | SimulatedContainerOptions)[];
  /** Adds containers in another way, before the agent starts. */
  prepare?(engine: SimulatedEngine): void;
  /** The data of an earlier run, which this one continues. It is kept when the world is closed. */
  readonly dataDir?: string;
  /** An engine that outlives this world, and its address. */
  readonly engine?: { readonly simulated: SimulatedEngine; readonly host: string };
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the address of the stand-in. */
  readonly webhookUrl?: (slack: SlackServer) => string;
  readonly claude?: ClaudeReply;
  readonly requestTimeouts?: AppDeps['requestTimeouts'];
  /** Receivers in addition to those of the registry. */
  readonly moreReceivers?: readonly ReceiverModule[];
}): Promise<FastWorld> {
  const clock = options.clock ?? createFastClock(options.speed ?? 1);
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-fast-'));
  const engine =
    options.engine?.simulated ?? createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
  const claude = await startClaudeServer(options.claude, clock.now);
  const slack = await startSlackServer({ now: clock.now });
  const env = {
    DOCKER_HOST: options.engine?.host ?? (await engine.listen()),
    AUTO_FIX: 'true',
    MAX_RESTARTS_PER_HOUR_HOST: '1000',
    CHECK_INTERVAL: '30',
    ANTHROPIC_API_KEY: 'sk-ant-stand-in-key',
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: options.webhookUrl?.(slack) ?? slack.webhookUrl,
    SLACK_MIN_SEVERITY: 'low',
    DATA_DIR: options.dataDir ?? path.join(folder, 'data'),
    PORT: '0',
    ...options.env,
  };
  const loaded = loadConfig(env, undefined, options.moreReceivers);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));

  const containerCounters = createContainerCounters({ name: 'container-doctor' });
  const page = createPrometheusPage([containerCounters.producer()]);
  const meters = new MeterProvider({ readers: [page.reader] });
  const logger = createRecordingLogger();
  const app = await createApp(loaded.config, {
    version: '0.0.0-test',
    telemetry: {
      tracer: new ProxyTracerProvider().getTracer('container-doctor'),
      meter: meters.getMeter('container-doctor'),
      containerCounters,
      tracing: false,
      renderMetrics: page.render,
      shutdown: () => meters.shutdown(),
    },
    logger,
    clock,
    print: () => {},
    requestTimeouts: options.requestTimeouts,
  });
  for (const one of options.containers) engine.addContainer(typeof one === 'string' ? { name: one } : one);
  options.prepare?.(engine);
  const { url } = await app.start();
  const get = async (page: string) => fetch(`${url}${page}`);
  const metrics = async () => (await get('/metrics')).text();

  return {
    url,
    clock,
    engine,
    claude,
    slack,
    logger,
    people: app.people,
    health: async () => (await get('/health')).json() as Promise<HealthView>,
    history: async () => (await get('/history?limit=1000')).json() as Promise<HistoryEntry[]>,
    api: async (page) => (await get(`/api/v1${page}`)).json(),
    metrics,
    metric: async (name, labels = {}) => sumOf(await metrics(), name, labels),
    async close() {
      await app.stop();
      if (options.engine === undefined) await engine.close();
      await Promise.all([claude.close(), slack.close(), meters.shutdown()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Polls, because the page of metrics is rendered at most once a second. `expect.poll` does not work in concurrent tests. */
export async function metricToBe(
  agent: Pick<FastWorld, 'metric'>,
  expected: number,
  name: string,
  labels?: Record<string, string>,
): Promise<void> {
  await eventually(
    async () => {
      expect(await agent.metric(name, labels), `${name} ${JSON.stringify(labels ?? {})}`).toBe(expected);
      return true;
    },
    { deadlineMs: 60_000 },
  );
}
