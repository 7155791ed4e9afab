/** Proxies in front of an engine's socket. */
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

/** A TCP proxy whose connections can be cut or stalled. */
export interface CuttingProxy {
  readonly dockerHost: string;
  /** The number of open client connections. */
  readonly open: number;
  /** Destroys every open connection. */
  cut(): void;
  /** Cuts each new log stream after this many bytes; 0: never. */
  cutAfter(bytes: number): void;
  /** Cuts each new connection after this time, like a proxy with a timeout; 0: never. */
  cutEvery(ms: number): void;
  /** Stalls: connections are accepted and stay open, but no data passes in either direction. */
  stall(): void;
  /** Passes on the stalled data, and all data from then on. */
  release(): void;
  close(): Promise<void>;
}

export async function createCuttingProxy(dockerHost: string): Promise<CuttingProxy> {
  const clients = new Set<Socket>();
  const sockets = new Set<Socket>();
  let limit = 0;
  let lifetimeMs = 0;
  /** Stalled writes, oldest first; undefined unless stalled. */
  let held: (() => void)[] | undefined;
  const pass = (write: () => void) => {
    if (held === undefined) write();
    else held.push(write);
  };
  const track = (socket: Socket) => {
    sockets.add(socket);
    // Cut connections fail on both sides.
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const upstream = dockerHost.startsWith('unix://')
      ? createConnection(dockerHost.slice('unix://'.length))
      : createConnection(Number(new URL(dockerHost).port), new URL(dockerHost).hostname);
    clients.add(client);
    client.on('close', () => clients.delete(client));
    let left = Number.POSITIVE_INFINITY;
    client.on('data', (chunk) => {
      if (limit > 0 && chunk.includes('/logs?')) left = limit;
      pass(() => upstream.write(chunk));
    });
    client.on('end', () => upstream.end());
    upstream.on('data', (chunk) => {
      if (chunk.length < left) {
        left -= chunk.length;
        pass(() => client.write(chunk));
        return;
      }
      client.write(chunk.subarray(0, left), () => client.destroy());
      upstream.destroy();
    });
    upstream.on('close', () => pass(() => client.destroy()));
    client.on('close', () => upstream.destroy());
    track(client);
    track(upstream);
    if (lifetimeMs > 0) {
      const timer = setTimeout(() => client.destroy(), lifetimeMs);
      client.on('close', () => clearTimeout(timer));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    dockerHost: `tcp://127.0.0.1:${port}`,
    get open() {
      return clients.size;
    },
    cut,
    cutAfter(bytes) {
      limit = bytes;
    },
    cutEvery(ms) {
      lifetimeMs = ms;
    },
    stall() {
      held ??= [];
    },
    release() {
      const writes = held ?? [];
      held = undefined;
      for (const write of writes) write();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

/** An HTTP proxy in front of an engine's socket that refuses requests, like a socket proxy with an allow list. */
export interface FilteringProxy {
  readonly dockerHost: string;
  /**
   * From now on, requests whose method and path match (`GET /containers/json`) get this status. Replaces the previous
   * rule and closes all connections, like a proxy that is restarted with new rules. Undefined: nothing is refused.
   */
  refuse(pattern: RegExp | undefined, status?: number): void;
  /** Method and path of every refused request. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

export async function createFilteringProxy(dockerHost: string): Promise<FilteringProxy> {
  const upstream = dockerHost.startsWith('unix://')
    ? { socketPath: dockerHost.slice('unix://'.length) }
    : { host: new URL(dockerHost).hostname, port: Number(new URL(dockerHost).port) };
  const refused: string[] = [];
  let rule: { readonly pattern: RegExp; readonly status: number } | undefined;
  const server = createHttpServer((request, response) => {
    const target = `${request.method} ${(request.url ?? '').replace(/\?.*$/, '')}`;
    if (rule?.pattern.test(target)) {
      refused.push(target);
      response.writeHead(rule.status, { 'Content-Type': 'text/plain' });
      response.end('Forbidden');
      return;
    }
    const forwarded = httpRequest({
      ...upstream,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: false,
    });
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    dockerHost: `tcp://127.0.0.1:${port}`,
    refused,
    refuse(pattern, status = 403) {
      rule = pattern === undefined ? undefined : { pattern, status };
      server.closeAllConnections();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
