/**
 * What the agent costs where nothing happens: its CPU time and memory while it follows 200 containers that print a
 * line every ten seconds. The agent runs as it ships: compiled, with the flags of the image.
 *
 * On a simulated engine, and on the real one where one is reachable. BENCH_IDLE_SECONDS: how long is measured.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { engineHost } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { AT_ONCE, batches, withContainers } from './support.ts';

const exec = promisify(execFile);

const CONTAINERS = 200;
const WARM_UP_MS = 30_000;
const MEASURE_MS = Number(process.env.BENCH_IDLE_SECONDS ?? 90) * 1_000;
const SAMPLE_EVERY_MS = 5_000;
/** As the Prometheus of compose.yaml does. */
const SCRAPE_EVERY_MS = 15_000;
/** USER_HZ: the unit of times in /proc/PID/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const GOAL_CPU_PERCENT = 1;
const GOAL_RSS_MIB = 120;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const QUIET_ENGINE = fileURLToPath(new URL('support-quiet-engine.ts', import.meta.url));
const QUIET = 'i=0; while true; do i=$((i+1)); echo "INFO served $i requests, 0 errors"; sleep 10; done';

interface Agent {
  /** The arguments of Node. */
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Builds into `folder`, and says how to start it: as the image does. */
async function buildAgent(folder: string): Promise<Agent> {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  await exec(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', path.join(folder, 'dist')], {
    cwd: ROOT,
  });
  cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  const dockerfile = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
  const [, ...args] = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
  const arenas = /MALLOC_ARENA_MAX=(\d+)/.exec(dockerfile)?.[1];
  return {
    program: args.map((arg) => (arg === 'dist/main.js' ? path.join(folder, arg) : arg)),
    env: { NODE_ENV: 'production', ...(arenas === undefined ? {} : { MALLOC_ARENA_MAX: arenas }) },
  };
}

/** Seconds of CPU that the process and its threads have used. */
function cpuSeconds(pid: number): number {
  // After the name, which may hold spaces and ends with the last parenthesis: fields 14 and 15 of proc(5).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function rssMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

interface Usage {
  readonly cpuPercent: number;
  readonly rss: readonly number[];
}

async function measure(doctor: Doctor, options: { readonly scraped: boolean }): Promise<Usage> {
  const cpuBefore = cpuSeconds(doctor.pid);
  const begun = performance.now();
  const rss: number[] = [];
  let scrapes = 0;
  for (let elapsed = 0; elapsed < MEASURE_MS; elapsed = performance.now() - begun) {
    if (options.scraped && elapsed >= scrapes * SCRAPE_EVERY_MS) {
      scrapes += 1;
      await doctor.metrics();
    }
    await sleep(Math.min(SAMPLE_EVERY_MS, MEASURE_MS - elapsed));
    rss.push(rssMib(doctor.pid));
  }
  const seconds = (performance.now() - begun) / 1_000;
  return { cpuPercent: (100 * (cpuSeconds(doctor.pid) - cpuBefore)) / seconds, rss };
}

function report(what: string, { cpuPercent, rss }: Usage): void {
  const [first = 0] = rss;
  const last = rss.at(-1) ?? 0;
  const most = Math.max(...rss);
  const reached = cpuPercent <= GOAL_CPU_PERCENT && most <= GOAL_RSS_MIB;
  console.log(
    `${what.padEnd(30)} CPU ${cpuPercent.toFixed(2).padStart(5)} %   RSS ${first.toFixed(0)} → ${last.toFixed(0)} MiB, at most ${most.toFixed(0)}   ${reached ? 'goal reached' : 'GOAL MISSED'}`,
  );
}

async function measureAgent(what: string, agent: Agent, env: Record<string, string>): Promise<void> {
  const doctor = await startDoctor(
    { ...agent.env, ANTHROPIC_API_KEY: 'sk-ant-never-asked', ...env },
    { program: agent.program },
  );
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length >= CONTAINERS ? true : undefined), {
      deadlineMs: 60_000,
      everyMs: 500,
    });
    await sleep(WARM_UP_MS);
    report(what, await measure(doctor, { scraped: false }));
    report(`${what}, scraped`, await measure(doctor, { scraped: true }));
  } finally {
    await doctor.stop();
  }
}

async function onSimulatedEngine(agent: Agent, folder: string): Promise<void> {
  const engine = spawn(process.execPath, [QUIET_ENGINE, path.join(folder, 'engine.sock'), String(CONTAINERS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const dockerHost = await new Promise<string>((resolve, reject) => {
      createInterface({ input: engine.stdout }).once('line', resolve);
      engine.once('exit', () => reject(new Error('the simulated engine did not start')));
    });
    await measureAgent('simulated engine', agent, { DOCKER_HOST: dockerHost });
  } finally {
    engine.kill();
  }
}

async function onRealEngine(agent: Agent, dockerHost: string): Promise<void> {
  const run = `cd-bench-${randomBytes(3).toString('hex')}`;
  await withContainers(async (start) => {
    const numbers = Array.from({ length: CONTAINERS }, (_, i) => i);
    for (const batch of batches(numbers, AT_ONCE)) {
      await Promise.all(batch.map((i) => start({ name: `${run}-${i}-quiet`, cmd: QUIET })));
    }
    await measureAgent('real engine', agent, { DOCKER_HOST: dockerHost, TARGET_CONTAINERS: `${run}-*` });
  });
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-idle-'));
  try {
    const agent = await buildAgent(folder);
    console.log(
      `${CONTAINERS} quiet containers, ${MEASURE_MS / 1_000} s each (goal: ≤ ${GOAL_CPU_PERCENT} % of a core, ≤ ${GOAL_RSS_MIB} MiB)`,
    );
    await onSimulatedEngine(agent, folder);
    const dockerHost = engineHost();
    if (dockerHost === undefined) console.log('real engine: skipped, none is reachable');
    else await onRealEngine(agent, dockerHost);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
