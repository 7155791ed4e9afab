/**
 * One container writes 50,000 lines per second for five minutes. Twenty others print a line per second, and one of them
 * fails repeatedly. Does the agent keep up, are lines lost, what does it cost, and are the other containers handled in
 * time? Does it catch up after it was stopped for a while?
 *
 * The agent runs as shipped: compiled, with the flags of the image. BENCH_FLOOD_SECONDS: the length of the flood.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { number, print, spread } from './support.ts';
import { type Agent, blocksOf, buildAgent, cpuSeconds, rssMib, withLoopDelay } from './support-agent.ts';
import { FLOOD, type Flood, type FloodMessage, LINES_PER_MS } from './support-flood-engine.ts';

const SECONDS = Number(process.env.BENCH_FLOOD_SECONDS ?? 300);
/** How long the agent is stopped (SIGSTOP) in the middle of the last run. */
const FREEZE_MS = Math.min(10_000, (SECONDS * 1_000) / 4);
const WATCHED = 21;
const SAMPLE_EVERY_MS = 1_000;
const CATCH_UP_MS = 600_000;

const FLOOD_ENGINE = fileURLToPath(new URL('support-flood-engine.ts', import.meta.url));

interface Scenario {
  readonly about: string;
  readonly flood: Flood;
  readonly frozen?: boolean;
}

const SCENARIOS: readonly Scenario[] = [
  { about: 'one line in 100 is the same error', flood: 'repeated' },
  { about: 'one line in 100 is an error never seen before', flood: 'storm' },
  {
    about: `one line in 100 is the same error; the agent is stopped for ${FREEZE_MS / 1_000} s in the middle`,
    flood: 'repeated',
    frozen: true,
  },
];

type MessageOf<K extends FloodMessage['kind']> = Extract<FloodMessage, { kind: K }>;

interface Engine {
  readonly host: string;
  readonly messages: readonly FloodMessage[];
  begin(): void;
  stop(): Promise<void>;
}

interface Sample {
  /** Seconds since the flood began. */
  readonly at: number;
  readonly rss: number;
  readonly healthMs: number;
  readonly metricsMs: number;
}

