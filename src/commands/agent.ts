import { type App, createApp } from '../app/app.ts';
import { type AgentIdentity, loadIdentity } from '../app/identity.ts';
import type { Config } from '../config/config.ts';
import { formatProblem, loadConfig } from '../config/load.ts';
import { createDockerEngine } from '../docker/engine.ts';
import type { Logger } from '../lib/log.ts';
import { systemClock } from '../lib/time.ts';
import type { PeopleAccess } from '../pipeline/ports/people.ts';
import { redactText } from '../redact/redactor.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startTelemetry } from '../telemetry/register.ts';
import { readVersion } from '../version.ts';
import type { Output } from './output.ts';

export interface Settings {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/** Loads the settings. If they have problems, prints these and returns undefined. */
export function loadSettings(env: NodeJS.ProcessEnv, { printError }: Output): Settings | undefined {
  const loaded = loadConfig(env);
  if (loaded.ok) return loaded;
  const count = loaded.problems.length;
  printError(`container-doctor: ${count} invalid setting${count === 1 ? '' : 's'}:\n`);
  for (const problem of loaded.problems) printError(`  ${formatProblem(problem)}\n`);
  return undefined;
}

export interface RunningAgent {
  readonly url: string;
  readonly logger: Logger;
  readonly people: PeopleAccess;
  /** Reloads the policy file; absent if there is none. Never rejects. */
  reload?(): Promise<void>;
  /** Stops the app and flushes telemetry within 10 s. */
  stop(): Promise<void>;
}

/**
 * Starts telemetry and the app. Rejects if the store or the port cannot be used, or the engine's settings are invalid.
 * `pretty`: log readable text even if standard output is not a terminal.
 */
export async function startAgent(
  { config, warnings }: Settings,
  env: NodeJS.ProcessEnv,
  options: { readonly pretty?: boolean } = {},
): Promise<RunningAgent> {
  let identity: AgentIdentity | undefined;
  const logger = createLogger({
    level: config.logLevel,
    ...options,
    host: () => identity?.host,
    redact: (text) => redactText(text, config.secrets, { personal: config.redactPersonal }),
  });
  const version = readVersion();
  identity = await loadIdentity({
    ...config,
    engineHostName: async (signal) => createDockerEngine(config.docker).hostName(signal),
    logger,
  });
  const telemetry = startTelemetry({ version, env, logger, identity });
  let app: App | undefined;
  const stop = async (): Promise<void> => {
    await app?.stop();
    await telemetry.shutdown();
  };
  try {
    app = await createApp(config, {
      version,
      identity,
      telemetry,
      logger,
      clock: systemClock,
      print: (text) => logger.warn(text),
    });
    for (const warning of warnings) logger.warn(warning);
    logMissingSettings(config, logger);
    const { url } = await app.start();
    logger.info('container-doctor is running', { version, url, auto_fix: config.askFirst ? 'ask' : config.autoFix });
    return { url, logger, people: app.people, reload: config.policy.path === undefined ? undefined : app.reload, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

function logMissingSettings(config: Config, logger: Logger): void {
  if (!['rules-only', 'local-only'].includes(config.diagnoseWith) && config.anthropic.apiKey === undefined) {
    const local = config.localModel === undefined ? '' : 'the local model and ';
    logger.warn(`ANTHROPIC_API_KEY is not set: only ${local}the built-in rules diagnose`);
  }
  if (config.receivers.every(({ name }) => name === 'console')) {
    logger.warn('no receiver is configured (SLACK_WEBHOOK_URL is not set): alerts are written to this log');
  }
  if (config.askFirst)
    logger.info('AUTO_FIX is ask: a person must approve each restart, unless a policy says otherwise');
  if (!config.autoFix) {
    logger.info('AUTO_FIX is false: nothing is restarted; alerts say what would have been restarted');
  }
}
