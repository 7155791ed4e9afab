/**
 * A simulated engine that speaks the part of the Docker HTTP API that the doctor uses, over a unix
 * socket. `npm run demo` runs the real agent against it; the fast tests do too.
 *
 *     const engine = createSimulatedEngine({ socketPath: '/tmp/…/engine.sock' });
 *     const dockerHost = await engine.listen();
 *     const web = engine.addContainer({ name: 'web', onStart: (c) => c.log('listening on 8080') });
 *     web.log('ERROR: pool exhausted', { stream: 'stderr' });
 *     web.oom();
 *     engine.count('restart', 'web'); // restarts that the doctor asked for
 *     await engine.close();
 */
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  createContainer,
  type EngineContainer,
  image,
  type SimulatedContainer,
  type SimulatedContainerOptions,
} from './engine/container.ts';
import { createEventBook } from './engine/events.ts';
import { createTimestamps, parseUnixSeconds } from './engine/timestamps.ts';

export type { SimulatedContainer, SimulatedContainerOptions, SimulatedHealth } from './engine/container.ts';

export type EngineOperation =
  | 'ping'
  | 'version'
  | 'info'
  | 'events'
  | 'list'
  | 'inspect'
  | 'logs'
  | 'top'
  | 'stats'
  | 'restart'
  | 'start'
  | 'stop'
  | 'kill';

export interface EngineRequest {
  readonly at: number;
  readonly operation: EngineOperation;
  /** Name of the container that it was about, where there is one. */
  readonly container?: string;
  readonly query: URLSearchParams;
}

export interface EngineFaults {
  /** Destroys every open connection, streams included. New ones are taken. */
  dropConnections(): void;
  /** Until `clear` (or `times` times) requests of this operation get this status. */
  respond(operation: EngineOperation, status: number, message?: string, times?: number): void;
  /** Until `clear` (or `times` times) requests of this operation are never answered. */
  hang(operation: EngineOperation, times?: number): void;
  /** Log streams opened from now on are cut after so many bytes, wherever that falls. */
  cutLogStreams(afterBytes: number, times?: number): void;
  /** The event streams that are open now stay open and deliver nothing more. */
  muteEvents(): void;
  /** The log streams that are open now stay open and deliver nothing more. */
  muteLogStreams(): void;
  /** Connections are destroyed as soon as they are made, as if nothing listened. */
  refuseConnections(): void;
  clear(): void;
}

export interface SimulatedEngine {
  /** Returns what to set `DOCKER_HOST` to. */
  listen(): Promise<string>;
  close(): Promise<void>;
  /** Creates (and starts) a container, with the events that belong to it. */
  addContainer(options: SimulatedContainerOptions): SimulatedContainer;
  container(name: string): SimulatedContainer | undefined;
  /** Oldest first. */
  readonly requests: readonly EngineRequest[];
  /** How many requests of this operation came, for one container where named. */
  count(operation: EngineOperation, container?: string): number;
  readonly faults: EngineFaults;
}

type Fault = { kind: 'respond'; status: number; message: string; times: number } | { kind: 'hang'; times: number };

interface Route {
  readonly operation: EngineOperation;
  readonly container?: string;
}

