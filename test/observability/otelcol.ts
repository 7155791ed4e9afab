/**
 * A real OpenTelemetry Collector with the very file that compose mounts; only its addresses are this machine's, and it
 * prints log records in full.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from './prometheus.ts';

export interface Otelcol {
  readonly otlpHttp: string;
  /** Host and port. */
  readonly otlpGrpc: string;
  /** Where metrics that came over OTLP can be scraped. */
  readonly metrics: string;
  /** Its log so far. */
  said(): string;
  stop(): Promise<void>;
}

/** `jaeger`: host and port of what takes the place of the trace store. */
export async function startOtelcol(program: string, jaeger: string): Promise<Otelcol> {
  const [grpc, http, metrics, health, own] = await Promise.all(Array.from({ length: 5 }, freePort));
  const text = replaceEach(readRepositoryFile('otel-collector.yaml'), {
    '0.0.0.0:4317': `127.0.0.1:${grpc}`,
    '0.0.0.0:4318': `127.0.0.1:${http}`,
    '0.0.0.0:8889': `127.0.0.1:${metrics}`,
    '0.0.0.0:13133': `127.0.0.1:${health}`,
    'port: 8888': `port: ${own}`,
    'jaeger:4317': jaeger,
    'verbosity: basic': 'verbosity: detailed',
  });
  const { said, stop } = await run(program, text, `http://127.0.0.1:${health}`);
  return {
    otlpHttp: `http://127.0.0.1:${http}`,
    otlpGrpc: `127.0.0.1:${grpc}`,
    metrics: `http://127.0.0.1:${metrics}/metrics`,
    said,
    stop,
  };
}

/** Takes OTLP over gRPC, as Jaeger does, and hands it on as JSON to whoever listens at `url`. */
export async function startGrpcGateway(
  program: string,
  url: string,
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const [grpc, health] = await Promise.all([freePort(), freePort()]);
  const text = `
receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:${grpc}' } } } }
exporters: { otlp_http: { endpoint: '${url}', encoding: json, compression: none } }
extensions: { health_check: { endpoint: '127.0.0.1:${health}' } }
service:
  extensions: [health_check]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`;
  const { stop } = await run(program, text, `http://127.0.0.1:${health}`);
  return { address: `127.0.0.1:${grpc}`, stop };
}

async function run(program: string, config: string, healthUrl: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'otelcol-'));
  const file = path.join(folder, 'config.yaml');
  writeFileSync(file, config);
  const child = spawn(program, [`--config=${file}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      eventually(async () => ((await fetch(healthUrl)).ok ? true : undefined), { deadlineMs: 20_000 }),
      exited.then(() => Promise.reject(new Error(`the collector ended:\n${said}`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { said: () => said, stop };
}

/** Each must be there: a file that has changed its addresses would be tested at the wrong ones. */
function replaceEach(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`otel-collector.yaml has no ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}
