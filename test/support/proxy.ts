/** A TCP proxy in front of an engine's socket. Its connections can be cut or stalled. */
import { createConnection, createServer, type Socket } from 'node:net';

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
