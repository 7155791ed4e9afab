import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A small HTTP server on a free loopback port, for what lies outside the machine. */
export interface HttpStandIn {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  /** Ends it at once, with every connection: also those that it left hanging on purpose. */
  close(): Promise<void>;
}

export async function startHttpStandIn(listener: RequestListener): Promise<HttpStandIn> {
  const server = createServer(listener);
  // A test that forgets to close it must not keep the process.
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => closeServer(server) };
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
