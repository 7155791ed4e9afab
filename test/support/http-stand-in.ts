import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

/** An HTTP server on a free loopback port, in place of an external service. */
export interface HttpStandIn {
  /** `http://127.0.0.1:port`, without a trailing slash. */
  readonly url: string;
  /** Handles requests for a WebSocket. */
  onUpgrade(handle: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void;
  /** Closes all connections and refuses new ones until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /**
   * Resolves when no connection is open: what clients sent before they were killed has arrived, and has been answered.
   * While a client lives, it may keep a connection.
   */
  drained(): Promise<void>;
  /** Closes it at once with all connections, including hanging ones. */
  close(): Promise<void>;
}

export async function startHttpStandIn(listener: RequestListener): Promise<HttpStandIn> {
  const server = createServer(listener);
  // A test that does not close it must still be able to exit.
  server.unref();
  const port = await listenAnywhere(server);
  return {
    url: `http://127.0.0.1:${port}`,
    onUpgrade: (handle) => server.on('upgrade', handle),
    refuse: () => closeServer(server),
    accept: () => listen(server, port),
    async drained() {
      // Connections are accepted in order: when this one has been, none of an ended client is waiting.
      await once(connect(port, '127.0.0.1').end().resume(), 'close');
      const openConnections = promisify(server.getConnections.bind(server));
      await eventually(async () => ((await openConnections()) === 0 ? true : undefined));
    },
    close: () => closeServer(server),
  };
}

/** Below the ephemeral ports of the system, so that no other process gets the port while it refuses connections. */
const PORTS = { first: 20_000, last: 32_000 };

async function listenAnywhere(server: Server): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * (PORTS.last - PORTS.first));
    try {
      await listen(server, port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
