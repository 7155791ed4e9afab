import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Resolves with a free port of the loopback address, for a program that cannot choose one itself. Another process could
 * take the port before the program listens on it; in practice that does not happen.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
