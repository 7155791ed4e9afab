/**
 * Our own log: one JSON object a line, or readable on a terminal; every record bears the active trace. Where a
 * log exporter is registered the same records go to it too.
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

/** Names that the record itself uses; a field of that name gets a trailing underscore. */
const RESERVED = new Set(['level', 'time', 'msg', 'trace_id', 'span_id']);

/** Fields are small data of ours; what lies deeper is a mistake, or a circle, and is not followed. */
const MAX_DEPTH = 6;

/**
 * `redact` sees every string on its way out, messages and stack traces included. Written at once (no worker,
 * no buffer): the last words before an exit are the ones that matter.
 */
export function createLogger(options: {
  readonly level: LogLevel;
  /** Standard output where absent. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** For reading on a terminal; by default where `stream` is one. */
  readonly pretty?: boolean;
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
      sink[at]({ ...describeTrace(currentTraceLink()), ...attributes }, body);
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

/** Without control characters but line end and tab: a container must not paint on our user's terminal. */
function clean(text: string, redact: (text: string) => string): string {
  return redact(text.replace(/[^\P{Cc}\n\t]/gu, ''));
}
