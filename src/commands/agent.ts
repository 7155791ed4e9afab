import { type App, createApp } from '../app/app.ts';
import { type Config, formatProblem, loadConfig } from '../config/config.ts';
import type { Logger } from '../lib/log.ts';
import { systemClock } from '../lib/time.ts';
import { redactText } from '../redact/redactor.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startTelemetry } from '../telemetry/register.ts';
import { readVersion } from '../version.ts';

/** EX_CONFIG of sysexits.h. */
export const EXIT_WRONG_SETTINGS = 78;

/** Reads the settings, or complains of every problem with them. */
export function readSettings(
  env: NodeJS.ProcessEnv,
  complain: (text: string) => void,
): { readonly config: Config; readonly warnings: readonly string[] } | undefined {
  const loaded = loadConfig(env);
  if (loaded.ok) return loaded;
  const count = loaded.problems.length;
  complain(`container-doctor: ${count} wrong setting${count === 1 ? '' : 's'}:\n`);
  for (const problem of loaded.problems) complain(`  ${formatProblem(problem)}\n`);
  return undefined;
}

export interface RunningAgent {
  readonly url: string;
  readonly logger: Logger;
  /** Reads the policy file again; absent where there is none. Never rejects. */
  reload?(): Promise<void>;
  /** Stops the app and flushes telemetry; within 10 s. */
  stop(): Promise<void>;
}

/** Starts telemetry and the app; rejects where the store, the port or the engine's settings cannot be used. */
export async function startAgent(
  { config, warnings }: { readonly config: Config; readonly warnings: readonly string[] },
  env: NodeJS.ProcessEnv,
  options: { /** Log for reading, also where standard output is no terminal. */ readonly pretty?: boolean } = {},
): Promise<RunningAgent> {
  const logger = createLogger({
    level: config.logLevel,
    ...options,
    redact: (text) => redactText(text, config.secrets),
  });
  const version = readVersion();
  const telemetry = startTelemetry({ version, env, logger });
  let app: App | undefined;
  const stop = async (): Promise<void> => {
    await app?.stop();
    await telemetry.shutdown();
  };
  try {
    app = await createApp(config, {
      version,
      telemetry,
      logger,
      clock: systemClock,
      print: (text) => logger.warn(text),
    });
    for (const warning of warnings) logger.warn(warning);
    sayWhatIsMissing(config, logger);
    const { url } = await app.start();
    logger.info('container-doctor is running', { version, url, auto_fix: config.autoFix });
    return { url, logger, reload: config.policy.path === undefined ? undefined : app.reload, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

function sayWhatIsMissing(config: Config, logger: Logger): void {
  if (config.diagnoseWith !== 'rules-only' && config.anthropic.apiKey === undefined) {
    logger.warn('ANTHROPIC_API_KEY is not set: the built-in rules diagnose alone');
  }
  if (config.receivers.every(({ name }) => name === 'console')) {
    logger.warn('no receiver is configured (SLACK_WEBHOOK_URL is not set): alerts are written to this log');
  }
  if (!config.autoFix) logger.info('AUTO_FIX is off: nothing is restarted, alerts say what would have been');
}
