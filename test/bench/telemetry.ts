/**
 * The cost of telemetry: CPU time of the agent per log line, with metrics, traces and logs on (pushed over OTLP and scraped)
 * and off, alternating in one run; allocations per line without an error; and the metrics page at its largest.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OUTCOMES } from '../../src/domain/decision.ts';
import { SEVERITIES } from '../../src/domain/diagnosis.ts';
import { DETECTORS } from '../../src/domain/incident.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { createInstruments } from '../../src/telemetry/instruments.ts';
import { createMetricsObserver } from '../../src/telemetry/observer.ts';
import { startTelemetry } from '../../src/telemetry/register.ts';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpStandIn } from '../support/http-stand-in.ts';
import { gauges } from '../telemetry/all-hooks.ts';
import { percentile } from './support.ts';
import { cpuSeconds } from './support-agent.ts';
import type { Allocations } from './support-allocations.ts';

const LINES = Number(process.env.BENCH_TELEMETRY_LINES ?? 300_000);
const ROUNDS = 4;
const WARM_UP_LINES = 50_000;
const GOAL_OVERHEAD_PERCENT = 3;
/** Smaller differences per batch are noise from other work. */
const SMALLEST_OBJECT_BYTES = 16;
const CONTAINERS = 200;
/** The first scrapes run before V8 has compiled the code. */
const WARM_UP_SCRAPES = 50;
const SCRAPES = 300;
/** Prometheus waits for seconds. Without a pause, the garbage of each scrape would be collected during the next one. */
const BETWEEN_SCRAPES_MS = 10;
const GOAL_PAGE_MS = 20;
const GOAL_PAGE_KB = 200;

const CHATTY_ENGINE = fileURLToPath(new URL('support-chatty-engine.ts', import.meta.url));
const ALLOCATIONS = fileURLToPath(new URL('support-allocations.ts', import.meta.url));

export async function run(): Promise<void> {
  await measureLogPath();
  await measureAllocations();
  await measurePage();
}

async function measureLogPath(): Promise<void> {
  console.log(
    `CPU of the agent for each of ${LINES} log lines (goal: at most ${GOAL_OVERHEAD_PERCENT} % more with telemetry)`,
  );
  const collector = await startHttpStandIn((request, response) => {
    request.resume().on('end', () => response.end());
  });
  const claude = await startClaudeServer(() => answer({ severity: 'low' }));
  const on = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
  };
  const off = { OTEL_SDK_DISABLED: 'true' };
  const costs = { on: [] as number[], off: [] as number[] };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      // Alternate the order, so that warm-up and throttling affect both alike.
      const order = round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const);
      for (const which of order) costs[which].push(await microsecondsPerLine(which === 'on' ? on : off, claude));
    }
  } finally {
    await collector.close();
    await claude.close();
  }
  const [withIt, without] = [percentile(costs.on, 0.5), percentile(costs.off, 0.5)];
  const overhead = (100 * (withIt - without)) / without;
  const all = (sample: readonly number[]) => sample.map((value) => value.toFixed(2)).join(' ');
  console.log(`off  ${without.toFixed(2)} µs  (${all(costs.off)})`);
  console.log(`on   ${withIt.toFixed(2)} µs  (${all(costs.on)})`);
  console.log(
    `overhead ${overhead.toFixed(1)} %: ${overhead <= GOAL_OVERHEAD_PERCENT ? 'goal reached' : 'GOAL MISSED'}`,
  );
}

