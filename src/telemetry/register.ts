/**
 * Starts OpenTelemetry. This must happen before the instrumented code runs. The user's OTEL_* variables apply. This
 * file only changes defaults, because many users run no collector.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Counter, type Meter, metrics, type Tracer, trace } from '@opentelemetry/api';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { defaultResource, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  ConsoleMetricExporter,
  type IMetricReader,
  InstrumentType,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import type { Logger } from '../lib/log.ts';
import { type ContainerCounters, createContainerCounters } from './container-counters.ts';
import { COUNTERS } from './counters.ts';
import { createDiagnostics } from './diagnostics.ts';
import {
  createExportResults,
  createOtlpExporter,
  type ExportResults,
  listOf,
  positiveOf,
  settingOf,
} from './exporters.ts';
import { SCOPE } from './names.ts';
import { createPrometheusPage, omitUnobservedGauges } from './prometheus.ts';

export interface Telemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
  readonly containerCounters: ContainerCounters;
  /** Whether spans are exported. */
  readonly tracing: boolean;
  /** The metrics page in Prometheus text. Rejects if the collection failed. Undefined if metrics are off. */
  readonly renderMetrics?: () => Promise<string>;
  /** Exports pending telemetry, for at most `timeoutMs` (default 3 s). Never rejects. */
  shutdown(timeoutMs?: number): Promise<void>;
}

/**
 * How often the event loop's delay is sampled. The measured delays include this interval. The instrumentation's
 * default of 10 ms costs 0.7 % of a core in an idle process, this one 0.1 %, a third of what an idle agent needs.
 */
const LOOP_DELAY_INTERVAL_MS = 100;

/**
 * Registers the global providers. Call it once per process. Outside tests, `env` must be `process.env`, because
 * OpenTelemetry itself reads most of its variables from there.
 */
export function startTelemetry(options: {
  readonly serviceName?: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  /** Of this agent. By default a new id, and the host name of this process. */
  readonly identity?: { readonly id: string; readonly host?: string };
}): Telemetry {
  const { serviceName = SCOPE, version, env, logger, identity } = options;
  const containerCounters = createContainerCounters({ name: SCOPE, version });
  if (settingOf(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') {
    logger.info('traces and metrics are off: OTEL_SDK_DISABLED is true');
    return { ...scoped(version), containerCounters, tracing: false, shutdown: async () => {} };
  }
  // Created at the first export, when the meter provider is registered.
  let exports: Counter | undefined;
  const results = createExportResults(logger, (signal, succeeded) => {
    exports ??= createExportCounter(scoped(version).meter);
    exports.add(1, { signal, outcome: succeeded ? 'ok' : 'failed' });
  });
  const diagnostics = createDiagnostics(env, logger, results);
  diagnostics.install();
  const traces = planTraces(env);
  const page = listOf(env, 'OTEL_METRICS_EXPORTER').includes('none')
    ? undefined
    : createPrometheusPage([containerCounters.producer()]);
  const pushed = page === undefined ? [] : pushReaders(env, results, containerCounters);
  const sdk = new NodeSDK({
    // These are defaults: the SDK merges the user's variables over them.
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': serviceName,
        'service.version': version,
        'service.instance.id': identity?.id ?? randomUUID(),
        'host.name': identity?.host ?? hostname(),
      }),
    ),
    // The process detector adds the command line, which may contain secrets. The user can enable it.
    ...(settingOf(env, 'OTEL_NODE_RESOURCE_DETECTORS') ? {} : { resourceDetectors: [envDetector] }),
    ...traceSettings(traces.exporters, env, results),
    metricReaders: page === undefined ? [] : [page.reader, ...pushed],
    logRecordProcessors: logProcessors(env, results),
  });
  // Again, because the SDK's constructor installs a console logger if OTEL_LOG_LEVEL is set.
  diagnostics.install();
  sdk.start();
  if (traces.offBecause !== undefined) logger.info(`traces are off: ${traces.offBecause}`);
  const observeRuntime = createRuntimeObserver();
  if (pushed.length > 0) observeRuntime();
  return {
    ...scoped(version),
    containerCounters,
    tracing: traces.exporters.length > 0,
    ...(page !== undefined && {
      renderMetrics() {
        observeRuntime();
        return page.render();
      },
    }),
    shutdown: (timeoutMs = 3_000) => shutDown(sdk, timeoutMs, logger),
  };
}

/**
 * Returns a function that starts the instrumentation of the event loop and V8 at its first call. It costs CPU, so it
 * starts once somebody reads the metrics.
 */
