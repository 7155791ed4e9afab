/** Jobs that run in a new container each time, under a new name. */
import type { ContainerFacts, ContainerRef } from '../../domain/containers.ts';
import { repositoryOf } from '../../lib/image-name.ts';

/** A name that the engine generated, such as `brave_curie` or `brave_curie7`. */
const GENERATED_NAME = /^[a-z]+_[a-z]+\d?$/;

/**
 * The container with the service that all runs of the same job share: `docker run --rm` under a generated name by image
 * and command, `docker compose run` by service and command. Other containers are returned unchanged.
 */
export function withJobIdentity(
  container: ContainerRef,
  facts: Pick<ContainerFacts, 'autoRemove' | 'commandKey'> | undefined,
): ContainerRef {
  if (facts === undefined) return container;
  if (container.labels['com.docker.compose.oneoff'] === 'True') {
    return { ...container, service: `${container.service} run ${facts.commandKey}` };
  }
  if (!facts.autoRemove || !GENERATED_NAME.test(container.name)) return container;
  const image = repositoryOf(container.image).split('/').at(-1);
  return { ...container, service: `${image} job ${facts.commandKey}` };
}
