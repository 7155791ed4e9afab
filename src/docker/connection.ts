import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { EngineError } from '../errors.ts';
import { type ContextOptions, resolveContext } from './context.ts';
import type { UserFolders } from './usual-sockets.ts';

export interface ConnectionOptions extends ContextOptions, UserFolders {
  /**
   * The value of `DOCKER_HOST`: `unix://`, `tcp://`, `http://` or `https://`. Default: the engine of the Docker context,
   * or the default socket.
   */
  readonly host?: string;
  /** The value of `DOCKER_TLS_VERIFY`. */
  readonly tlsVerify: boolean;
  /** The value of `DOCKER_CERT_PATH`: a folder with `ca.pem`, `cert.pem` and `key.pem`. Turns on TLS for `tcp://`. */
  readonly certPath?: string;
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/** The address of the engine. */
export type Endpoint =
  | { readonly kind: 'socket'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number; readonly tls: boolean };

/** Throws an EngineError that names the setting if the value cannot be used. */
export function parseDockerHost(options: Pick<ConnectionOptions, 'host' | 'tlsVerify' | 'certPath'>): Endpoint {
  const host = options.host || DEFAULT_HOST;
  const refuse = () => {
    const message = `DOCKER_HOST "${host}" cannot be used: allowed are unix:///path, tcp://host:port, http://host:port, https://host:port`;
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

/** The options of a TLS connection to the engine. */
export type TlsOptions = Pick<https.AgentOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;

/** Where the certificates for an engine are. */
export interface TlsFiles {
  /** Names their origin in errors. */
  readonly setting: string;
  readonly certPath?: string;
  readonly tlsVerify: boolean;
  /** A context may have a CA only, or a client certificate only. */
  readonly mayLackFiles: boolean;
}

/** Chooses the engine like Docker's own clients: `DOCKER_HOST`, else the context, else the default socket. */
export function chooseEngine(options: ConnectionOptions): {
  readonly endpoint: Endpoint;
  readonly tls: TlsFiles;
  /** For people, for example `unix:///var/run/docker.sock`. */
  readonly description: string;
} {
  const context = options.host ? undefined : resolveContext(options);
  const { host, tlsVerify, certPath } = context ?? options;
  const setting =
    context === undefined ? 'DOCKER_CERT_PATH' : `the certificates of the Docker context "${context.name}" in`;
  return {
    endpoint: parseDockerHost({ host, tlsVerify, certPath }),
    tls: { setting, certPath, tlsVerify, mayLackFiles: context !== undefined },
    description: context === undefined ? host || DEFAULT_HOST : `${host} (Docker context "${context.name}")`,
  };
}

/**
 * Creates a client without a timeout: docker-modem's is an idle timeout, which would end quiet streams. Each call passes
 * an AbortSignal instead.
 *
 * No API version is pinned: the oldest and the newest supported engines have none in common.
 */
export function connect(endpoint: Endpoint, tls: TlsFiles): Docker {
  // Every option is set, also to undefined: docker-modem fills missing ones from DOCKER_* variables.
  const common = { version: undefined, timeout: 0, ca: undefined, cert: undefined, key: undefined, headers: {} };
  // One connection per request: a reused one that the engine has closed meanwhile would fail a restart.
  const pool = { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY };
  if (endpoint.kind === 'socket') {
    return newClient({
      ...common,
      socketPath: endpoint.socketPath,
      host: undefined,
      port: undefined,
      protocol: 'http',
      agent: withShortInspect(new http.Agent(pool)),
    });
  }
  const agent = endpoint.tls ? new https.Agent({ ...pool, ...readTls(tls) }) : new http.Agent(pool);
  return newClient({
    ...common,
    socketPath: undefined,
    host: endpoint.hostname,
    port: endpoint.port,
    protocol: endpoint.tls ? 'https' : 'http',
    agent: withShortInspect(agent),
  });
}

/**
 * docker-modem formats its options for a debug message on every request, to any depth, and with them all sockets of the
 * agent. With 200 open streams that takes 100 ms per request.
 */
function withShortInspect<T extends http.Agent>(agent: T): T {
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}

function newClient(options: Record<string, unknown>): Docker {
  return new Docker(options as Docker.DockerOptions);
}

/** Throws an EngineError that names the setting if a file cannot be read. */
export function readTls({ setting, certPath, tlsVerify, mayLackFiles }: TlsFiles): TlsOptions {
  if (!certPath) return { rejectUnauthorized: tlsVerify };
  const read = (name: string) => {
    const file = path.join(certPath, name);
    if (mayLackFiles && !existsSync(file)) return undefined;
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new EngineError(`${setting} "${certPath}": ${name} cannot be read`, 'forbidden', cause);
    }
  };
  // As in Docker's own clients, certificates without DOCKER_TLS_VERIFY mean TLS without verification of the server.
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), rejectUnauthorized: tlsVerify };
}
