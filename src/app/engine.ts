import { createDockerEngine, type DockerEngine } from '../docker/engine.ts';
import { createHostName, withHostName } from '../docker/host-name.ts';
import { coalesce } from '../lib/coalesce.ts';
import { createLimit } from '../lib/limit.ts';
import type { ContainerControl } from '../pipeline/ports/engine.ts';
import { SPANS, type Tracing } from '../pipeline/tracing.ts';

/**
 * The most concurrent calls that inspect a container or read the end of its log. A busy engine answers few at a time.
 */
const CALLS_AT_ONCE = 32;

type EngineOptions = Parameters<typeof createDockerEngine>[0] & {
  /** The host in alerts. Default: the engine's host name. */
  readonly agentName?: string;
};

/**
 * Creates the engine, limits concurrent calls, and adds the host to every container. `hostName`: undefined if unknown.
 */
export function createEngine({ agentName, ...options }: EngineOptions): {
  readonly engine: DockerEngine;
  hostName(): string | undefined;
} {
  const docker = createDockerEngine(options);
  const hostName = createHostName(agentName, docker);
  const limited = createLimit(CALLS_AT_ONCE);
  const engine = {
    ...withHostName(docker, hostName),
    inspect: (id, signal) => limited(() => docker.inspect(id, signal)),
    tailLogs: (id, count, signal) => limited(() => docker.tailLogs(id, count, signal)),
    stats: (id, signal) => limited(() => docker.stats(id, signal)),
  } satisfies DockerEngine;
  return { engine, hostName };
}

/** Wraps each call in a span. Concurrent listings share one call to the engine. */
export function traceCalls(engine: ContainerControl, { span }: Tracing): ContainerControl {
  const call = <T>(operation: string, work: () => Promise<T>) =>
    span(SPANS.docker(operation), work, undefined, { kind: 'client' });
  const list = coalesce(engine.list);
  return {
    inspect: (id, signal) => call('inspect', () => engine.inspect(id, signal)),
    tailLogs: (id, count, signal) => call('logs', () => engine.tailLogs(id, count, signal)),
    restart: (id, signal) => call('restart', () => engine.restart(id, signal)),
    list: () => call('list', list),
  };
}
