import { type ContainerRef, type EngineEvent, type ListedContainer, serviceKey } from '../../domain.ts';

/** An old container and the one in its place go and come this close together. */
const REPLACED_WITHIN_MS = 10 * 60_000;

/** Which containers have lately taken the place of another. */
export interface Deployments {
  observe(event: EngineEvent): void;
  /** When this container was created in the place of another of its service; undefined where it was not seen to. */
  deployedAt(container: ContainerRef): number | undefined;
}

/** Replicas that are added beside others are no deployment: something has to go. */
export function createDeployments(): Deployments {
  const created = new Map<string, number>();
  const removed = new Map<string, { readonly id: string; readonly at: number }>();

  const prune = (now: number): void => {
    for (const [id, at] of created) if (now - at > REPLACED_WITHIN_MS) created.delete(id);
    for (const [key, { at }] of removed) if (now - at > REPLACED_WITHIN_MS) removed.delete(key);
  };

  return {
    observe({ action, container, containerId, time }) {
      if (action.kind !== 'create' && action.kind !== 'destroy') return;
      prune(time);
      if (action.kind === 'create') created.set(containerId, time);
      else removed.set(serviceKey(container), { id: containerId, at: time });
    },

    deployedAt(container) {
      const at = created.get(container.id);
      const before = removed.get(serviceKey(container));
      return at !== undefined && before !== undefined && before.id !== container.id ? at : undefined;
    },
  };
}

/** Compose puts it on a container that it creates in another's place. */
const REPLACES_LABEL = 'com.docker.compose.replace';

/**
 * Whether compose is putting another container in this one's place: it creates the new one under a temporary
 * name, `<old id>_<name>`, and only then stops and removes the old one.
 */
export function isBeingReplaced(container: ContainerRef, listed: readonly ListedContainer[]): boolean {
  const { id, name } = container;
  // Until it is renamed, the new one itself is half of a recreation.
  if (/^[0-9a-f]{12}_./.test(name)) return true;
  return listed.some(
    ({ ref, status }) =>
      ref.id !== id &&
      status === 'created' &&
      (ref.name === `${id.slice(0, 12)}_${name}` ||
        (REPLACES_LABEL in ref.labels && serviceKey(ref) === serviceKey(container))),
  );
}
