/**
 * The CPU time to read a long log from the engine: receive, decode and detect, compared with `curl`, which only receives
 * it. The log is sent as an engine sends it, each line as a frame in an HTTP chunk of its own. The agent's modules run
 * with the flags of the image. BENCH_READ_LINES: the lines of each log; default 1,000,000.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { percentile } from './support.ts';
import { imageFlags } from './support-agent.ts';

const exec = promisify(execFile);
const LINES = Number(process.env.BENCH_READ_LINES ?? 1_000_000);
const ROUNDS = 5;
const GOAL = 1.3;
const WORKER = fileURLToPath(new URL('support-read-worker.ts', import.meta.url));
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const START = Date.parse('2026-01-01T00:00:00Z');
const LINES_PER_MS = 100;

const KINDS: readonly (readonly [string, (n: number) => string])[] = [
  ['INFO without a time', (n) => `INFO served a request of the shop in the usual way, number ${n}`],
  [
    'INFO with a time',
    (n) => `2026-01-01T00:00:00.${String(n % 1000).padStart(3, '0')}Z INFO  [http-${n % 8}] app.Orders - stored ${n}`,
  ],
  ['JSON', (n) => `{"level":"info","msg":"order stored","order":${n},"took_ms":${n % 97}}`],
  [
    'access log, no level',
    (n) => `172.18.0.1 - - "GET /orders/${n} HTTP/1.1" 200 ${500 + (n % 900)} "-" "curl/8.5.0" took=${n % 97}ms`,
  ],
  ['no level, a word in 25 lines', (n) => (n % 25 === 0 ? `retrying, ${n} failed` : `order ${n} is stored in place`)],
];

async function writeLog(file: string, text: (n: number) => string): Promise<void> {
  const output = await open(file, 'w');
  await output.write(HEAD);
  let chunks: Buffer[] = [];
  for (let n = 0; n < LINES; n++) {
    const second = new Date(START + Math.floor(n / LINES_PER_MS)).toISOString().slice(0, -1);
    const nanos = String((n % LINES_PER_MS) * (1_000_000 / LINES_PER_MS)).padStart(6, '0');
    const payload = Buffer.from(`${second}${nanos}Z ${text(n)}\n`);
    const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(payload.length, 4);
    chunks.push(Buffer.from(`${(payload.length + 8).toString(16)}\r\n`), header, payload, Buffer.from('\r\n'));
    if (chunks.length > 10_000) {
      await output.write(Buffer.concat(chunks));
      chunks = [];
    }
  }
  await output.write(Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]));
  await output.close();
}

/** Seconds of CPU time, by the shell's `time`. */
async function curl(socket: string): Promise<number> {
  const command = `TIMEFORMAT='%U %S'; time curl --silent --output /dev/null --unix-socket ${socket} http://docker/logs`;
  const { stderr } = await exec('bash', ['-c', command]);
  const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  return user + system;
}

async function agent(socket: string): Promise<number> {
  const { stdout } = await exec(process.execPath, [...imageFlags(), WORKER, socket, String(LINES)]);
  return Number(stdout);
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-read-'));
  const file = path.join(folder, 'response');
  const socket = path.join(folder, 'engine.sock');
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.once('data', () => createReadStream(file, { highWaterMark: 1024 * 1024 }).pipe(connection));
  }).listen(socket);
  await once(server, 'listening');
  try {
    console.log(`CPU time for ${LINES.toLocaleString('en-US')} lines, medians of ${ROUNDS} (goal: ≤ ${GOAL} × curl)`);
    for (const [name, text] of KINDS) {
      await writeLog(file, text);
      const rounds: { readonly curl: number; readonly agent: number }[] = [];
      for (let round = 0; round < ROUNDS; round++)
        rounds.push({ curl: await curl(socket), agent: await agent(socket) });
      const median = (of: (round: (typeof rounds)[number]) => number) => percentile(rounds.map(of), 0.5);
      console.log(
        `${name.padEnd(32)} agent ${median((one) => one.agent).toFixed(2)} s  curl ${median((one) => one.curl).toFixed(2)} s  ` +
          `ratio ${median((one) => one.agent / one.curl).toFixed(2)}`,
      );
    }
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
