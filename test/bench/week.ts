/**
 * A week of incidents within minutes, on a simulated engine: 2,000 different errors, 300 recreated containers and a restart
 * of the agent a day. Does memory grow, is the store bounded by retention, and are the pages as fast as at the start?
 *
 * The clock is real, so no incident becomes old enough to be resolved: all 2,000 stay open, more than in a real week.
 * BENCH_WEEK_SHARE: the share of a week's incidents and containers; default 1.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { number, percentile } from './support.ts';
import { buildAgent, rssMib } from './support-agent.ts';

const SHARE = Number(process.env.BENCH_WEEK_SHARE ?? 1);
const CONTAINERS = 100;
const DAYS = 7;
const INCIDENTS_A_DAY = Math.round((2_000 / DAYS) * SHARE);
const RECREATED_A_DAY = Math.round(300 * SHARE);
const SETTLE_MS = 15_000;
const ASKED = 20;
const PAGES = ['/api/v1/incidents', '/api/v1/timeline', '/api/v1/stats', '/api/v1/status', '/health'];
const WEEK_ENGINE = fileURLToPath(new URL('support-week-engine.ts', import.meta.url));

async function pagesMs(doctor: Doctor): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < ASKED; round++) {
    for (const page of PAGES) {
      const begun = performance.now();
      await (await fetch(`${doctor.url}${page}`)).text();
      took.push(performance.now() - begun);
    }
  }
  return percentile(took, 0.5);
}

const storeMib = (folder: string): number =>
  readdirSync(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0) / 1024 ** 2;

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-week-'));
  const dataDir = path.join(folder, 'data');
  const engine = spawn(process.execPath, [WEEK_ENGINE, path.join(folder, 'engine.sock'), String(CONTAINERS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let agent: Doctor | undefined;
  try {
    const lines = createInterface({ input: engine.stdout })[Symbol.asyncIterator]();
    const dockerHost = (await lines.next()).value as string;
    const shipped = await buildAgent(folder);
    const start = async (): Promise<Doctor> => {
      const env = { ...shipped.env, DOCKER_HOST: dockerHost, DATA_DIR: dataDir, DIAGNOSE_WITH: 'rules-only' };
      const doctor = await startDoctor(env, { program: shipped.program });
      await eventually(async () => ((await doctor.health()).monitoring.length >= CONTAINERS ? true : undefined), {
        deadlineMs: 60_000,
        everyMs: 100,
      });
      return doctor;
    };
    const days: { readonly rss: number; readonly ms: number }[] = [];
    for (let day = 1; day <= DAYS; day++) {
      agent = await start();
      engine.stdin.write(`${RECREATED_A_DAY} ${INCIDENTS_A_DAY}\n`);
      await lines.next();
      await sleep(SETTLE_MS);
      const today = { rss: rssMib(agent.pid), ms: await pagesMs(agent) };
      days.push(today);
      const incidents = await agent.metric('container_doctor_incidents_open');
      console.log(
        `day ${day}: ${today.rss.toFixed(0)} MiB resident, pages ${today.ms.toFixed(1)} ms (median), ` +
          `${number(incidents)} open incidents, store ${storeMib(dataDir).toFixed(1)} MiB`,
      );
      await agent.stop();
      agent = undefined;
    }
    const [first, last] = [days[0], days.at(-1)];
    const growth = (last?.rss ?? Number.NaN) / (first?.rss ?? Number.NaN);
    console.log(
      `memory at the end: ${growth.toFixed(2)} × that of the first day   ${growth <= 1.1 ? 'goal reached' : 'GOAL MISSED'} (≤ 1.1)`,
    );
  } finally {
    await agent?.stop();
    engine.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
