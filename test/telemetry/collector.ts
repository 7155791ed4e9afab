/** A stand-in for an OpenTelemetry collector: receives OTLP over HTTP and keeps the requests. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, diag, logs, metrics, propagation, trace } from '@opentelemetry/api';
import { vi } from 'vitest';
import type { Logger } from '../../src/lib/log.ts';
import { startTelemetry, type Telemetry } from '../../src/telemetry/register.ts';

interface Received {
  readonly path: string;
  readonly contentType: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

export interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly resource: Readonly<Record<string, unknown>>;
}

export async function startCollector(
  options: { readonly port?: number; status?: number; readonly hang?: boolean } = {},
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (options.hang) return;
      const contentType = request.headers['content-type'] ?? '';
      received.push({ path: request.url ?? '', contentType, headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(options.status ?? 200, { 'content-type': contentType });
      response.end(contentType.includes('json') ? '{}' : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    /** The spans in all requests, which must be JSON. */
    spans: () =>
      received.filter(({ path }) => path === '/v1/traces').flatMap(({ body }) => spansOf(JSON.parse(String(body)))),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: OTLP as received
function spansOf(body: any): OtlpSpan[] {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return body.resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: as above
    scopeSpans.flatMap(({ spans }: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above
      spans.map((span: any) => ({
        ...span,
        links: span.links ?? [],
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: an OTLP AnyValue
const value = (v: any): unknown =>
  v.stringValue ??
  v.boolValue ??
  v.doubleValue ??
  (v.intValue === undefined ? v.arrayValue?.values.map(value) : Number(v.intValue));

// biome-ignore lint/suspicious/noExplicitAny: OTLP key values
function plain(pairs: any[] = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value: v }) => [key, value(v)]));
}

export interface Line {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export function recordingLogger(): Logger & { readonly lines: Line[]; shown(): Line[] } {
  const lines: Line[] = [];
  const at = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  return {
    lines,
    shown: () => lines.filter(({ level }) => level !== 'debug'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

/** Starts telemetry with only `env` in the environment. `end` also removes the global providers. */
export function telemetryWith(
  env: Record<string, string>,
  logger: Logger = recordingLogger(),
  identity?: Parameters<typeof startTelemetry>[0]['identity'],
) {
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) vi.stubEnv(name, undefined);
  for (const [name, text] of Object.entries(env)) vi.stubEnv(name, text);
  const telemetry: Telemetry = startTelemetry({ version: '1.2.3', env: process.env, logger, identity });
  return {
    ...telemetry,
    async end() {
      await telemetry.shutdown(500);
      for (const api of [trace, metrics, logs, context, propagation, diag]) api.disable();
      vi.unstubAllEnvs();
    },
  };
}

/** Makes telemetry export spans and log records without delay, and give up failing exports soon. */
export const FAST = {
  OTEL_BSP_SCHEDULE_DELAY: '20',
  OTEL_BLRP_SCHEDULE_DELAY: '20',
  OTEL_EXPORTER_OTLP_TIMEOUT: '300',
};