/** CPU time of a new, warmed-up agent from the first line to the question about the error after the last line. */
async function microsecondsPerLine(env: Record<string, string>, claude: ClaudeServer): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-telemetry-'));
  const engine = spawn(process.execPath, [CHATTY_ENGINE, path.join(folder, 'engine.sock')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => engine.on('exit', resolve));
  try {
    const host = await new Promise<string>((resolve) =>
      createInterface({ input: engine.stdout }).once('line', resolve),
    );
    const doctor = await startDoctor({
      DOCKER_HOST: host,
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      DATA_DIR: path.join(folder, 'data'),
      ...env,
    });
    try {
      const pump = async (lines: number): Promise<void> => {
        const asked = claude.requests.length;
        engine.stdin.write(`${lines}\n`);
        await eventually(() => (claude.requests.length > asked ? true : undefined), {
          deadlineMs: 120_000,
          everyMs: 20,
        });
      };
      await pump(WARM_UP_LINES);
      const before = cpuSeconds(doctor.pid);
      await pump(LINES);
      return ((cpuSeconds(doctor.pid) - before) * 1e6) / LINES;
    } finally {
      await doctor.stop();
    }
  } finally {
    engine.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAllocations(): Promise<void> {
  console.log('\nbytes allocated per batch of lines without errors (goal: no more with telemetry)');
  const roomy = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];
  const { stdout } = await promisify(execFile)(process.execPath, [...roomy, ALLOCATIONS]);
  const found = JSON.parse(stdout) as readonly Allocations[];
  for (const { lines, off, on } of found) {
    console.log(`${`${lines} lines`.padEnd(9)}  off ${off.toFixed(0)}  on ${on.toFixed(0)}`);
  }
  console.log(found.every(({ off, on }) => on - off < SMALLEST_OBJECT_BYTES) ? 'goal reached' : 'GOAL MISSED');
}

/** Over HTTP, one scrape at a time, like Prometheus. */
async function measurePage(): Promise<void> {
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const telemetry = startTelemetry({ version: '0.0.0', env: process.env, logger: silent });
  const { renderMetrics } = telemetry;
  if (renderMetrics === undefined) {
    console.log('metrics page: skipped, metrics are off in this environment');
    return;
  }
  const observer = createMetricsObserver(
    createInstruments(telemetry.meter, gauges, { version: '0.0.0', models: ['m'] }),
    telemetry.containerCounters,
  );
  for (let i = 0; i < CONTAINERS; i++) {
    const containerName = `shop-service-${i}`;
    for (const detector of DETECTORS) observer.signal(detector, containerName);
    for (const severity of SEVERITIES) observer.incidentDiagnosed({ containerName, severity });
    for (const outcome of OUTCOMES) observer.restart({ containerName, outcome });
  }
  const unused = () => Promise.reject(new Error('not asked for here'));
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    health: unused,
    history: unused,
    scorecard: unused,
    metrics: renderMetrics,
    version: '0.0.0',
    logger: silent,
  });
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  let sent = 0;
  for (let i = 0; i < WARM_UP_SCRAPES + SCRAPES; i++) {
    const begun = performance.now();
    sent = await scrape(`${server.url}/metrics`, agent);
    if (i >= WARM_UP_SCRAPES) times.push(performance.now() - begun);
    await wait(BETWEEN_SCRAPES_MS);
  }
  const raw = Buffer.byteLength(await renderMetrics());
  agent.destroy();
  await server.close();
  await telemetry.shutdown(500);
  const kb = (bytes: number) => `${Math.round(bytes / 1_000)} KB`;
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  console.log(
    `\n/metrics with ${CONTAINERS} containers and every series of theirs (goal: p99 under ${GOAL_PAGE_MS} ms, ${GOAL_PAGE_KB} KB)`,
  );
  console.log(
    `p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  ${kb(sent)} as Prometheus fetches it (gzip), ${kb(raw)} unpacked`,
  );
  console.log(p99 < GOAL_PAGE_MS && sent < GOAL_PAGE_KB * 1_000 ? 'goal reached' : 'GOAL MISSED');
}

/** Returns the length of the body in bytes. */
function scrape(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { 'accept-encoding': 'gzip' } }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => (response.statusCode === 200 ? resolve(bytes) : reject(new Error('no page'))));
    }).on('error', reject);
  });
}
