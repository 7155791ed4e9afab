/** The socket proxy's allow list: read from compose.yaml, applied in the same way as wollomatic/socket-proxy. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { interpolate, readComposeFile } from './compose-file.ts';
import { allowListOf, forward } from './stand-in-socket-proxy.ts';

interface AllowList {
  allows(method: string, url: string): boolean;
}

/** `values`: variables set in the user's .env. */
export function readAllowList(values: Readonly<Record<string, string>> = {}): AllowList {
  const command = readComposeFile().services['socket-proxy']?.command ?? [];
  const list = allowListOf(command.map((argument) => interpolate(argument, values)));
  return { allows: (method, url) => list.refusal(method, url) === undefined };
}

/**
 * The requests of the allow list as `METHOD /path`, each alternative of the patterns on its own, with `{}` for ids and
 * without API versions.
 */
export function listedRequests(values: Readonly<Record<string, string>> = {}): readonly string[] {
  return (readComposeFile().services['socket-proxy']?.command ?? []).flatMap((argument) => {
    const [, method, source] = /^-allow([A-Z]+)=(.*)$/.exec(argument) ?? [];
    if (!method || !source) return [];
    const simple = interpolate(source, values)
      .replace('(/v1\\.[0-9]{1,2})?', '')
      .replace(/(?:\[[^\]]*\](?:[*+]|\{\d+\})?)+/g, '{}');
    return alternatives(simple).map((path) => `${method} ${path}`);
  });
}

/** Expands parentheses: `/(a|b/(c|d))` is `/a`, `/b/c` and `/b/d`. */
function alternatives(pattern: string): string[] {
  const [whole, before = '', inner = '', after = ''] = /^([^(]*)\(((?:[^()]|\([^()]*\))*)\)(.*)$/.exec(pattern) ?? [];
  if (whole === undefined) return [pattern];
  const parts = inner.match(/(?:[^|()]|\([^()]*\))+/g) ?? [];
  return parts.flatMap((part) => alternatives(`${part}${after}`).map((rest) => before + rest));
}

export interface FilteringProxy {
  readonly port: number;
  /** Forwarded requests as `METHOD path` without query, in order. */
  readonly forwarded: readonly string[];
  readonly rejected: readonly string[];
  close(): Promise<void>;
}

/** A proxy to the engine at `socketPath` that forwards only what `list` allows. */
export async function startFilteringProxy(list: AllowList, socketPath: string): Promise<FilteringProxy> {
  const forwarded: string[] = [];
  const rejected: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '' } = incoming;
    const entry = `${method} ${path.split('?')[0]}`;
    if (!list.allows(method, path)) {
      rejected.push(entry);
      outgoing.writeHead(403).end('Forbidden\n');
      return;
    }
    forwarded.push(entry);
    forward(socketPath, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    forwarded,
    rejected,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
