/**
 * A flood on a real engine, whose log files do not wait for readers. How fast does the engine deliver what a container
 * writes, how far does the agent fall behind, and are lines lost, with one log file and with rotating files?
 *
 * BENCH_FLOOD_SECONDS: about how long the container writes; default 20.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { docker, engineHost, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { number, withContainers } from './support.ts';
import { buildAgent, cpuSeconds } from './support-agent.ts';

const SECONDS = Number(process.env.BENCH_FLOOD_SECONDS ?? 20);
/** With the pauses and the time for printing, about 50,000 lines per second. */
const LINES_AT_ONCE = 5_000;
const ROUNDS = SECONDS * 10;
const LINES = ROUNDS * LINES_AT_ONCE;
const LAST = 'INFO this was the last line';
const SAMPLE_EVERY_MS = 250;
const PATIENCE_MS = 600_000;
/** After this long without a line, no more are expected. */
const QUIET_MS = 10_000;

const FLOOD = `i=0
while [ $i -lt ${ROUNDS} ]; do
  awk 'BEGIN { for (n = 0; n < ${LINES_AT_ONCE}; n++) print "INFO served a request of the shop in the usual way, number " n }'
  i=$((i+1)); sleep 0.05
done
echo "${LAST}"
while true; do sleep 1; done`;

const RUNS = [
  ['its log in one file', { 'max-size': '10g' }],
  ['its log in three files of 10 MB (max-size: 10m, max-file: 3)', { 'max-size': '10m', 'max-file': '3' }],
] as const;

async function hasWritten(container: TestContainer): Promise<boolean> {
  const tail = await docker().getContainer(container.id).logs({ stdout: true, tail: 1 });
  return String(tail).includes(LAST);
}

/** Waits until all lines are read, or no more arrive. */
async function follow(container: TestContainer, doctor: Doctor) {
  const read = () => doctor.metric('container_doctor_log_lines_total');
  await eventually(async () => ((await read()) > 0 ? true : undefined), { deadlineMs: PATIENCE_MS });
  const begun = performance.now();
  const cpuBefore = cpuSeconds(doctor.pid);
  let wroteFor: number | undefined;
  let lines = 0;
  let grewAt = begun;
  while (lines < LINES + 1 && performance.now() - grewAt < QUIET_MS) {
    await sleep(SAMPLE_EVERY_MS);
    const now = await read();
    if (now > lines) grewAt = performance.now();
    lines = now;
    if (wroteFor === undefined && (await hasWritten(container))) wroteFor = performance.now() - begun;
  }
  return { lines, wroteFor: wroteFor ?? Number.NaN, readFor: grewAt - begun, cpu: cpuSeconds(doctor.pid) - cpuBefore };
}

export async function run(): Promise<void> {
  const dockerHost = engineHost();
  if (dockerHost === undefined) {
    console.log('skipped: no Docker engine is reachable');
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-flood-'));
  try {
    const agent = await buildAgent(folder);
    await withContainers(async (start) => {
      for (const [about, logs] of RUNS) {
        const name = `cd-bench-${randomBytes(3).toString('hex')}-flood`;
        const doctor = await startDoctor(
          { ...agent.env, DOCKER_HOST: dockerHost, TARGET_CONTAINERS: name, ANTHROPIC_API_KEY: 'sk-ant-never-asked' },
          { program: agent.program },
        );
        try {
          const container = await start({ name, cmd: FLOOD, logs });
          const { lines, wroteFor, readFor, cpu } = await follow(container, doctor);
          const seconds = (ms: number) => (ms / 1_000).toFixed(0);
          const rate = (count: number, ms: number) => `${number(Math.round((count * 1_000) / ms))} per second`;
          console.log(`\n${number(LINES)} lines, ${about}`);
          console.log(`written in ${seconds(wroteFor)} s, ${rate(LINES, wroteFor)}`);
          console.log(`read in ${seconds(readFor)} s, ${rate(lines, readFor)}; CPU of the agent ${cpu.toFixed(1)} s`);
          // Docker 20.10 delivers some lines twice when it rotates during a flood, also to `docker logs --follow`.
          const lost = LINES + 1 - lines;
          console.log(lost < 0 ? `delivered twice: at least ${number(-lost)}` : `lost: ${number(lost)}`);
          await container.remove();
        } finally {
          await doctor.stop();
        }
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
