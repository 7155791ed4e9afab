import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { EngineError } from '../errors.ts';

export interface ConnectionOptions {
  /** As `DOCKER_HOST`: `unix://`, `tcp://`, `http://` or `https://`; absent: the default socket. */
  readonly host?: string;
  /** As `DOCKER_TLS_VERIFY`. */
  readonly tlsVerify: boolean;
  /** As `DOCKER_CERT_PATH`: a folder with `ca.pem`, `cert.pem` and `key.pem`. Its presence turns TLS on. */
  readonly certPath?: string;
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/** Where the engine listens, read from a `DOCKER_HOST`. */
export type Endpoint =
  | { readonly kind: 'socket'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number; readonly tls: boolean };

/** Throws an EngineError that names the setting where the value is none that we can use. */
export function parseDockerHost(options: ConnectionOptions): Endpoint {
  const host = options.host || DEFAULT_HOST;
  const refuse = () => {
    const message = `DOCKER_HOST "${host}" is not understood: allowed are unix:///path, tcp://host:port, http://host:port, https://host:port`;
    return new EngineError(message, 'protocol');
  };
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length);
    if (!socketPath.startsWith('/')) throw refuse();
    return { kind: 'socket', socketPath };
  }
  const url = URL.parse(host);
  if (url === null || !['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '') throw refuse();
  const tls =
    url.protocol === 'https:' || (url.protocol === 'tcp:' && (options.tlsVerify || Boolean(options.certPath)));
  const port = url.port === '' ? (tls ? 2376 : 2375) : Number(url.port);
  return { kind: 'tcp', hostname: url.hostname, port, tls };
}

/**
 * A client without any time-out of its own: docker-modem's is an idle time-out, which would end quiet
 * streams. Each call brings its own AbortSignal instead.
 *
 * No API version is pinned: the oldest engine of today and the newest have none in common that would
 * stay so.
 */
export function connect(options: ConnectionOptions): Docker {
  const endpoint = parseDockerHost(options);
  // Everything is said, also what is absent: docker-modem fills gaps from DOCKER_* variables by itself.
  const common = { version: undefined, timeout: 0, ca: undefined, cert: undefined, key: undefined, headers: {} };
  // A connection for each request: a reused one that the engine closed meanwhile would fail a restart.
  const pool = { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY };
  if (endpoint.kind === 'socket') {
    return newClient({
      ...common,
      socketPath: endpoint.socketPath,
      host: undefined,
      port: undefined,
      protocol: 'http',
      agent: terse(new http.Agent(pool)),
    });
  }
  const agent = endpoint.tls ? new https.Agent({ ...pool, ...readTls(options) }) : new http.Agent(pool);
  return newClient({
    ...common,
    socketPath: undefined,
    host: endpoint.hostname,
    port: endpoint.port,
    protocol: endpoint.tls ? 'https' : 'http',
    agent: terse(agent),
  });
}

/**
 * docker-modem renders its request options for a debug message at every request, whether anyone wants it
 * or not, to any depth: with an agent, all of its sockets. With 200 streams open that is 100 ms a request.
 */
function terse<T extends http.Agent>(agent: T): T {
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}

function newClient(options: Record<string, unknown>): Docker {
  return new Docker(options as Docker.DockerOptions);
}

function readTls(options: ConnectionOptions): https.AgentOptions {
  const { certPath, tlsVerify } = options;
  if (!certPath) return { rejectUnauthorized: tlsVerify };
  const read = (file: string) => {
    try {
      return readFileSync(path.join(certPath, file));
    } catch (cause) {
      throw new EngineError(`DOCKER_CERT_PATH "${certPath}": ${file} cannot be read`, 'forbidden', cause);
    }
  };
  // As Docker's own clients: certificates without DOCKER_TLS_VERIFY mean TLS with an unverified server.
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), rejectUnauthorized: tlsVerify };
}
