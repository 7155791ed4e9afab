import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const BUNDLE = fileURLToPath(new URL('../../scripts/bundle.ts', import.meta.url));
const MINUTE = 60_000;

let folder: string;
let main: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'cd-bundle-'));
  main = path.join(folder, 'dist/main.js');
  await run(process.execPath, [BUNDLE, path.join(folder, 'dist')]);
}, 3 * MINUTE);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = async (args: readonly string[], env: Record<string, string> = {}) =>
  (await run(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env } }))
    .stdout;

it(
  'the bundle needs no packages, and has the license of each that it contains',
  async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await command(['--version'])).toBe(`${version}\n`);
    for (const file of readdirSync(path.join(folder, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!/\.c?js$/.test(file)) continue;
      const text = readFileSync(path.join(folder, 'dist', file), 'utf8');
      const packages = [...text.matchAll(/\brequire\(["'`]([^"'`.][^"'`]*)["'`]\)/g)].map(([, name = '']) => name);
      // Ajv writes code that is not run here; pg-native is optional; '%s' is a message.
      expect(packages.filter((name) => !isBuiltin(name) && !/^(?:ajv|pg-native|%s)/.test(name))).toEqual([]);
    }
    const licenses = readFileSync(path.join(folder, 'dist/licenses.txt'), 'utf8');
    for (const name of ['@anthropic-ai/sdk', 'dockerode', 'express', '@grpc/grpc-js', 'pg']) {
      expect(licenses).toContain(`${name} `);
    }
  },
  MINUTE,
);

it(
  'the bundle loads what is configured: OTLP over gRPC, a policy file, patterns',
  async () => {
    const connections: string[] = [];
    const collector = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => connections.push(data.toString('latin1', 0, 14)));
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as { port: number };
    const policy = path.join(folder, 'policy.yml');
    writeFileSync(policy, 'rules:\n  - match: { name: web }\n    detect.match: payment .* lost\n');
    const doctor = await startDoctor(
      {
        NODE_ENV: 'production',
        DOCKER_HOST: `unix://${folder}/no-engine.sock`,
        CONFIG_FILE: policy,
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '200',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      },
      { program: [main] },
    );
    try {
      // The preface of HTTP/2.
      await eventually(() => (connections.includes('PRI * HTTP/2.0') ? true : undefined), { deadlineMs: 30_000 });
      expect((await doctor.metrics()).length).toBeGreaterThan(1_000);
    } finally {
      await doctor.stop();
      collector.close();
    }
  },
  2 * MINUTE,
);

it(
  'the bundle connects to an engine over TLS',
  async () => {
    const connections: string[] = [];
    const engine = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => {
        connections.push(data.toString('hex', 0, 2));
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
    const { port } = engine.address() as { port: number };
    const doctor = await startDoctor(
      { NODE_ENV: 'production', DOCKER_HOST: `https://127.0.0.1:${port}` },
      { program: [main] },
    );
    try {
      // Requests and streams have clients of their own.
      await eventually(() => (connections.length >= 2 ? true : undefined), { deadlineMs: 30_000 });
      // The first bytes of a TLS handshake.
      expect(new Set(connections)).toEqual(new Set(['1603']));
    } finally {
      await doctor.stop();
      engine.close();
    }
  },
  2 * MINUTE,
);

it(
  'the bundle still accepts requests with a body after the first read of the metrics',
  async () => {
    const HTTP_TOKEN = 'a-token-of-thirty-two-characters';
    const doctor = await startDoctor(
      { NODE_ENV: 'production', DOCKER_HOST: `unix://${folder}/no-engine.sock`, HTTP_TOKEN },
      { program: [main] },
    );
    try {
      // Starts an instrumentation, which replaces `require`.
      await fetch(`${doctor.url}/metrics`, { headers: { Authorization: `Bearer ${HTTP_TOKEN}` } });
      const body = JSON.stringify({ token: HTTP_TOKEN });
      const headers = { 'Content-Type': 'application/json' };
      const { status } = await fetch(`${doctor.url}/api/v1/session`, { method: 'POST', headers, body });
      expect(status).toBe(200);
    } finally {
      await doctor.stop();
    }
  },
  2 * MINUTE,
);

it(
  'the bundle connects to PostgreSQL if that is configured',
  async () => {
    let connections = 0;
    const database = createServer((socket) => {
      connections += 1;
      socket.on('error', () => {});
      socket.once('data', () => socket.destroy());
    });
    await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
    const { port } = database.address() as { port: number };
    const doctor = await startDoctor(
      {
        NODE_ENV: 'production',
        DOCKER_HOST: `unix://${folder}/no-engine.sock`,
        AGENT_NAME: 'bundle',
        DATABASE_URL: `postgres://user:secret@127.0.0.1:${port}/doctor`,
      },
      { program: [main] },
    );
    try {
      expect(connections).toBeGreaterThan(0);
      expect(doctor.output()).toContain('the store is unavailable');
    } finally {
      await doctor.stop();
      database.close();
    }
  },
  2 * MINUTE,
);

it(
  'the bundle answers with the media types of pages, JSON and text',
  async () => {
    const web = path.join(folder, 'dist/web');
    mkdirSync(path.join(web, 'assets'), { recursive: true });
    writeFileSync(path.join(web, 'index.html'), '<title>Container Doctor</title>');
    const doctor = await startDoctor(
      { NODE_ENV: 'production', DOCKER_HOST: `unix://${folder}/no-engine.sock` },
      { program: [main] },
    );
    try {
      const pages = { '/incidents': 'text/html', '/health': 'application/json', '/metrics': 'text/plain' };
      for (const [page, type] of Object.entries(pages)) {
        const { headers } = await fetch(`${doctor.url}${page}`);
        expect(headers.get('content-type'), page).toContain(type);
      }
    } finally {
      await doctor.stop();
    }
  },
  2 * MINUTE,
);
