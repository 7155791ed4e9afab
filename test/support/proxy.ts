/** A proxy in front of an engine's socket, whose connections can be cut or held up. */
import { createConnection, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly dockerHost: string;
  /** How many connections clients have open. */
  readonly open: number;
  /** Destroys every open connection. */
  cut(): void;
  /** Each log stream from now on is cut when it has delivered so many bytes; 0: none. */
  cutAfter(bytes: number): void;
  /** Each connection from now on is cut when it has been open for so long, as a proxy's time-out does it; 0: none. */
  cutEvery(ms: number): void;
  /** Nothing passes any more, in either direction; connections are still taken, and stay open. */
  hold(): void;
  /** What was held up passes on. */
  release(): void;
  close(): Promise<void>;
}

export async function createCuttingProxy(dockerHost: string): Promise<CuttingProxy> {
  const clients = new Set<Socket>();
  const sockets = new Set<Socket>();
  let limit = 0;
  let lifetimeMs = 0;
  /** What is held up, oldest first; undefined while nothing is. */
  let held: (() => void)[] | undefined;
  const pass = (write: () => void) => {
    if (held === undefined) write();
    else held.push(write);
  };
  const track = (socket: Socket) => {
    sockets.add(socket);
    // Cut connections fail on both sides; that is what this is for.
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
    hold() {
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
