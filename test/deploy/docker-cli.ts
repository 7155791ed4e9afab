import { execFile, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Finished {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects with its output if it fails or exceeds the deadline. */
export async function exec(
  program: string,
  args: readonly string[],
  options: { readonly deadlineMs?: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  try {
    return await run(program, [...args], {
      timeout: options.deadlineMs ?? 30_000,
      cwd: options.cwd,
      env: options.env ?? process.env,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as Partial<Finished>;
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`, {
      cause: error,
    });
  }
}

/** Runs `docker ...` without BuildKit: its plugin is not installed everywhere, and our Dockerfile does not need it. */
export function docker(args: readonly string[], deadlineMs?: number): Promise<Finished> {
  return exec('docker', args, { deadlineMs, env: { ...process.env, DOCKER_BUILDKIT: '0' } });
}

/** Runs `docker ...` with `input` as its standard input. */
export async function dockerWithInput(args: readonly string[], input: Readable, deadlineMs: number): Promise<void> {
  const child = spawn('docker', args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    signal: AbortSignal.timeout(deadlineMs),
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`docker ${args[0]}: ${stderr}`))));
  });
  await Promise.all([pipeline(input, child.stdin), ended]);
}

async function answers(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await exec(program, args, { deadlineMs: 60_000 });
    return true;
  } catch {
    return false;
  }
}

/** The command of Compose v2: a plugin of the docker client, or a separate program. Undefined if there is none. */
export async function findCompose(): Promise<readonly string[] | undefined> {
  if (await answers('docker', ['compose', 'version'])) return ['docker', 'compose'];
  // Version 1 was a different program and is not accepted.
  const { stdout } = await exec('docker-compose', ['version', '--short']).catch(() => ({ stdout: '' }));
  return /^v?(?!1\.)\d/.test(stdout.trim()) ? ['docker-compose'] : undefined;
}
