import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';

/** A small HTTP server on a free loopback port, for what lies outside the machine. */
export interface HttpStandIn {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  /** Nobody listens at its address until `accept`: connections are refused, those that are open end. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Ends it at once, with every connection: also those that it left hanging on purpose. */
  close(): Promise<void>;
}

export async function startHttpStandIn(listener: RequestListener): Promise<HttpStandIn> {
  const server = createServer(listener);
  // A test that forgets to close it must not keep the process.
  server.unref();
  const port = await listenAnywhere(server);
  return {
    url: `http://127.0.0.1:${port}`,
    refuse: () => closeServer(server),
    accept: () => listen(server, port),
    close: () => closeServer(server),
  };
}

/** Below the ports that the system gives to those who ask for any: while it refuses, nobody else takes its port. */
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
