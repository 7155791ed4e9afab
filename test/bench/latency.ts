/**
 * The time from a container's error line to the question to Claude, on a real engine. The time of the line is the
 * engine's timestamp; the time of the question is its arrival at the stand-in for the API.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { docker, engineHost, type RunOptions, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { letters } from '../support/letters.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { percentile, withContainers } from './support.ts';

const TOGETHER = 11;
const ROUNDS = 6;
const ALONE = 12;
/** Time for the engine to start the containers of a round before they fail. */
const ROUND_LEAD_S = 8;
const ALONE_LEAD_S = 4;
const GOAL_MS = 1_000;

interface Scene {
  readonly run: string;
  readonly claude: ClaudeServer;
  start(options: RunOptions): Promise<TestContainer>;
}

/** Seconds since the machine booted. Containers can read this clock exactly without another process. */
function uptime(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
}

/** A script that prints one error when the uptime is `at` seconds, and keeps running. */
function failAt(at: number): string {
  const target = Math.round(at * 100);
  return `trap "exit 0" TERM; echo "INFO ready"
read up rest < /proc/uptime
left=$(( ${target} - \${up%.*}\${up#*.} ))
[ $left -gt 0 ] && sleep $(( left / 100 )).$(printf %02d $(( left % 100 )))
echo "ERROR cannot serve request: connection to the database was refused" >&2
while true; do sleep 1; done`;
}

async function lineTime(container: TestContainer): Promise<number> {
  const log = String(await docker().getContainer(container.id).logs({ stderr: true, timestamps: true }));
  const stamp = /(\d{4}-\S+Z) ERROR/.exec(log)?.[1];
  if (stamp === undefined) throw new Error(`${container.name} did not print its error`);
  return Date.parse(stamp);
}

/** Milliseconds from each container's line to the first request that names it. */
async function latencies(containers: readonly TestContainer[], scene: Scene): Promise<number[]> {
  const asked = (name: string) => scene.claude.requests.find((request) => request.prompt.includes(name))?.at;
  await eventually(() => (containers.every(({ name }) => asked(name) !== undefined) ? true : undefined), {
    deadlineMs: 60_000,
    everyMs: 50,
  });
  return Promise.all(containers.map(async (one) => (asked(one.name) as number) - (await lineTime(one))));
}

/** Ends with letters, because numbered replicas are one service, and all would have the same problem. */
const nameOf = (scene: Scene, kind: string, i: number) => `cd-bench-${scene.run}-${kind}-${letters(i)}`;

async function failTogether(scene: Scene): Promise<number[]> {
  const all: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const cmd = failAt(uptime() + ROUND_LEAD_S);
    const containers = await Promise.all(
      Array.from({ length: TOGETHER }, (_, i) =>
        scene.start({ name: nameOf(scene, 'together', round * TOGETHER + i), cmd }),
      ),
    );
    all.push(...(await latencies(containers, scene)));
    await Promise.all(containers.map((container) => container.remove()));
  }
  return all;
}

async function failAlone(scene: Scene): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < ALONE; i++) {
    const container = await scene.start({
      name: nameOf(scene, 'alone', i),
      cmd: failAt(uptime() + ALONE_LEAD_S),
    });
    all.push(...(await latencies([container], scene)));
    await container.remove();
  }
  return all;
}

function report(what: string, sample: readonly number[]): void {
  const ms = (value: number) => `${Math.round(value).toString().padStart(5)} ms`;
  const [p50, p95] = [percentile(sample, 0.5), percentile(sample, 0.95)];
  console.log(
    `${what.padEnd(34)} n=${String(sample.length).padEnd(3)} p50 ${ms(p50)}  p95 ${ms(p95)}  max ${ms(Math.max(...sample))}`,
  );
}

/** Until the incident opened. The rest is settling, collecting, redaction and the request. */
async function meanDetectionMs(doctor: Doctor): Promise<number> {
  const name = 'container_doctor_detection_latency_seconds';
  return (1_000 * (await doctor.metric(`${name}_sum`))) / (await doctor.metric(`${name}_count`));
}

export async function run(): Promise<void> {
  const dockerHost = engineHost();
  if (dockerHost === undefined) {
    console.log('skipped: no Docker engine is reachable');
    return;
  }
  const name = randomBytes(3).toString('hex');
  const claude = await startClaudeServer(() => answer({ severity: 'medium' }));
  const slack = await startSlackServer();
  const doctor = await startDoctor({
    DOCKER_HOST: dockerHost,
    TARGET_CONTAINERS: `cd-bench-${name}-*`,
    ANTHROPIC_API_KEY: 'sk-ant-stand-in',
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    MAX_DIAGNOSES_PER_HOUR: '1000',
    MAX_SPEND_PER_DAY: '1000',
  });
  try {
    await withContainers(async (start) => {
      const scene: Scene = { run: name, claude, start };
      console.log('from the log line to the request to Claude (goal: p95 ≤ 1 s)');
      const alone = await failAlone(scene);
      report('one container fails alone', alone);
      const together = await failTogether(scene);
      report(`${TOGETHER} fail in the same second`, together);
      console.log(`of which until the incident was open: ${Math.round(await meanDetectionMs(doctor))} ms on average`);
      console.log(percentile(together, 0.95) <= GOAL_MS ? 'goal reached' : 'GOAL MISSED');
    });
  } finally {
    await doctor.stop();
    await claude.close();
    await slack.close();
  }
}