export function createSimulatedEngine(options: {
  socketPath: string;
  clock?: { now(): number };
  hostName?: string;
}): SimulatedEngine {
  const now = options.clock?.now ?? Date.now;
  const timestamp = createTimestamps(now);
  const containers = new Map<string, EngineContainer>();
  const images = new Map<string, string>();
  const events = createEventBook();
  const requests: EngineRequest[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const faults = new Map<EngineOperation, Fault>();
  let cut = { afterBytes: 0, times: 0 };
  let refusing = false;

  const world = {
    now,
    timestamp,
    emit(container: EngineContainer, action: string, attributes: Record<string, string> = {}) {
      const imageName = images.get(container.id) ?? '';
      events.emit({
        at: timestamp(),
        id: container.id,
        image: imageName,
        action,
        attributes: { ...container.labels, ...attributes, image: imageName, name: container.name },
      });
    },
    later(ms: number, task: () => void) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        task();
      }, ms);
      timers.add(timer);
      return () => {
        clearTimeout(timer);
        timers.delete(timer);
      };
    },
    forget(container: EngineContainer) {
      containers.delete(container.id);
    },
  };

  /** By id, unambiguous id prefix or name, as the engine does. */
  function find(key: string): EngineContainer | undefined {
    const all = [...containers.values()];
    return containers.get(key) ?? all.find((c) => c.name === key) ?? all.find((c) => c.id.startsWith(key));
  }

  async function answer(route: Route, query: URLSearchParams, response: ServerResponse): Promise<void> {
    switch (route.operation) {
      case 'ping':
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
        response.end('OK');
        return;
      case 'version':
        sendJson(response, 200, {
          Version: '20.10.24-simulated',
          ApiVersion: '1.41',
          MinAPIVersion: '1.12',
          Os: 'linux',
        });
        return;
      case 'info':
        sendJson(response, 200, {
          ID: 'simulated',
          Name: options.hostName ?? 'simulated-host',
          Containers: containers.size,
          ServerVersion: '20.10.24-simulated',
        });
        return;
      case 'events':
        openStream(response, 'application/json');
        events.follow({ since: sinceOf(query), actions: filterOf(query, 'event') }, response);
        return;
      case 'list':
        sendJson(response, 200, listContainers(query));
        return;
    }

    const container = find(route.container ?? '');
    if (container === undefined) {
      sendJson(response, 404, { message: `No such container: ${route.container}` });
      return;
    }
    const timeout = query.has('t') ? Number(query.get('t')) : undefined;
    switch (route.operation) {
      case 'inspect':
        sendJson(response, 200, container.inspectJson());
        return;
      case 'logs':
        readLogs(container, query, response);
        return;
      case 'top':
        sendJson(response, 200, {
          Titles: ['PID', 'CMD'],
          Processes: container.running ? [['4242', container.name]] : [],
        });
        return;
      case 'stats':
        sendJson(response, 200, { id: container.id, name: `/${container.name}`, memory_stats: {}, cpu_stats: {} });
        return;
      case 'restart':
        await container.restart(timeout);
        break;
      case 'start':
        if (container.running) return endEmpty(response, 304);
        container.start();
        break;
      case 'stop':
        if (!container.running) return endEmpty(response, 304);
        await container.stop(timeout);
        break;
      case 'kill':
        if (!container.running) {
          sendJson(response, 409, { message: `Container ${container.id} is not running` });
          return;
        }
        container.kill(SIGNALS[query.get('signal') ?? 'SIGKILL'] ?? (Number(query.get('signal')) || 9));
    }
    endEmpty(response, 204);
  }

  function listContainers(query: URLSearchParams): unknown[] {
    const all = ['1', 'true', 'True'].includes(query.get('all') ?? '');
    const names = filterOf(query, 'name');
    const labels = filterOf(query, 'label');
    const states = filterOf(query, 'status');
    return [...containers.values()]
      .filter((c) => all || states.length > 0 || c.running)
      .map((c) => c.listJson())
      .filter((c) => names.length === 0 || names.some((name) => c.Names[0]?.includes(name)))
      .filter((c) => labels.every((label) => hasLabel(c.Labels, label)))
      .filter((c) => states.length === 0 || states.includes(c.State))
      .reverse();
  }

  function readLogs(container: EngineContainer, query: URLSearchParams, response: ServerResponse): void {
    const flag = (name: string) => ['1', 'true'].includes(query.get(name) ?? '');
    const tail = query.get('tail') ?? 'all';
    openStream(response, undefined);
    const cutAfterBytes = cut.times > 0 ? cut.afterBytes : undefined;
    if (cut.times > 0) cut.times -= 1;
    container.logBook.read(
      {
        since: sinceOf(query),
        tail: tail === 'all' ? undefined : Number(tail),
        follow: flag('follow') && container.running,
        stdout: flag('stdout'),
        stderr: flag('stderr'),
        timestamps: flag('timestamps'),
        cutAfterBytes,
      },
      response,
    );
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://engine');
    response.setHeader('Api-Version', '1.41');
    response.setHeader('Server', 'Docker/20.10.24-simulated (linux)');
    request.resume();
    const route = parseRoute(request.method ?? 'GET', url.pathname);
    if (route === undefined) {
      sendJson(response, 404, { message: 'page not found' });
      return;
    }
    const name = route.container === undefined ? undefined : (find(route.container)?.name ?? route.container);
    requests.push({ at: now(), operation: route.operation, container: name, query: url.searchParams });
    const fault = faults.get(route.operation);
    if (fault !== undefined && fault.times > 0) {
      fault.times -= 1;
      if (fault.kind === 'respond') sendJson(response, fault.status, { message: fault.message });
      return;
    }
    answer(route, url.searchParams, response).catch((error) => {
      sendJson(response, 500, { message: String(error) });
    });
  }

  const server = createServer(handle);
  server.on('connection', (socket) => {
    if (refusing) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    requests,
    count: (operation, container) =>
      requests.filter((r) => r.operation === operation && (container === undefined || r.container === container))
        .length,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        // What a killed process left behind.
        rmSync(options.socketPath, { force: true });
        server.listen(options.socketPath, () => resolve(`unix://${options.socketPath}`));
      }),
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) clearTimeout(timer);
        for (const container of containers.values()) container.dispose();
        server.close(() => resolve());
        dropConnections();
      }),
    addContainer(containerOptions) {
      const container = createContainer(containerOptions, world);
      containers.set(container.id, container);
      images.set(container.id, image(containerOptions));
      world.emit(container, 'create');
      if (containerOptions.start !== false) container.start();
      return container;
    },
    container: find,
    faults: {
      dropConnections,
      respond(operation, status, message = 'simulated fault', times = Number.POSITIVE_INFINITY) {
        faults.set(operation, { kind: 'respond', status, message, times });
      },
      hang(operation, times = Number.POSITIVE_INFINITY) {
        faults.set(operation, { kind: 'hang', times });
      },
      cutLogStreams(afterBytes, times = Number.POSITIVE_INFINITY) {
        cut = { afterBytes, times };
      },
      muteEvents: () => events.mute(),
      muteLogStreams() {
        for (const container of containers.values()) container.logBook.muteFollowers();
      },
      refuseConnections() {
        refusing = true;
        dropConnections();
      },
      clear() {
        faults.clear();
        cut = { afterBytes: 0, times: 0 };
        refusing = false;
      },
    },
  };
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGUSR1: 10, SIGTERM: 15 };

