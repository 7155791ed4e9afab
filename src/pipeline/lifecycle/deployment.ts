import { type ContainerRef, type ListedContainer, serviceKey } from '../../domain/containers.ts';
import type { LifecycleRecord, Records } from './record.ts';

/** The removal of the old container and the creation of the new one are at most this far apart. */
const REPLACED_WITHIN_MS = 10 * 60_000;

/**
 * When the container was created to replace another one of its service; undefined if it was not. A replica that is added
 * beside others is no deployment: another container must have been removed.
 */
export function deployedAt({ container, createdAt }: LifecycleRecord, records: Records): number | undefined {
  if (createdAt === undefined || container === undefined) return undefined;
  const key = serviceKey(container);
  for (const [, { container: other, removedAt }] of records.entries()) {
    if (removedAt === undefined || other === undefined || serviceKey(other) !== key) continue;
    if (Math.abs(createdAt - removedAt) <= REPLACED_WITHIN_MS) return createdAt;
  }
  return undefined;
}

/** Forgets containers that were removed too long ago to be part of a deployment. */
export function pruneRemoved(records: Records, now: number): void {
  for (const [id, { removedAt }] of records.entries()) {
    if (removedAt !== undefined && now - removedAt > REPLACED_WITHIN_MS) records.delete(id);
  }
}

/** Compose sets it on a container that replaces another one. */
const REPLACES_LABEL = 'com.docker.compose.replace';

/**
 * Whether compose is replacing this container: it creates the new one under a temporary name, `<old id>_<name>`, and
 * only then stops and removes the old one.
 */
export function isBeingReplaced(container: ContainerRef, listed: readonly ListedContainer[]): boolean {
  const { id, name } = container;
  // The new container itself, until it is renamed.
  if (/^[0-9a-f]{12}_./.test(name)) return true;
  return listed.some(
    ({ ref, status }) =>
      ref.id !== id &&
      status === 'created' &&
      (ref.name === `${id.slice(0, 12)}_${name}` ||
        (REPLACES_LABEL in ref.labels && serviceKey(ref) === serviceKey(container))),
  );
}
