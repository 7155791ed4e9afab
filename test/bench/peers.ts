/**
 * The agent beside what people use instead, on the same containers of a real engine: the article's script (Python, a poll
 * every 30 s) and one `docker logs --follow` for each container. Then the agent alone on a simulated engine with 1,000
 * containers, first while all are quiet, then while one fails every two seconds.
 *
 * BENCH_PEERS_CONTAINERS: how many containers of the real engine; default 200. BENCH_PEERS_SECONDS: the length of each
 * measurement; default 90. LoggiFly, a keyword tool, is not on PyPI and cannot be measured here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startDoctor } from '../support/doctor.ts';
import { engineHost } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { AT_ONCE, batches, withContainers } from './support.ts';
import { type Agent, buildAgent, cpuSeconds, rssMib } from './support-agent.ts';
import { withQuietEngine } from './support-with-quiet-engine.ts';

const exec = promisify(execFile);

const CONTAINERS = Number(process.env.BENCH_PEERS_CONTAINERS ?? 200);
const SECONDS = Number(process.env.BENCH_PEERS_SECONDS ?? 90);
const WARM_UP_MS = 30_000;
const MANY = 1_000;
const FAIL_MS = 2_000;
const LINE = 'i=0; while true; do i=$((i+1)); echo "INFO served $i requests, 0 errors"; sleep 10; done';
const SCRIPT = fileURLToPath(new URL('support-keyword-script.py', import.meta.url));

interface Cost {
  readonly cpuPercent: number;
  readonly rss: number;
}

/** CPU and memory of all these processes together. The memory of forked copies of a program is counted for each. */
async function costOf(pids: readonly number[], seconds: number): Promise<Cost> {
  const cpu = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const [before, begun] = [cpu(), performance.now()];
  await sleep(seconds * 1_000);
  const elapsed = (performance.now() - begun) / 1_000;
  return { cpuPercent: (100 * (cpu() - before)) / elapsed, rss: pids.reduce((sum, pid) => sum + rssMib(pid), 0) };
}

const row = (what: string, { cpuPercent, rss }: Cost, more = ''): void =>
  console.log(`| ${what} | ${cpuPercent.toFixed(2)} % | ${rss.toFixed(0)} MiB | ${more} |`);

async function ended(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exitCode ?? new Promise((resolve) => child.on('exit', resolve))));
}

async function measureAgent(agent: Agent, env: Record<string, string>, containers: number) {
  const doctor = await startDoctor({ ...agent.env, ...env }, { program: agent.program });
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length >= containers ? true : undefined), {
      deadlineMs: 120_000,
      everyMs: 500,
    });
    await sleep(WARM_UP_MS);
    const cost = await costOf([doctor.pid], SECONDS);
    return { cost, metrics: await doctor.metrics() };
  } finally {
    await doctor.stop();
  }
}

/** Undefined if Python or its packages are missing. */
async function startScript(folder: string, prefix: string, dockerHost: string): Promise<ChildProcess | undefined> {
  const python = path.join(folder, 'venv/bin/python');
  try {
    await exec('python3', ['-m', 'venv', path.join(folder, 'venv')]);
    await exec(python, ['-m', 'pip', 'install', '--quiet', 'docker']);
  } catch {
    return undefined;
  }
  return spawn(python, [SCRIPT, prefix], { env: { ...process.env, DOCKER_HOST: dockerHost }, stdio: 'ignore' });
}

async function besideOthers(agent: Agent, folder: string, dockerHost: string): Promise<void> {
  const run = `cd-bench-${randomBytes(3).toString('hex')}`;
  await withContainers(async (start) => {
    const names = Array.from({ length: CONTAINERS }, (_, i) => `${run}-${i}-quiet`);
    for (const batch of batches(names, AT_ONCE)) await Promise.all(batch.map((name) => start({ name, cmd: LINE })));
    console.log(`${CONTAINERS} containers on a real engine, a line every 10 s each, ${SECONDS} s`);
    console.log('| | CPU | resident | |\n|---|---|---|---|');
    const env = { DOCKER_HOST: dockerHost, TARGET_CONTAINERS: `${run}-*` };
    row('Container Doctor', (await measureAgent(agent, env, CONTAINERS)).cost, '1 process');

    const script = await startScript(folder, run, dockerHost);
    if (script?.pid === undefined) console.log('| the article’s script | – | – | skipped: needs python3 and pip |');
    else {
      await sleep(WARM_UP_MS);
      row('the article’s script', await costOf([script.pid], SECONDS), 'sees a line after up to 30 s');
      await ended([script]);
    }

    const followers = names.map((name) =>
      spawn('docker', ['--host', dockerHost, 'logs', '--follow', '--tail', '0', name], { stdio: 'ignore' }),
    );
    await sleep(WARM_UP_MS);
    const pids = followers.flatMap(({ pid, exitCode }) => (pid === undefined || exitCode !== null ? [] : [pid]));
    if (pids.length < names.length)
      console.log('| `docker logs --follow` | – | – | skipped: needs the docker command |');
    else
      row('`docker logs --follow` for each', await costOf(pids, SECONDS), `${pids.length} processes; detects nothing`);
    await ended(followers);
  });
}

/** The share of incidents that were open within a second of their line. */
function withinASecond(metrics: string): number {
  const value = (pattern: RegExp) => [...metrics.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  const name = 'container_doctor_detection_latency_seconds';
  const all = value(new RegExp(`^${name}_count(?:\\{.*\\})? (\\S+)`, 'gm'));
  return value(new RegExp(`^${name}_bucket\\{.*le="1(?:\\.0)?".*\\} (\\S+)`, 'gm')) / all;
}

async function manyContainers(agent: Agent, folder: string): Promise<void> {
  const measure = (failMs: number) =>
    withQuietEngine(folder, { containers: MANY, everyMs: 10_000, failMs }, (dockerHost) =>
      measureAgent(agent, { DOCKER_HOST: dockerHost }, MANY),
    );
  const quiet = await measure(0);
  const failing = await measure(FAIL_MS);
  const share = withinASecond(failing.metrics);
  const reached = quiet.cost.cpuPercent <= 3 && quiet.cost.rss <= 130 && share >= 0.95;
  const shown = ({ cost }: typeof quiet) => `CPU ${cost.cpuPercent.toFixed(2)} %, ${cost.rss.toFixed(0)} MiB`;
  console.log(
    `\n${MANY} containers on a simulated engine, a line every 10 s each: ${shown(quiet)}; with an error every ` +
      `${FAIL_MS / 1_000} s: ${shown(failing)}, ${(100 * share).toFixed(0)} % of errors detected within 1 s   ` +
      `${reached ? 'goal reached' : 'GOAL MISSED'} (≤ 3 %, ≤ 130 MiB, ≥ 95 %)`,
  );
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-peers-'));
  try {
    const agent = await buildAgent(folder);
    const dockerHost = engineHost();
    if (dockerHost === undefined) console.log('the comparison is skipped: no Docker engine is reachable');
    else await besideOthers(agent, folder, dockerHost);
    await manyContainers(agent, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
