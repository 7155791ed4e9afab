import type { Logger, LogLevel } from '@slack/web-api';

/** Slack's clients would write to standard output. What matters is returned as data. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => 'error' as LogLevel,
  setName: () => undefined,
};
