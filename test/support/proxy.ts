/** A proxy in front of an engine's socket, whose connections can be cut. */
import { createConnection, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly dockerHost: string;
  /** Destroys every open connection. */
  cut(): void;
  /** Each log stream from now on is cut when it has delivered so many bytes; 0: none. */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

export async function createCuttingProxy(dockerHost: string): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let limit = 0;
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
    track(client);
    track(upstream);
    let left = Number.POSITIVE_INFINITY;
    client.on('data', (chunk) => {
      if (limit > 0 && chunk.includes('/logs?')) left = limit;
      upstream.write(chunk);
    });
    client.on('end', () => upstream.end());
    upstream.on('data', (chunk) => {
      if (chunk.length < left) {
        left -= chunk.length;
        client.write(chunk);
        return;
      }
      client.write(chunk.subarray(0, left), () => client.destroy());
      upstream.destroy();
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    dockerHost: `tcp://127.0.0.1:${port}`,
    cut,
    cutAfter(bytes) {
      limit = bytes;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
