/** Writes OpenTelemetry's diagnostics to our log. */
import { type DiagLogFunction, type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from '../lib/log.ts';
import { type ExportResults, settingOf } from './exporters.ts';

/** The most messages remembered. Messages that contain varying numbers must not fill the memory. */
const MAX_SEEN = 100;

/**
 * Each message is logged once, because OpenTelemetry repeats it at every export. While exports fail, messages are only
 * logged at level debug: `results` already reports the failure.
 */
export function createDiagnostics(
  env: NodeJS.ProcessEnv,
  logger: Logger,
  results: Pick<ExportResults, 'failing'>,
): { install(): void } {
  const seen = new Set<string>();
  const logOnce =
    (level: 'warn' | 'info' | 'debug'): DiagLogFunction =>
    (message, ...details) => {
      const errors = details.filter((detail) => detail instanceof Error || typeof detail === 'string').map(String);
      const text = ['opentelemetry:', message, ...errors].join(' ').slice(0, 1_000);
      if (results.failing() || seen.has(text)) {
        logger.debug(text);
        return;
      }
      if (seen.size >= MAX_SEEN) seen.clear();
      seen.add(text);
      logger[level](text);
    };
  const diagLogger: DiagLogger = {
    error: logOnce('warn'),
    warn: logOnce('warn'),
    info: logOnce('info'),
    debug: logOnce('debug'),
    verbose: logOnce('debug'),
  };
  const level = settingOf(env, 'OTEL_LOG_LEVEL')?.toUpperCase() ?? 'WARN';
  const logLevel = DiagLogLevel[level as keyof typeof DiagLogLevel] ?? DiagLogLevel.WARN;
  return { install: () => void diag.setLogger(diagLogger, { logLevel, suppressOverrideMessage: true }) };
}
