/** The OTLP exporters, chosen by the OTEL_EXPORTER_OTLP_* variables, and a record of whether exports succeed. */
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
import type { OtlpSignal } from './counters.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The exporters of each signal by protocol. The first protocol is the default. The exporters read endpoint, headers,
 * timeout, compression and certificates from OTEL_EXPORTER_OTLP_* themselves.
 */
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

export function createOtlpExporter<S extends OtlpSignal>(
  signal: S,
  env: Environment,
  results: ExportResults,
): ReturnType<(typeof EXPORTERS)[S]['http/json']> {
  const variables = [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const variable = variables.find((name) => settingOf(env, name) !== undefined);
  const choices: Readonly<Record<string, () => Exporter>> = EXPORTERS[signal];
  const allowed = Object.keys(choices);
  const protocol = variable === undefined ? undefined : settingOf(env, variable);
  if (protocol !== undefined && !allowed.includes(protocol)) {
    diag.warn(`${variable} is "${protocol}"; allowed are ${allowed.join(', ')}. ${allowed[0]} is used.`);
  }
  const create = choices[protocol ?? ''] ?? choices[allowed[0] as string];
  return reporting(create?.() as Exporter, signal, results) as ReturnType<(typeof EXPORTERS)[S]['http/json']>;
}

/** A blank variable counts as unset, as OpenTelemetry specifies. */
export function settingOf(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

export function listOf(env: Environment, name: string): readonly string[] {
  return (settingOf(env, name) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function positiveOf(env: Environment, name: string): number | undefined {
  const text = settingOf(env, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value > 0) return value;
  diag.warn(`${name} is "${text}"; allowed are numbers above 0. The default is used.`);
  return undefined;
}

/** Logs when exports begin to fail and when they succeed again, and nothing in between. */
export interface ExportResults {
  /** `error`: undefined on success. */
  report(signal: OtlpSignal, error: Error | undefined): void;
  /** Whether the last export of any signal failed. */
  failing(): boolean;
}

/** `count` is called once per export. */
export function createExportResults(
  logger: Logger,
  count: (signal: OtlpSignal, succeeded: boolean) => void,
): ExportResults {
  const failing = new Set<OtlpSignal>();
  return {
    report(signal, error) {
      count(signal, error === undefined);
      const before = failing.size;
      if (error === undefined) failing.delete(signal);
      else failing.add(signal);
      if (before === 0 && failing.size > 0) {
        logger.warn('telemetry export fails', { signal, error: messageOf(error) });
      }
      if (before > 0 && failing.size === 0) logger.info('telemetry export works again', { signal });
    },
    failing: () => failing.size > 0,
  };
}

interface Exporter {
  // biome-ignore lint/suspicious/noExplicitAny: spans, metrics or log records, passed through unchanged
  export(batch: any, done: (result: { code: number; error?: Error }) => void): void;
}

/** Changes the exporter to also report the result of each export to `results`. Returns it. */
function reporting<T extends Exporter>(exporter: T, signal: OtlpSignal, results: ExportResults): T {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      const failed = result.code !== 0;
      results.report(signal, failed ? (result.error ?? new Error('no reason given')) : undefined);
      done(result);
    });
  return exporter;
}

/** The message and the code. If both ::1 and 127.0.0.1 refuse a connection, the AggregateError has no message. */
function messageOf(error: Error | undefined): string {
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  return [error?.message, code].filter((part) => part).join(' ') || 'unknown';
}
