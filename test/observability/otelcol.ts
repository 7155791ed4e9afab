/**
 * A real OpenTelemetry Collector with the file that compose mounts. Only the addresses are replaced, and it prints log
 * records in full.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram } from './programs.ts';

export interface Otelcol {
  readonly otlpHttp: string;
  /** Host and port. */
  readonly otlpGrpc: string;
  /** URL where metrics received over OTLP can be scraped. */
  readonly metrics: string;
  /** Its log so far. */
  output(): string;
  stop(): Promise<void>;
}

/** `jaeger`: host and port of the stand-in for the trace store. */
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
  const { output, stop } = await run(program, text, `http://127.0.0.1:${health}`);
  return {
    otlpHttp: `http://127.0.0.1:${http}`,
    otlpGrpc: `127.0.0.1:${grpc}`,
    metrics: `http://127.0.0.1:${metrics}/metrics`,
    output,
    stop,
  };
}

/** Receives OTLP over gRPC, as Jaeger does, and sends it on as JSON to `url`. */
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

function run(program: string, config: string, healthUrl: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'otelcol-'));
  const file = path.join(folder, 'config.yaml');
  writeFileSync(file, config);
  return startProgram(program, [`--config=${file}`], { readyUrl: healthUrl, folder });
}

/** Throws if the text lacks one of them, because then the test must be adapted to the changed file. */
function replaceEach(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`otel-collector.yaml has no ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}
