/**
 * Two million lines that a container of the real engine prints at once: how fast do the agent, `docker logs --follow` and
 * `curl` receive them, and for how much CPU time? Each reads a run of its own, in turn.
 *
 * BENCH_FOLLOW_LINES: default 2,000,000. BENCH_FOLLOW_ROUNDS: default 3.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDoctor } from '../support/doctor.ts';
import { docker, engineHost, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { number, percentile, withContainers } from './support.ts';
import { type Agent, buildAgent, cpuSeconds } from './support-agent.ts';

const LINES = Number(process.env.BENCH_FOLLOW_LINES ?? 2_000_000);
const ROUNDS = Number(process.env.BENCH_FOLLOW_ROUNDS ?? 3);
const GOAL = 'goals: rate ≥ .95 of docker logs, CPU ≤ 1.3 of curl';
const PATIENCE_MS = 300_000;

/** Prints all lines after the file /go exists. */
const WRITER = `while [ ! -e /go ]; do sleep 0.1; done
awk 'BEGIN { for (n = 0; n < ${LINES}; n++) print "INFO served a request of the shop in the usual way, number " n }'
echo "ERROR the disk is full, this was the last line"`;

interface Cost {
  readonly seconds: number;
  readonly cpu: number;
}

async function letGo(container: TestContainer): Promise<void> {
  const exec = await docker()
    .getContainer(container.id)
    .exec({ Cmd: ['touch', '/go'] });
  // Its open connection would keep this process alive.
  (await exec.start({ Detach: true })).destroy();
}

/** Runs a program that ends with the container's log. */
async function byProgram(container: TestContainer, command: string): Promise<Cost> {
  const script = `TIMEFORMAT='%U %S'; time ${command} > /dev/null`;
  const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.on('data', (data) => {
    printed += data;
  });
  await sleep(1_000);
  const begun = performance.now();
  await letGo(container);
  const [code] = await once(child, 'exit');
  const seconds = (performance.now() - begun) / 1_000;
  if (code !== 0) throw new Error(`${command}: ${printed}`);
  const [user = 0, system = 0] = printed.trim().split(' ').map(Number);
  return { seconds, cpu: user + system };
}

/** The agent has read everything when it reports the error in the last line. */
async function byAgent(container: TestContainer, host: string, agent: Agent): Promise<Cost> {
  const env = { ...agent.env, DOCKER_HOST: host, TARGET_CONTAINERS: container.name };
  const doctor = await startDoctor(env, { program: agent.program });
  const isReported = () =>
    doctor.log.some((record) => record.container === container.name && record.msg === 'incident opened');
  try {
    await eventually(async () => (await doctor.health()).monitoring.includes(container.name) || undefined);
    const cpuBefore = cpuSeconds(doctor.pid);
    const begun = performance.now();
    await letGo(container);
    await eventually(() => isReported() || undefined, { deadlineMs: PATIENCE_MS });
    const cost = { seconds: (performance.now() - begun) / 1_000, cpu: cpuSeconds(doctor.pid) - cpuBefore };
    await eventually(async () => (await doctor.metric('container_doctor_log_lines_total')) >= LINES || undefined);
    return cost;
  } finally {
    await doctor.stop();
  }
}

const READERS = ['agent', 'docker logs', 'curl'] as const;
type Reader = (typeof READERS)[number];

function costOf(reader: Reader, container: TestContainer, host: string, agent: Agent): Promise<Cost> {
  if (reader === 'agent') return byAgent(container, host, agent);
  if (reader === 'docker logs') return byProgram(container, `docker --host ${host} logs --follow ${container.id}`);
  const query = 'follow=1&stdout=1&stderr=1&timestamps=1';
  const socket = host.replace('unix://', '');
  return byProgram(
    container,
    `curl --silent --no-buffer --unix-socket ${socket} "http://docker/containers/${container.id}/logs?${query}"`,
  );
}

export async function run(): Promise<void> {
  const host = engineHost();
  if (host === undefined) {
    console.log('skipped: no Docker engine is reachable');
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-follow-'));
  try {
    const agent = await buildAgent(folder);
    const costs: Record<Reader, Cost[]> = { agent: [], 'docker logs': [], curl: [] };
    await withContainers(async (start) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const reader of READERS) {
          const name = `cd-bench-${randomBytes(3).toString('hex')}-follow`;
          const container = await start({ name, cmd: WRITER, logs: { 'max-size': '10g' } });
          costs[reader].push(await costOf(reader, container, host, agent));
          await container.remove();
        }
      }
    });
    console.log(`${number(LINES)} lines, medians of ${ROUNDS} (${GOAL})`);
    const median = (reader: Reader, of: (cost: Cost) => number) => percentile(costs[reader].map(of), 0.5);
    for (const reader of READERS) {
      const seconds = median(reader, (cost) => cost.seconds);
      const cpu = median(reader, (cost) => cost.cpu);
      console.log(
        `${reader.padEnd(12)} ${number(Math.round(LINES / seconds)).padStart(8)} lines/s, CPU ${cpu.toFixed(1)} s  ` +
          `(rate of the agent ${(seconds / median('agent', (cost) => cost.seconds)).toFixed(2)} of it, ` +
          `CPU ${(median('agent', (one) => one.cpu) / cpu).toFixed(2)} of it)`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
