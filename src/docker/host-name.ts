import type { ContainerRef } from '../domain/containers.ts';
import type { ContainerSource } from '../pipeline/ports/engine.ts';
import type { DockerEngine } from './engine.ts';

/**
 * Requests the name of the engine's host once, unless `agentName` is given. The returned function returns the name, or
 * undefined if the engine has not answered. Neither function waits for the engine or throws.
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

/** Adds the name of the host to every container that the engine reports. */
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
