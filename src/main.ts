#!/usr/bin/env node
/** The entry point: commands, signals and exit codes. */
import { setSourceMapsSupport } from 'node:module';
import type { RunningAgent } from './commands/agent.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_WRONG_SETTINGS, EXIT_WRONG_USAGE } from './commands/exit-codes.ts';
import type { Output } from './commands/output.ts';
import { messageOf } from './errors.ts';
import { readVersion } from './version.ts';

const output: Output = {
  print: (text) => void process.stdout.write(text),
  printError: (text) => void process.stderr.write(text),
};

/** How long open timers and connections may delay the exit after the command has ended, ms. */
const EXIT_PATIENCE_MS = 1_000;

/**
 * Lets the process end by itself. In Node 24, `process.exit` hangs if V8 is compiling code in the background and needs
 * memory for it (nodejs/node#64274), which the flags of the image make more likely.
 */
function exit(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(code), EXIT_PATIENCE_MS).unref();
}

/** Runs until SIGTERM or SIGINT. A second signal ends the process immediately. */
async function untilStopped(start: () => Promise<RunningAgent>): Promise<number> {
  const firstSignal = new Promise<NodeJS.Signals>((resolve) => {
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
    const signal = await firstSignal;
    agent.logger.info('stopping', { signal });
    await agent.stop();
    return EXIT_OK;
  } catch (error) {
    output.printError(`container-doctor: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
}

/** Each command imports only its own modules, because modules account for most of the memory and start-up time. */
async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case undefined: {
      const { loadSettings, startAgent } = await import('./commands/agent.ts');
      const settings = loadSettings(env, output);
      return settings ? untilStopped(() => startAgent(settings, env)) : EXIT_WRONG_SETTINGS;
    }
    case 'check':
      return (await import('./commands/check.ts')).runCheck(rest, env, output);
    case 'review':
      return (await import('./commands/review.ts')).runReview(rest, env, output);
    case 'demo': {
      const { runDemo } = await import('./commands/demo.ts');
      return untilStopped(() => runDemo(env, output));
    }
    case 'scan':
      return (await import('./scan/scan.ts')).runScan(rest, process);
    case 'mcp':
      return (await import('./commands/mcp.ts')).runMcp(rest, env, output);
    case 'healthcheck':
      return (await import('./commands/healthcheck.ts')).runHealthcheck(env);
    case '--help':
    case '-h':
    case 'help':
      output.print((await import('./commands/help.ts')).helpText(readVersion()));
      return EXIT_OK;
    case '--version':
    case '-v':
      output.print(`${readVersion()}\n`);
      return EXIT_OK;
    default:
      output.printError(`container-doctor: unknown command "${command}"; see container-doctor --help\n`);
      return EXIT_WRONG_USAGE;
  }
}

// Not `--enable-source-maps`: it also loads the source maps of all dependencies, about 17 MB.
setSourceMapsSupport(true, { nodeModules: false });
// No top-level await: the bundle of the image is CommonJS.
void main(process.argv.slice(2), process.env).then(exit);