async function startFloodEngine(folder: string, flood: Flood): Promise<Engine> {
  const child = spawn(process.execPath, [FLOOD_ENGINE, path.join(folder, 'engine.sock'), String(SECONDS), flood], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const messages: FloodMessage[] = [];
  const host = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the engine stand-in did not start')));
    const lines = createInterface({ input: child.stdout });
    lines.once('line', (first) => {
      lines.on('line', (line) => messages.push(JSON.parse(line)));
      resolve(first);
    });
  });
  return {
    host,
    messages,
    begin: () => void child.stdin.write('begin\n'),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

const messagesOf = <K extends FloodMessage['kind']>(engine: Engine, kind: K): readonly MessageOf<K>[] =>
  engine.messages.filter((message): message is MessageOf<K> => message.kind === kind);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function freeze(doctor: Doctor): Promise<void> {
  doctor.signal('SIGSTOP');
  await sleep(FREEZE_MS);
  doctor.signal('SIGCONT');
}

/** Waits until the flood is over and the agent has read everything. */
async function watchFlood(engine: Engine, doctor: Doctor, frozen: boolean) {
  const samples: Sample[] = [];
  const cpuBefore = cpuSeconds(doctor.pid);
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1_000;
  let toFreeze = frozen;
  let [over] = messagesOf(engine, 'over');
  while (over === undefined) {
    await sleep(SAMPLE_EVERY_MS);
    if (toFreeze && elapsed() > SECONDS / 2 - FREEZE_MS / 1_000) {
      toFreeze = false;
      await freeze(doctor);
    }
    const [healthMs, metricsMs] = [await timed(doctor.health), await timed(doctor.metrics)];
    samples.push({ at: elapsed(), rss: rssMib(doctor.pid), healthMs, metricsMs });
    [over] = messagesOf(engine, 'over');
  }
  const floodedFor = elapsed();
  const cpuPercent = (100 * (cpuSeconds(doctor.pid) - cpuBefore)) / floodedFor;
  const printed = over.flood + over.others;
  const read = () => doctor.metric('container_doctor_log_lines_total');
  await eventually(async () => ((await read()) >= printed ? true : undefined), {
    deadlineMs: CATCH_UP_MS,
    everyMs: 50,
  }).catch(() => undefined);
  const caughtUpAfter = elapsed() - floodedFor;
  // Time for duplicate lines to arrive, and for counts to be stored.
  await sleep(3_000);
  return { over, samples, cpuPercent, caughtUpAfter, read: await read() };
}

type Watched = Awaited<ReturnType<typeof watchFlood>>;

async function report(flooded: Watched, engine: Engine, doctor: Doctor, claude: ClaudeServer, slack: SlackServer) {
  const { over, samples, read } = flooded;
  const printed = over.flood + over.others;
  const counted = await doctor.metric('container_doctor_errors_detected_total', { container_name: FLOOD });
  const incidents = (await doctor.history()).filter(({ container }) => container === FLOOD);
  const recorded = incidents.reduce((sum, { occurrences }) => sum + occurrences, 0);
  print('lines printed, read', `${number(printed)}, ${number(read)}: ${number(printed - read)} lost`);
  // Signals that join an incident while it settles do not count as occurrences.
  print('errors in them, counted', `${number(over.floodErrors)}, ${number(counted)}; occurrences ${number(recorded)}`);
  const behind = messagesOf(engine, 'progress').map(({ written, taken }) => (written - taken) / LINES_PER_MS);
  print('the agent is behind by', `${spread(behind)}; all read ${flooded.caughtUpAfter.toFixed(1)} s after the last`);

  const rss = samples.map((sample) => sample.rss);
  const secondHalf = samples.slice(Math.floor(samples.length / 2));
  print('CPU', `${flooded.cpuPercent.toFixed(0)} % of a core`);
  print(
    'resident memory',
    `at most ${Math.max(...rss).toFixed(0)} MiB; in the second half ${slope(secondHalf).toFixed(1)} MiB per minute`,
  );
  print('longest block of each second', spread(blocksOf(doctor).slice(-samples.length)));
  print('/health', spread(samples.map((sample) => sample.healthMs)));
  print('/metrics', spread(samples.map((sample) => sample.metricsMs)));

  const asked = (text: string) => claude.requests.find(({ prompt }) => prompt.includes(text))?.at;
  const errors = messagesOf(engine, 'error').map(({ text, at }) => (asked(text) ?? Number.POSITIVE_INFINITY) - at);
  print("another container's error, to Claude", `${spread(errors)} (n=${errors.length})`);
  const storms = incidents.filter(({ detector }) => detector === 'storm').length;
  print('incidents of the flood', `${incidents.length}${storms > 0 ? ', one of them the log storm' : ''}`);
  print('requests to Claude, posts to Slack', `${claude.requests.length}, ${slack.posts.length}`);
  const { status, problems } = await doctor.health();
  print('afterwards', [status, ...problems].join('; '));
}

async function measure({ about, flood, frozen = false }: Scenario, agent: Agent): Promise<void> {
  console.log(`\n${about}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-flood-'));
  const engine = await startFloodEngine(folder, flood);
  const claude = await startClaudeServer(() => answer({ severity: 'medium' }));
  const slack = await startSlackServer();
  const doctor = await startDoctor(
    {
      ...agent.env,
      DOCKER_HOST: engine.host,
      DATA_DIR: path.join(folder, 'data'),
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      // High limits, so that other bounds are measured.
      MAX_DIAGNOSES_PER_HOUR: '1000',
      MAX_SPEND_PER_DAY: '1000',
    },
    { program: agent.program },
  );
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length === WATCHED ? true : undefined));
    // Log streams open after the listing.
    await sleep(2_000);
    engine.begin();
    await report(await watchFlood(engine, doctor, frozen), engine, doctor, claude, slack);
  } finally {
    await doctor.stop();
    await engine.stop();
    await claude.close();
    await slack.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-flood-'));
  try {
    const agent = withLoopDelay(await buildAgent(folder));
    console.log(
      `${number(LINES_PER_MS * 1_000)} lines per second from one container for ${SECONDS} s, and twenty other containers`,
    );
    for (const scenario of SCENARIOS) await measure(scenario, agent);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** MiB per minute, by least squares. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, rss] = [mean(samples.map((s) => s.at)), mean(samples.map((s) => s.rss))];
  const over = samples.reduce((sum, s) => sum + (s.at - at) * (s.rss - rss), 0);
  const under = samples.reduce((sum, s) => sum + (s.at - at) ** 2, 0);
  return (60 * over) / under;
}
