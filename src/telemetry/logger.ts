/**
 * Our own log: one JSON object per line, or readable text on a terminal. Every record carries the ids of the active
 * trace. Records also go to the registered OpenTelemetry log exporter, if any.
 */
import { type AnyValue, logs, SeverityNumber } from '@opentelemetry/api';
import { destination, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import pinoPretty from 'pino-pretty';
import { DoctorError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import { describeTrace } from './attributes.ts';
import { SCOPE } from './names.ts';
import { currentTraceLink } from './tracing.ts';

export type LogLevel = keyof Logger;

const SEVERITY_NUMBERS = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
} as const satisfies Record<LogLevel, SeverityNumber>;

/** Fields that every record has. Another field with such a name gets a trailing underscore. */
const RESERVED = new Set(['level', 'time', 'msg', 'host_name', 'trace_id', 'span_id']);

/** Fields are small. Anything deeper is a mistake or a cycle, and is cut off. */
const MAX_DEPTH = 6;

/**
 * `redact` is applied to every string, including messages and stack traces. Records are written synchronously, so that
 * the last ones before an exit are not lost.
 */
export function createLogger(options: {
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Whether to write readable text. Default: only if `stream` is a terminal. */
  readonly pretty?: boolean;
  /** Named in every record, except in readable text. Undefined until it is known. */
  host?(): string | undefined;
  redact(text: string): string;
}): Logger {
  const { level, stream, pretty = (stream ?? process.stdout).isTTY === true } = options;
  const out = pretty
    ? pinoPretty({ destination: stream ?? 1, sync: true, colorize: true, translateTime: 'SYS:HH:MM:ss.l' })
    : (stream ?? destination({ dest: 1, sync: true }));
  const settings: LoggerOptions = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const sink = pino(settings, out);
  const otlp = logs.getLogger(SCOPE);

  const write =
    (at: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (!sink.isLevelEnabled(at)) return;
      const body = clean(message, options.redact);
      const attributes = cleanFields(fields, options.redact, 0);
      const host = pretty ? undefined : options.host?.();
      sink[at](
        { ...(host !== undefined && { host_name: host }), ...describeTrace(currentTraceLink()), ...attributes },
        body,
      );
      otlp.emit({
        severityNumber: SEVERITY_NUMBERS[at],
        severityText: at,
        body,
        attributes: attributes as Record<string, AnyValue>,
      });
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function cleanFields(fields: object, redact: (text: string) => string, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      depth === 0 && RESERVED.has(key) ? `${key}_` : key,
      cleanValue(value, redact, depth),
    ]),
  );
}

function cleanValue(value: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return clean(value, redact);
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Error) return cleanFields(errorFields(value), redact, depth + 1);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return cleanFields(Object.fromEntries(value), redact, depth + 1);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((v) => cleanValue(v, redact, depth + 1));
  return cleanFields(value, redact, depth + 1);
}

function errorFields(error: Error): Record<string, unknown> {
  return {
    type: error.name,
    message: error.message,
    ...(error instanceof DoctorError ? { reason: error.reason } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}

/** Removes control characters except newline and tab: text of a container must not control the user's terminal. */
function clean(text: string, redact: (text: string) => string): string {
  return redact(text.replace(/[^\P{Cc}\n\t]/gu, ''));
}
