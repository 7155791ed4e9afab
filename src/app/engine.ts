import { createDockerEngine, type DockerEngine } from '../docker/engine.ts';
import { coalesce } from '../lib/coalesce.ts';
import { createLimit } from '../lib/limit.ts';
import type { ContainerControl } from '../pipeline/ports.ts';
import { SPANS, type Tracing } from '../pipeline/tracing.ts';

/** A busy engine answers few calls at a time. Streams do not count. */
const CALLS_AT_ONCE = 32;

/** The engine, with a limit on concurrent calls. */
export function createEngine(options: Parameters<typeof createDockerEngine>[0]): DockerEngine {
  const engine = createDockerEngine(options);
  const limited = createLimit(CALLS_AT_ONCE);
  return {
    ...engine,
    inspect: (id, signal) => limited(() => engine.inspect(id, signal)),
    tailLogs: (id, count, signal) => limited(() => engine.tailLogs(id, count, signal)),
  };
}

/** Each call in a span of its own; concurrent listings are one call. */
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
