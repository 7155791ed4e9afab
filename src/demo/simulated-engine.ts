/**
 * A simulated engine: serves the part of the Docker HTTP API that the agent uses, over a unix socket. The demo runs the
 * real agent against it, and so do the fast tests.
 *
 *     const engine = createSimulatedEngine({ socketPath: '/tmp/…/engine.sock' });
 *     const dockerHost = await engine.listen();
 *     const web = engine.addContainer({ name: 'web', onStart: (c) => c.log('listening on 8080') });
 *     web.log('ERROR: pool exhausted', { stream: 'stderr' });
 *     web.oom();
 *     engine.count('restart', 'web'); // restarts that the agent requested
 *     await engine.close();
 */
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseSignal } from '../docker/signals.ts';
import { createContainer, type EngineContainer } from './engine/container.ts';
import { createEventLog } from './engine/event-log.ts';
import { createFaults, type EngineFaults } from './engine/faults.ts';
import { createAddresses } from './engine/networks.ts';
import {
  type EngineOperation,
  filterOf,
  flagOf,
  hasLabel,
  parseRoute,
  type Route,
  sinceOf,
} from './engine/requests.ts';
import { endEmpty, openStream, sendJson } from './engine/responses.ts';
import type { SimulatedContainer, SimulatedContainerOptions } from './engine/simulated-container.ts';
import { createTimestamps } from './engine/timestamps.ts';

interface EngineRequest {
  readonly at: number;
  readonly operation: EngineOperation;
  /** The name of the container in the path, if any. */
  readonly container?: string;
  readonly query: URLSearchParams;
}

export interface SimulatedEngine {
  /** Resolves to the value for `DOCKER_HOST`. */
  listen(): Promise<string>;
  close(): Promise<void>;
  /** Creates and starts a container, with the events of both. */
  addContainer(options: SimulatedContainerOptions): SimulatedContainer;
  container(name: string): SimulatedContainer | undefined;
  /** Oldest first, without requests for containers that do not exist: those only check a permission. */
  readonly requests: readonly EngineRequest[];
  /** The number of requests of this operation so far, in total or for one container. */
  count(operation: EngineOperation, container?: string): number;
  readonly faults: EngineFaults;
}

const VERSION = '20.10.24-simulated';
const API_VERSION = '1.41';

export function createSimulatedEngine(options: {
  socketPath: string;
  clock?: { now(): number };
  hostName?: string;
}): SimulatedEngine {
  const now = options.clock?.now ?? Date.now;
  const timestamp = createTimestamps(now);
  const containers = new Map<string, EngineContainer>();
  const events = createEventLog();
  const requests: EngineRequest[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const faults = createFaults({
    muteEvents: () => events.mute(),
    muteLogStreams() {
      for (const container of containers.values()) container.output.muteFollowers();
    },
  });

  const context = {
    now,
    timestamp,
    addresses: createAddresses(),
    emit(container: EngineContainer, action: string, attributes: Record<string, string> = {}) {
      const { id, image, name, labels } = container;
      events.emit({ at: timestamp(), id, image, action, attributes: { ...labels, ...attributes, image, name } });
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
    remove(container: EngineContainer) {
      containers.delete(container.id);
    },
  };

  /** By id, name or id prefix, as in the real engine. An ambiguous prefix finds the oldest container. */
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
        sendJson(response, 200, { Version: VERSION, ApiVersion: API_VERSION, MinAPIVersion: '1.12', Os: 'linux' });
        return;
      case 'info':
        sendJson(response, 200, {
          ID: 'simulated',
          Name: options.hostName ?? 'simulated-host',
          Containers: containers.size,
          ServerVersion: VERSION,
        });
        return;
      case 'events':
        openStream(response, 'application/json');
        events.follow({ since: sinceOf(query), actions: filterOf(query, 'event') }, response);
        return;
      case 'list':
        sendJson(response, 200, listContainers(query));
        return;
      case 'image': {
        const user = [...containers.values()].find(({ imageId }) => imageId === route.image);
        if (user === undefined) sendJson(response, 404, { message: `No such image: ${route.image}` });
        else sendJson(response, 200, { Id: user.imageId, Config: { Labels: user.imageLabels } });
        return;
      }
    }
    const container = find(route.container ?? '');
    if (container === undefined) sendJson(response, 404, { message: `No such container: ${route.container}` });
    else await answerFor(container, route.operation, query, response);
  }

  async function answerFor(
    container: EngineContainer,
    operation: EngineOperation,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const timeout = query.has('t') ? Number(query.get('t')) : undefined;
    switch (operation) {
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
        sendJson(response, 200, container.statsJson());
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
        container.kill(parseSignal(query.get('signal') ?? 'SIGKILL'));
    }
    endEmpty(response, 204);
  }

  function listContainers(query: URLSearchParams): unknown[] {
    const all = flagOf(query, 'all');
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
    const tail = query.get('tail') ?? 'all';
    openStream(response, undefined);
    container.output.read(
      {
        since: sinceOf(query),
        tail: tail === 'all' ? undefined : Number(tail),
        follow: flagOf(query, 'follow') && container.running,
        stdout: flagOf(query, 'stdout'),
        stderr: flagOf(query, 'stderr'),
        timestamps: flagOf(query, 'timestamps'),
        cutAfterBytes: faults.takeLogCut(),
      },
      response,
    );
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://engine');
    response.setHeader('Api-Version', API_VERSION);
    response.setHeader('Server', `Docker/${VERSION} (linux)`);
    request.resume();
    const route = parseRoute(request.method ?? 'GET', url.pathname);
    if (route === undefined) {
      sendJson(response, 404, { message: 'page not found' });
      return;
    }
    const container = route.container === undefined ? undefined : find(route.container)?.name;
    if (route.container === undefined || container !== undefined) {
      requests.push({ at: now(), operation: route.operation, container, query: url.searchParams });
    }
    if (faults.intercept(route.operation, response)) return;
    answer(route, url.searchParams, response).catch((error) => {
      sendJson(response, 500, { message: String(error) });
    });
  }

  const server = createServer(handle);
  server.on('connection', faults.accept);

  return {
    requests,
    count: (operation, container) =>
      requests.filter((r) => r.operation === operation && (container === undefined || r.container === container))
        .length,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        // A killed process leaves its socket behind.
        rmSync(options.socketPath, { force: true });
        server.listen(options.socketPath, () => resolve(`unix://${options.socketPath}`));
      }),
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) clearTimeout(timer);
        for (const container of containers.values()) container.dispose();
        server.close(() => resolve());
        faults.dropConnections();
      }),
    addContainer(containerOptions) {
      const container = createContainer(containerOptions, context);
      containers.set(container.id, container);
      context.emit(container, 'create');
      if (containerOptions.start !== false) container.start();
      return container;
    },
    container: find,
    faults,
  };
}
