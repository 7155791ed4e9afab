/** The socket proxy's allow-list, read from compose.yaml and applied as wollomatic/socket-proxy applies it. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { interpolate, readComposeFile } from './compose-file.ts';

export interface AllowList {
  allows(method: string, url: string): boolean;
}

/** `values`: variables that a user's .env sets. */
export function readAllowList(values: Readonly<Record<string, string>> = {}): AllowList {
  const patterns: { method: string; pattern: RegExp }[] = [];
  for (const argument of readComposeFile().services['socket-proxy']?.command ?? []) {
    const [, method, source] =
      /^-allow(GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|TRACE|OPTIONS)=(.*)$/.exec(argument) ?? [];
    // The proxy puts ^ and $ around the pattern, without parentheses of its own.
    if (method && source) patterns.push({ method, pattern: new RegExp(`^${interpolate(source, values)}$`) });
  }
  return {
    allows(method, url) {
      // It looks at the decoded path alone and does not resolve dots.
      const path = decodeURIComponent(url.split('?')[0] ?? '');
      return patterns.some((entry) => entry.method === method && entry.pattern.test(path));
    },
  };
}

export interface FilteringProxy {
  readonly port: number;
  /** `METHOD path`, in order, without query. */
  readonly passed: readonly string[];
  readonly refused: readonly string[];
  close(): Promise<void>;
}

/** Stands between a client and the engine at `socketPath` and lets through what `list` allows. */
export async function startFilteringProxy(list: AllowList, socketPath: string): Promise<FilteringProxy> {
  const passed: string[] = [];
  const refused: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const told = `${method} ${path.split('?')[0]}`;
    if (!list.allows(method, path)) {
      refused.push(told);
      outgoing.writeHead(403).end('Forbidden\n');
      return;
    }
    passed.push(told);
    const forwarded = request({ socketPath, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    passed,
    refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
