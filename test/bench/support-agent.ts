/** The agent as shipped, and the resources of its process. */
import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Doctor } from '../support/doctor.ts';

const exec = promisify(execFile);

/** USER_HZ: the unit of times in /proc/PID/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Agent {
  /** The arguments of Node. */
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The log message of support-loop-delay.ts: `{"msg": LOOP_DELAY, "ms": 12.3}`. */
export const LOOP_DELAY = 'event loop delay';
const LOOP_DELAY_MODULE = new URL('support-loop-delay.ts', import.meta.url).href;

/** The longest block of the event loop in each second so far, ms. */
export function blocksOf({ log }: Pick<Doctor, 'log'>): readonly number[] {
  return log.filter(({ msg }) => msg === LOOP_DELAY).map(({ ms }) => Number(ms));
}

/** `agent`, which also logs the delay of its event loop. */
export function withLoopDelay({ program, env }: Agent): Agent {
  return { program: ['--import', LOOP_DELAY_MODULE, ...program], env };
}

const dockerfile = () => readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
const imageArguments = () =>
  (JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile())?.[1] ?? '[]') as string[]).slice(1);

/** The flags of Node in the image. */
export const imageFlags = () => imageArguments().filter((arg) => arg.startsWith('--'));

/** Builds the agent into `folder`. Returns how the image starts it. */
export async function buildAgent(folder: string): Promise<Agent> {
  const dist = path.join(folder, 'dist');
  await exec(process.execPath, [path.join(ROOT, 'scripts/bundle.ts'), dist], { cwd: ROOT });
  const malloc = Array.from(dockerfile().matchAll(/\b(MALLOC_\w+)=(\d+)/g), ([, name, value]) => [name, value]);
  return {
    program: imageArguments().map((arg) => (arg === 'dist/main.js' ? path.join(folder, arg) : arg)),
    env: {
      NODE_ENV: 'production',
      // startDoctor sets a cache, which the image does not have.
      NODE_DISABLE_COMPILE_CACHE: '1',
      ...Object.fromEntries(malloc),
    },
  };
}

/** As `buildAgent`, with its page. */
export async function buildAgentWithPage(folder: string): Promise<Agent> {
  const agent = await buildAgent(folder);
  await exec(process.execPath, ['scripts/build-web.ts', '--if-needed'], { cwd: ROOT });
  cpSync(path.join(ROOT, 'dist/web'), path.join(folder, 'dist/web'), { recursive: true });
  return agent;
}

/** CPU time of the process with its threads, seconds. */
export function cpuSeconds(pid: number): number {
  // Fields 14 and 15 of proc(5). The name before them may contain spaces and ends with the last parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function rssMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
