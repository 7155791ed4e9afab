/**
 * 300 containers crash at once. How long until all decisions are made and the allowed restarts are done, what does it
 * cost, and does the agent respond in the meantime? The agent runs as shipped: compiled, with the flags of the image.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { HistoryEntry } from '../../src/http/history.ts';
import { answer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';
import { number, print, spread } from './support.ts';
import { blocksOf, buildAgent, cpuSeconds, rssMib, withLoopDelay } from './support-agent.ts';

const CONTAINERS = 300;
const VERIFY_SECONDS = 5;
const PATIENCE_MS = 300_000;
const SAMPLE_EVERY_MS = 50;

const CRASHING_ENGINE = fileURLToPath(new URL('support-crashing-engine.ts', import.meta.url));

const isOver = ({ decision, outcome }: HistoryEntry): boolean =>
  decision !== null && (decision !== 'restart' || outcome !== null);

/** Waits until all incidents are settled. */
async function watchCrash(doctor: Doctor, crashedAt: number) {
  const cpuBefore = cpuSeconds(doctor.pid);
  const blocksBefore = blocksOf(doctor).length;
  const healthMs: number[] = [];
  let rss = 0;
  let decidedAfter: number | undefined;
  for (;;) {
    const begun = performance.now();
    const { total_diagnoses, fixes_applied } = await doctor.health();
    healthMs.push(performance.now() - begun);
    rss = Math.max(rss, rssMib(doctor.pid));
    const since = Date.now() - crashedAt;
    if (total_diagnoses >= CONTAINERS && Object.keys(fixes_applied).length > 0) {
      const history = await doctor.history();
      if (history.every(({ decision }) => decision !== null)) decidedAfter ??= since;
      if (history.every(isOver)) break;
    }
    if (since > PATIENCE_MS) throw new Error(`not over within ${PATIENCE_MS} ms`);
    await sleep(SAMPLE_EVERY_MS);
  }
  return {
    healthMs,
    rss,
    decidedAfter: decidedAfter ?? Number.NaN,
    overAfter: Date.now() - crashedAt,
    cpuSeconds: cpuSeconds(doctor.pid) - cpuBefore,
    blocks: blocksOf(doctor).slice(blocksBefore),
  };
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-crash-'));
  const agent = withLoopDelay(await buildAgent(folder));
  const engine = spawn(process.execPath, [CRASHING_ENGINE, path.join(folder, 'engine.sock'), String(CONTAINERS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: engine.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  const claude = await startClaudeServer(() => answer(SAFE));
  const slack = await startSlackServer();
  const doctor = await startDoctor(
    {
      ...agent.env,
      DOCKER_HOST: await next(),
      DATA_DIR: path.join(folder, 'data'),
      AUTO_FIX: 'true',
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      // A high limit, so that other bounds are measured.
      MAX_RESTARTS_PER_HOUR_HOST: '1000',
      VERIFY_STABLE_SECONDS: String(VERIFY_SECONDS),
      VERIFY_DEADLINE_SECONDS: '60',
    },
    { program: agent.program },
  );
  try {
    await eventually(async () => ((await doctor.health()).monitoring.length === CONTAINERS ? true : undefined), {
      deadlineMs: 30_000,
    });
    // Log streams open after the listing.
    await sleep(5_000);
    const rssBefore = rssMib(doctor.pid);
    engine.stdin.write('crash\n');
    const crashed = await watchCrash(doctor, Number(await next()));
    const history = await doctor.history();
    engine.stdin.write('count\n');
    const requests = JSON.parse(await next()) as Record<string, number>;

    console.log(
      `${CONTAINERS} containers crash at once; a restart takes 0.3 s and is verified for ${VERIFY_SECONDS} s`,
    );
    const restarts = history.filter(({ decision }) => decision === 'restart').length;
    print('incidents', `${history.length}, of ${new Set(history.map((e) => e.container)).size} containers`);
    print('requests to Claude', `${claude.requests.length}; the rules diagnosed the rest`);
    print('all decided, restarts begun', `${(crashed.decidedAfter / 1_000).toFixed(1)} s after the crash`);
    print('all settled', `${(crashed.overAfter / 1_000).toFixed(1)} s after it; ${restarts} restarts, each verified`);
    print('CPU in that time', `${crashed.cpuSeconds.toFixed(1)} s`);
    print('resident memory', `${rssBefore.toFixed(0)} MiB before, at most ${crashed.rss.toFixed(0)} MiB`);
    print('longest block of each second', spread(crashed.blocks));
    print('/health', spread(crashed.healthMs));
    print(
      'requests to the engine',
      Object.entries(requests)
        .map(([what, count]) => `${number(count)} ${what}`)
        .join(', '),
    );
    const { outbox_pending, status, problems } = await doctor.health();
    print('alerts', `${slack.posts.length} posted by then, ${outbox_pending} waiting`);
    print('afterwards', [status, ...problems].join('; '));
  } finally {
    await doctor.stop();
    engine.kill();
    await claude.close();
    await slack.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
