import type { ContainerRef } from '../domain.ts';
import type { ContainerSource } from '../pipeline/ports.ts';
import type { DockerEngine } from './engine.ts';

/**
 * Asks the engine once for the name of its host, unless `agentName` names it, and returns a function that gives the
 * name: undefined before the engine has answered, and if it cannot. Neither waits for the engine nor fails.
 */
export function createHostName(
  agentName: string | undefined,
  engine: Pick<DockerEngine, 'hostName'>,
): () => string | undefined {
  let name = agentName;
  if (name === undefined) {
    void engine.hostName().then(
      (answered) => {
        name = answered;
      },
      () => undefined,
    );
  }
  return () => name;
}

/** Names the host in every container that the engine reports. */
export function withHostName<Engine extends Pick<ContainerSource, 'list' | 'events'>>(
  engine: Engine,
  hostName: () => string | undefined,
): Engine {
  const named = (container: ContainerRef): ContainerRef => {
    const host = hostName();
    return host === undefined ? container : { ...container, host };
  };
  return {
    ...engine,
    list: async (signal) => (await engine.list(signal)).map((listed) => ({ ...listed, ref: named(listed.ref) })),
    events: (options) =>
      engine.events({
        ...options,
        onEvent: (event) => options.onEvent({ ...event, container: named(event.container) }),
      }),
  };
}
