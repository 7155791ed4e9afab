/** The agent as users run it: a process that is configured by its environment and queried over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { HealthView } from '../../src/http/health.ts';
import type { HistoryEntry } from '../../src/http/history.ts';
import { eventually } from './eventually.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** With a cache of compiled modules, the hundreds of agents of one run start with less than two thirds of the CPU time. */
const BASE_ENV = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/node-compile', import.meta.url)),
};

export interface Doctor {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Its log so far; each line is a parsed JSON object. */
  readonly log: readonly Record<string, unknown>[];
  /** Everything that it printed, unparsed. */
  output(): string;
  health(): Promise<HealthView>;
  history(): Promise<readonly HistoryEntry[]>;
  metrics(): Promise<string>;
  /** The sum of the series of `/metrics` with this name and these labels. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves to the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  /** SIGTERM, then SIGKILL after 15 s. Removes its files. */
  stop(): Promise<number | string>;
}

/** Starts the agent on a free port and waits until it runs. Of the test's environment, it gets only PATH and HOME. */
export async function startDoctor(
  env: Record<string, string>,
  options: {
    args?: readonly string[];
    /** Node's flags and the program. Default: the sources. */
    program?: readonly string[];
    /** A program that starts the agent in its own process, such as `nsenter`. */
    via?: readonly string[];
  } = {},
): Promise<Doctor> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'doctor-test-'));
  const dataDir = env.DATA_DIR ?? path.join(scratch, 'data');
  const command = [...(options.via ?? []), process.execPath, ...(options.program ?? [MAIN]), ...(options.args ?? [])];
  const child = spawn(command[0] as string, command.slice(1), {
    env: { ...BASE_ENV, PORT: '0', DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { log, output } = capture(child);
  const exited = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'gone')),
  );

  const address = () => log.find((line) => line.msg === 'container-doctor is running')?.url as string | undefined;
  const url = await Promise.race([
    eventually(address, { deadlineMs: 60_000 }),
    exited.then((code) => address() ?? Promise.reject(new Error(`the agent exited with ${code}:\n${output()}`))),
  ]);
  const headers: Record<string, string> = env.HTTP_TOKEN ? { authorization: `Bearer ${env.HTTP_TOKEN}` } : {};
  const get = async (page: string) => fetch(`${url}${page}`, { headers, signal: AbortSignal.timeout(30_000) });
  const metrics = async () => (await get('/metrics')).text();

  return {
    url,
    pid: child.pid as number,
    dataDir,
    log,
    output,
    exited,
    health: async () => (await get('/health')).json() as Promise<HealthView>,
    history: async () => (await get('/history?limit=1000')).json() as Promise<HistoryEntry[]>,
    metrics,
    metric: async (name, labels = {}) => sumOf(await metrics(), name, labels),
    signal: (signal) => void child.kill(signal),
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      child.kill('SIGTERM');
      const code = await exited;
      clearTimeout(timer);
      rmSync(scratch, { recursive: true, force: true });
      return code;
    },
  };
}

/** Runs one command of the agent to its end. */
export async function runCommand(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...BASE_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const code = await new Promise<number | string>((resolve) => child.on('close', (c, s) => resolve(c ?? s ?? 'gone')));
  clearTimeout(timer);
  return { code, stdout, stderr };
}

function capture(child: ChildProcess): { log: Record<string, unknown>[]; output(): string } {
  const log: Record<string, unknown>[] = [];
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      try {
        log.push(JSON.parse(line));
      } catch {
        // Invalid settings and faults at start are reported as plain text.
      }
    });
  }
  return { log, output: () => lines.join('\n') };
}

/** The sum of the series of a page of metrics with this name and these labels. */
export function sumOf(text: string, name: string, labels: Record<string, string>): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match?.[1] !== name) continue;
    const has = Object.entries(labels).every(([label, value]) => (match[2] ?? '').includes(`${label}="${value}"`));
    if (has) sum += Number(match[3]);
  }
  return sum;
}
