import type { ListedContainer } from '../../domain/containers.ts';

/** Running containers in this one's network namespace, which a restart would leave without a network. */
export function networkDependants(listed: readonly ListedContainer[], containerId: string): string[] {
  return listed
    .filter((other) => other.networkMode === `container:${containerId}` && other.status === 'running')
    .map((other) => other.ref.name);
}
