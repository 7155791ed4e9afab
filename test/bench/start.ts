/**
 * How long the agent takes from its start until it watches 200 containers, its CPU time for that, and its memory
 * afterwards, on a simulated engine. The agent runs as shipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { percentile } from './support.ts';
import { type Agent, buildAgent, cpuSeconds, rssMib } from './support-agent.ts';
import { withQuietEngine } from './support-with-quiet-engine.ts';

const CONTAINERS = 200;
const ROUNDS = 5;
const SETTLE_MS = 5_000;
const GOAL_MS = 1_500;

async function measure(agent: Agent, dockerHost: string) {
  const begun = performance.now();
  const doctor = await startDoctor(
    { ...agent.env, DOCKER_HOST: dockerHost, ANTHROPIC_API_KEY: 'sk-ant-never-asked' },
    { program: agent.program },
  );
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length >= CONTAINERS ? true : undefined), {
      deadlineMs: 60_000,
      everyMs: 10,
    });
    const watchingMs = performance.now() - begun;
    const cpu = cpuSeconds(doctor.pid);
    await sleep(SETTLE_MS);
    return { watchingMs, cpu, rss: rssMib(doctor.pid) };
  } finally {
    await doctor.stop();
  }
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-start-'));
  try {
    const agent = await buildAgent(folder);
    console.log(`from the start of the process until ${CONTAINERS} containers are watched (goal: ≤ ${GOAL_MS} ms)`);
    const rounds: Awaited<ReturnType<typeof measure>>[] = [];
    await withQuietEngine(folder, { containers: CONTAINERS, everyMs: 0 }, async (dockerHost) => {
      for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(agent, dockerHost));
    });
    const median = (of: (round: (typeof rounds)[number]) => number) => percentile(rounds.map(of), 0.5);
    const watchingMs = median((round) => round.watchingMs);
    console.log(
      `median of ${ROUNDS}: ${Math.round(watchingMs)} ms, ${median((round) => round.cpu).toFixed(2)} s of CPU; ` +
        `${SETTLE_MS / 1_000} s later ${median((round) => round.rss).toFixed(0)} MiB   ${watchingMs <= GOAL_MS ? 'goal reached' : 'GOAL MISSED'}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
