/** What sends telemetry over OTLP, as the OTEL_EXPORTER_OTLP_* variables choose it, and whether it arrives. */
import { diag } from '@opentelemetry/api';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogsProtobuf } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricsJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricsProtobuf } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TracesProtobuf } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Logger } from '../lib/log.ts';
import type { OtlpSignal } from './names.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Endpoints, headers, time-outs, compression and certificates these read from OTEL_EXPORTER_OTLP_* themselves. */
const EXPORTERS = {
  traces: {
    'http/json': () => new TracesJson(),
    'http/protobuf': () => new TracesProtobuf(),
    grpc: () => new TracesGrpc(),
  },
  metrics: {
    'http/protobuf': () => new MetricsProtobuf(),
    'http/json': () => new MetricsJson(),
    grpc: () => new MetricsGrpc(),
  },
  logs: {
    'http/protobuf': () => new LogsProtobuf(),
    'http/json': () => new LogsJson(),
    grpc: () => new LogsGrpc(),
  },
};

/** A signal's first protocol is its default. */
export function createOtlpExporter<S extends OtlpSignal>(
  signal: S,
  env: Environment,
  watch: ExportWatch,
): ReturnType<(typeof EXPORTERS)[S]['http/json']> {
  const variables = [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const variable = variables.find((name) => settingOf(env, name) !== undefined);
  const choices: Readonly<Record<string, () => Exporter>> = EXPORTERS[signal];
  const allowed = Object.keys(choices);
  const wanted = variable === undefined ? undefined : settingOf(env, variable);
  if (wanted !== undefined && !allowed.includes(wanted)) {
    diag.warn(`${variable} is "${wanted}"; allowed are ${allowed.join(', ')}. ${allowed[0]} is used.`);
  }
  const create = choices[wanted ?? ''] ?? choices[allowed[0] as string];
  return watched(create?.() as Exporter, signal, watch) as ReturnType<(typeof EXPORTERS)[S]['http/json']>;
}

/** Unset and blank are the same, as OpenTelemetry has it. */
export function settingOf(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

export function listOf(env: Environment, name: string): readonly string[] {
  return (settingOf(env, name) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Tells the log when exports begin to fail and when they succeed again, and nothing in between. */
export interface ExportWatch {
  /** `error` undefined: it arrived. */
  result(signal: OtlpSignal, error: Error | undefined): void;
  /** Whether the last export of some signal failed. */
  failing(): boolean;
}

/** `count` hears of each export, `arrived` or not. */
export function createExportWatch(
  logger: Logger,
  count: (signal: OtlpSignal, arrived: boolean) => void = () => {},
): ExportWatch {
  const failing = new Set<OtlpSignal>();
  return {
    result(signal, error) {
      count(signal, error === undefined);
      const before = failing.size;
      if (error === undefined) failing.delete(signal);
      else failing.add(signal);
      if (before === 0 && failing.size > 0) {
        logger.warn('telemetry cannot be exported: the collector does not take it', { signal, why: why(error) });
      }
      if (before > 0 && failing.size === 0) logger.info('telemetry is exported again', { signal });
    },
    failing: () => failing.size > 0,
  };
}

interface Exporter {
  // biome-ignore lint/suspicious/noExplicitAny: spans, metrics or log records, passed on as they are
  export(batch: any, done: (result: { code: number; error?: Error }) => void): void;
}

/** The same exporter; each export's result also goes to `watch`. */
function watched<T extends Exporter>(exporter: T, signal: OtlpSignal, watch: ExportWatch): T {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      const failed = result.code !== 0;
      watch.result(signal, failed ? (result.error ?? new Error('no reason was given')) : undefined);
      done(result);
    });
  return exporter;
}

/** A refused connection to both ::1 and 127.0.0.1 is an AggregateError without a message. */
function why(error: Error | undefined): string {
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  return [error?.message, code].filter((part) => part).join(' ') || 'unknown';
}