/** With the API version in front or without. */
function parseRoute(method: string, path: string): Route | undefined {
  const bare = path.replace(/^\/v\d+\.\d+(?=\/)/, '');
  const simple: Readonly<Record<string, EngineOperation>> = {
    '/_ping': 'ping',
    '/version': 'version',
    '/info': 'info',
    '/events': 'events',
    '/containers/json': 'list',
  };
  if (method === 'GET' || method === 'HEAD') {
    const operation = simple[bare];
    if (operation !== undefined) return { operation };
  }
  const match = /^\/containers\/([^/]+)\/(\w+)$/.exec(bare);
  if (match === null) return undefined;
  const container = decodeURIComponent(match[1] ?? '');
  const reads: Readonly<Record<string, EngineOperation>> = {
    json: 'inspect',
    logs: 'logs',
    top: 'top',
    stats: 'stats',
  };
  const writes: Readonly<Record<string, EngineOperation>> = {
    restart: 'restart',
    start: 'start',
    stop: 'stop',
    kill: 'kill',
  };
  const operation = (method === 'POST' ? writes : reads)[match[2] ?? ''];
  return operation === undefined ? undefined : { operation, container };
}

function sinceOf(query: URLSearchParams): string | undefined {
  const since = query.get('since');
  return since === null || since === '' || since === '0' ? undefined : parseUnixSeconds(since);
}

/** A filter comes as a list, or as an object whose keys are the list. */
function filterOf(query: URLSearchParams, name: string): string[] {
  const filters = JSON.parse(query.get('filters') || '{}') as Record<string, string[] | Record<string, boolean>>;
  const values = filters[name] ?? [];
  return Array.isArray(values) ? values : Object.keys(values);
}

function hasLabel(labels: Record<string, string>, filter: string): boolean {
  const [key = '', value] = filter.split('=', 2);
  return key in labels && (value === undefined || labels[key] === value);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Headers leave at once: the client knows that its subscription is accepted. */
function openStream(response: ServerResponse, contentType: string | undefined): void {
  if (contentType !== undefined) response.setHeader('Content-Type', contentType);
  response.writeHead(200);
  response.flushHeaders();
}

function endEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}
