/** Bounds what clients can occupy: connections, the time for a request, and requests on one connection. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';

export interface HttpLimits {
  /** Node looks for late requests this often; its default of 30 s would make the times below meaningless. */
  readonly checkEveryMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** A connection without any progress, such as a client that does not read its response. */
  readonly idleMs: number;
  readonly connections: number;
  /** From one address, so that one client cannot lock out the others and the health check. */
  readonly connectionsPerAddress: number;
  /** The last response has `Connection: close`, and further requests get 503. */
  readonly requestsPerConnection: number;
  /** Requests that a client may send on a connection before the first is answered. Browsers and Prometheus send one. */
  readonly pipelined: number;
}

export const HTTP_LIMITS: HttpLimits = {
  checkEveryMs: 1_000,
  headersMs: 5_000,
  requestMs: 10_000,
  keepAliveMs: 5_000,
  idleMs: 120_000,
  connections: 512,
  connectionsPerAddress: 128,
  requestsPerConnection: 1_000,
  pipelined: 8,
};

export function createLimitedServer(handle: RequestListener, limits: HttpLimits = HTTP_LIMITS): Server {
  const pending = new WeakMap<Socket, number>();
  const server = createServer(
    {
      connectionsCheckingInterval: limits.checkEveryMs,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
    },
    (request, response) => {
      const { socket } = request;
      const count = (pending.get(socket) ?? 0) + 1;
      if (count > limits.pipelined) {
        socket.destroy();
        return;
      }
      pending.set(socket, count);
      response.once('close', () => pending.set(socket, (pending.get(socket) ?? 1) - 1));
      handle(request, response);
    },
  );
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = limits.requestsPerConnection;
  server.setTimeout(limits.idleMs);
  limitPerAddress(server, limits.connectionsPerAddress);
  return server;
}

function limitPerAddress(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
    if (count > most) socket.destroy();
  });
}
