#!/usr/bin/env node
/** Commands, signals and exit codes, nothing else. */
import { setSourceMapsSupport } from 'node:module';
import type { RunningAgent } from './commands/agent.ts';
import { readVersion } from './version.ts';

const EXIT_FAILED = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_WRONG_USAGE = 64;

const complain = (text: string): void => void process.stderr.write(text);

/** Runs until a signal asks it to stop; a second one ends it at once. */
async function untilStopped(start: () => Promise<RunningAgent>): Promise<number> {
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    let first = true;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (!first) process.exit(EXIT_FAILED);
        first = false;
        resolve(signal);
      });
    }
  });
  try {
    const agent = await start();
    const { reload } = agent;
    if (reload) process.on('SIGHUP', () => void reload());
    const signal = await asked;
    agent.logger.info('stopping', { signal });
    await agent.stop();
    return 0;
  } catch (error) {
    complain(`container-doctor: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILED;
  }
}

/** Each command loads what it needs: the agent's memory is not spent on the others, nor a health check's time. */
async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case undefined: {
      const { EXIT_WRONG_SETTINGS, readSettings, startAgent } = await import('./commands/agent.ts');
      const settings = readSettings(env, complain);
      return settings ? untilStopped(() => startAgent(settings, env)) : EXIT_WRONG_SETTINGS;
    }
    case 'check': {
      const { runCheck } = await import('./commands/check.ts');
      return runCheck(env, (text) => void process.stdout.write(text), complain, rest);
    }
    case 'review': {
      const { runReview } = await import('./commands/review.ts');
      return runReview(rest, env, (text) => void process.stdout.write(text), complain);
    }
    case 'demo': {
      const { runDemo } = await import('./commands/demo.ts');
      return untilStopped(() => runDemo(env, (text) => void process.stdout.write(text)));
    }
    case 'scan':
      return (await import('./scan/scan.ts')).runScan(rest, process);
    case 'healthcheck':
      return (await import('./commands/healthcheck.ts')).runHealthcheck(env);
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write((await import('./commands/help.ts')).helpText(readVersion()));
      return 0;
    case '--version':
    case '-v':
      process.stdout.write(`${readVersion()}\n`);
      return 0;
    default:
      complain(`container-doctor: there is no command "${command}"; see container-doctor --help\n`);
      return EXIT_WRONG_USAGE;
  }
}

// Not `--enable-source-maps`: that one keeps the maps of every dependency too, some 17 MB of them.
setSourceMapsSupport(true, { nodeModules: false });
process.exit(await main(process.argv.slice(2), process.env));
