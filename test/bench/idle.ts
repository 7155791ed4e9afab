/**
 * The cost of an idle agent: its CPU time and memory while it watches 200 healthy containers that print nothing, or a
 * line every ten seconds each. The agent runs as shipped: compiled, with the flags of the image. It has one receiver, a
 * webhook; once more with PostgreSQL, a Slack app, a local model and an open page.
 *
 * On a simulated engine, and on the real one if it is reachable. BENCH_IDLE_SECONDS: the length of the measurement.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { engineHost } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { AT_ONCE, batches, withContainers } from './support.ts';
import { type Agent, buildAgentWithPage, cpuSeconds, rssMib } from './support-agent.ts';
import { type Surroundings, startSurroundings, whyNoSurroundings } from './support-surroundings.ts';
import { withQuietEngine } from './support-with-quiet-engine.ts';

const CONTAINERS = 200;
/** V8 takes minutes to compile functions that run twenty times a second. Until then, CPU time is a fifth higher. */
const WARM_UP_MS = 180_000;
const MEASURE_MS = Number(process.env.BENCH_IDLE_SECONDS ?? 90) * 1_000;
const SAMPLE_EVERY_MS = 5_000;

interface Goal {
  /** Of a core. Absent: none. */
  readonly percent?: number;
  readonly mib: number;
}

const GOAL_MIB = 75;
const GOAL_CONNECTED: Goal = { mib: 110 };

const KINDS = [
  { what: 'no line', goal: { percent: 0.3, mib: GOAL_MIB }, everyMs: 0, cmd: 'while true; do sleep 3600; done' },
  {
    what: 'a line every 10 s',
    goal: { percent: 0.7, mib: GOAL_MIB },
    everyMs: 10_000,
    cmd: 'i=0; while true; do i=$((i+1)); echo "INFO served $i requests, 0 errors"; sleep 10; done',
  },
] as const;
type Kind = (typeof KINDS)[number];

interface Usage {
  readonly cpuPercent: number;
  readonly rss: readonly number[];
}

async function measure(doctor: Doctor): Promise<Usage> {
  const cpuBefore = cpuSeconds(doctor.pid);
  const begun = performance.now();
  const rss: number[] = [];
  for (let elapsed = 0; elapsed < MEASURE_MS; elapsed = performance.now() - begun) {
    await sleep(Math.min(SAMPLE_EVERY_MS, MEASURE_MS - elapsed));
    rss.push(rssMib(doctor.pid));
  }
  const seconds = (performance.now() - begun) / 1_000;
  return { cpuPercent: (100 * (cpuSeconds(doctor.pid) - cpuBefore)) / seconds, rss };
}

function report(what: string, { cpuPercent, rss }: Usage, goal: Goal): void {
  const [first = 0] = rss;
  const last = rss.at(-1) ?? 0;
  const most = Math.max(...rss);
  const reached = cpuPercent <= (goal.percent ?? Number.POSITIVE_INFINITY) && most <= goal.mib;
  const goals = [...(goal.percent === undefined ? [] : [`${goal.percent} %`]), `${goal.mib} MiB`].join(', ');
  console.log(
    `${what.padEnd(44)} CPU ${cpuPercent.toFixed(2).padStart(5)} %   RSS ${first.toFixed(0)} → ${last.toFixed(0)} MiB, at most ${most.toFixed(0)}   ${reached ? 'goal reached' : 'GOAL MISSED'} (${goals})`,
  );
}

async function measureAgent(
  what: string,
  agent: Agent,
  env: Readonly<Record<string, string>>,
  goal: Goal,
  surroundings?: Surroundings,
): Promise<void> {
  const receiver = surroundings?.env ?? { WEBHOOK_URL: 'http://127.0.0.1:9', WEBHOOK_SECRET: 'nothing-is-ever-sent' };
  const doctor = await startDoctor(
    { ...agent.env, ANTHROPIC_API_KEY: 'sk-ant-never-asked', ...receiver, ...env },
    { program: agent.program },
  );
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length >= CONTAINERS ? true : undefined), {
      deadlineMs: 60_000,
      everyMs: 500,
    });
    await surroundings?.openPage(doctor.url);
    await surroundings?.alerted();
    await sleep(WARM_UP_MS);
    report(what, await measure(doctor), goal);
  } finally {
    await doctor.stop();
  }
}

function onSimulatedEngine(agent: Agent, folder: string, { what, everyMs, goal }: Kind): Promise<void> {
  return withQuietEngine(folder, { containers: CONTAINERS, everyMs }, (dockerHost) =>
    measureAgent(`simulated engine, ${what}`, agent, { DOCKER_HOST: dockerHost }, goal),
  );
}

async function onRealEngine(agent: Agent, dockerHost: string, { what, cmd, everyMs, goal }: Kind): Promise<void> {
  const run = `cd-bench-${randomBytes(3).toString('hex')}`;
  const env = { DOCKER_HOST: dockerHost, TARGET_CONTAINERS: `${run}-*` };
  await withContainers(async (start) => {
    const numbers = Array.from({ length: CONTAINERS }, (_, i) => i);
    for (const batch of batches(numbers, AT_ONCE)) {
      await Promise.all(batch.map((i) => start({ name: `${run}-${i}-quiet`, cmd })));
    }
    await measureAgent(`real engine, ${what}`, agent, env, goal);
    if (everyMs === 0) return;
    const why = whyNoSurroundings();
    if (why !== undefined) return console.log(`with everything connected: skipped, ${why}`);
    const surroundings = await startSurroundings();
    try {
      // An incident for the model and for Slack.
      await start({
        name: `${run}-failing`,
        cmd: 'while sleep 1; do echo "ERROR disk quota exceeded"; sleep 3600; done',
      });
      await measureAgent(`real engine, ${what}, connected`, agent, env, GOAL_CONNECTED, surroundings);
    } finally {
      await surroundings.close();
    }
  });
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-idle-'));
  try {
    const agent = await buildAgentWithPage(folder);
    console.log(`${CONTAINERS} quiet containers, ${MEASURE_MS / 1_000} s each`);
    for (const kind of KINDS) await onSimulatedEngine(agent, folder, kind);
    const dockerHost = engineHost();
    if (dockerHost === undefined) console.log('real engine: skipped, none is reachable');
    else for (const kind of KINDS) await onRealEngine(agent, dockerHost, kind);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