function createRuntimeObserver(): () => void {
  let started = false;
  return () => {
    if (started) return;
    started = true;
    const runtime = new RuntimeNodeInstrumentation({ monitoringPrecision: LOOP_DELAY_INTERVAL_MS });
    runtime.setMeterProvider(metrics.getMeterProvider());
  };
}

/** Creates the same instrument that `createInstruments` creates at zero. */
function createExportCounter(meter: Meter): Counter {
  const { name, unit, description } = COUNTERS.telemetryExports;
  return meter.createCounter(name, { unit, description });
}

function scoped(version: string): { readonly tracer: Tracer; readonly meter: Meter } {
  return { tracer: trace.getTracer(SCOPE, version), meter: metrics.getMeter(SCOPE, version) };
}

/** Traces are off if neither an exporter nor an endpoint is set, because nothing would receive them. */
function planTraces(env: NodeJS.ProcessEnv): { readonly exporters: readonly string[]; readonly offBecause?: string } {
  const named = listOf(env, 'OTEL_TRACES_EXPORTER');
  if (named.includes('none')) return { exporters: [], offBecause: 'OTEL_TRACES_EXPORTER is none' };
  if (named.length > 0) {
    const known = named.filter((name) => ['otlp', 'console', 'zipkin'].includes(name));
    return known.length > 0
      ? { exporters: known }
      : { exporters: [], offBecause: `OTEL_TRACES_EXPORTER is "${named}"; allowed are otlp, console, zipkin, none` };
  }
  const endpoints = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
  return endpoints.some((name) => settingOf(env, name) !== undefined)
    ? { exporters: ['otlp'] }
    : { exporters: [], offBecause: `neither OTEL_TRACES_EXPORTER nor ${endpoints[1]} is set` };
}

function traceSettings(
  exporters: readonly string[],
  env: NodeJS.ProcessEnv,
  results: ExportResults,
): Partial<NodeSDKConfiguration> {
  if (exporters.length === 0) return { spanProcessors: [] };
  // The SDK creates all other combinations of exporters from the environment.
  if (exporters.some((name) => name !== 'otlp')) return {};
  return { traceExporter: createOtlpExporter('traces', env, results) };
}

function pushReaders(
  env: NodeJS.ProcessEnv,
  results: ExportResults,
  containerCounters: ContainerCounters,
): IMetricReader[] {
  const named = new Set(listOf(env, 'OTEL_METRICS_EXPORTER'));
  const intervalMs = positiveOf(env, 'OTEL_METRIC_EXPORT_INTERVAL') ?? 60_000;
  const timing = {
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(positiveOf(env, 'OTEL_METRIC_EXPORT_TIMEOUT') ?? 30_000, intervalMs),
  };
  return [
    ...(named.has('otlp') ? [createOtlpExporter('metrics', env, results)] : []),
    ...(named.has('console') ? [new ConsoleMetricExporter()] : []),
  ].map((exporter) => {
    const temporality = exporter.selectAggregationTemporality?.(InstrumentType.COUNTER);
    const metricProducers = [containerCounters.producer(temporality)];
    return omitUnobservedGauges(new PeriodicExportingMetricReader({ exporter, metricProducers, ...timing }));
  });
}

function logProcessors(env: NodeJS.ProcessEnv, results: ExportResults): LogRecordProcessor[] {
  if (!listOf(env, 'OTEL_LOGS_EXPORTER').includes('otlp')) return [];
  return [
    new BatchLogRecordProcessor({
      exporter: createOtlpExporter('logs', env, results),
      maxQueueSize: positiveOf(env, 'OTEL_BLRP_MAX_QUEUE_SIZE'),
      scheduledDelayMillis: positiveOf(env, 'OTEL_BLRP_SCHEDULE_DELAY'),
      exportTimeoutMillis: positiveOf(env, 'OTEL_BLRP_EXPORT_TIMEOUT'),
      maxExportBatchSize: positiveOf(env, 'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE'),
    }),
  ];
}

/** Limits the duration of the shutdown: if the collector is down, the SDK's own takes 8 s and rejects. */
async function shutDown(sdk: NodeSDK, timeoutMs: number, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), timeoutMs);
  });
  const flushed = sdk.shutdown().then(
    () => 'flushed' as const,
    () => 'failed' as const,
  );
  const result = await Promise.race([flushed, timeout]);
  clearTimeout(timer);
  if (result !== 'flushed') logger.warn('some telemetry was not exported before shutdown', { result });
}
