import type { ContainerRef, Topology } from '../../../src/domain/containers.ts';
import { aContainer } from '../../support/domain.ts';

/** A container of a compose project; its id is its name. */
export function service(name: string, project = 'shop', over: Partial<ContainerRef> = {}): ContainerRef {
  const full = `${project}-${name}-1`;
  return aContainer({ id: full, name: full, service: name, project, ...over });
}

export function onNetwork(address: string, over: Partial<Topology> = {}, network = 'shop_default'): Topology {
  return {
    networks: [{ name: network, address, aliases: [] }],
    links: [],
    dependsOn: [],
    environmentHosts: [],
    ...over,
  };
}
