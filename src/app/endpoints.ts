/** Tells the other agents where containers of this host are reached from other hosts. */
import type { Config } from '../config/config.ts';
import type { DockerEngine } from '../docker/engine.ts';
import {
  type ContainerFacts,
  type ContainerRef,
  type EngineEvent,
  type ListedContainer,
  NETWORKS_OF_ONE_HOST,
  type Topology,
} from '../domain/containers.ts';
import type { Logger } from '../lib/log.ts';
import type { Endpoint, EndpointStore } from '../pipeline/ports/fleet.ts';

export interface Endpoints {
  /** Returns a handler that also takes note of what was inspected. */
  noting(onInspected: OnInspected): OnInspected;
  observe(event: EngineEvent): void;
  listed(existing: readonly ListedContainer[]): void;
  /** Stores what has changed. Called after each heartbeat. Never rejects. */
  publish(): Promise<void>;
}

type OnInspected = (containerId: string, facts: ContainerFacts) => void;

interface State {
  readonly ref: ContainerRef;
  isDown: boolean;
}

const SERVICE_LABEL = 'com.docker.swarm.service.name';
const STACK_LABEL = 'com.docker.stack.namespace';
/** Limits the rows in the database, about 100 bytes each. */
const MAX_ENDPOINTS = 5_000;
/** Heartbeats until all is written again, ten minutes: the address of the host may have changed. */
const AGAIN_AFTER = 40;

export function createEndpoints(deps: {
  readonly config: Pick<Config, 'database' | 'hostAddresses'>;
  readonly engine: Pick<DockerEngine, 'hostName' | 'swarmAddress'>;
  readonly store: EndpointStore;
  readonly logger: Logger;
}): Endpoints {
  const { config, engine, store, logger } = deps;
  const topologies = new Map<string, Topology>();
  let states = new Map<string, State>();
  let ofEngine: readonly string[] = [];
  let written = '';
  let beats = 0;

  const learnAddresses = async (): Promise<void> => {
    const answers = await Promise.allSettled([engine.hostName(), engine.swarmAddress()]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value ? [answer.value] : []));
    if (found.length > 0) ofEngine = found;
  };

  const current = (): readonly Endpoint[] => {
    const endpoints = new Map<string, Endpoint>();
    for (const [id, { ref, isDown }] of states) {
      for (const { network, name, port } of addressesOf(ref, topologies.get(id))) {
        const key = JSON.stringify([network, name, port, ref.project, ref.service]);
        const { service, project } = ref;
        endpoints.set(key, { network, name, port, service, project, isDown: isDown || !!endpoints.get(key)?.isDown });
      }
    }
    return [...endpoints.values()].slice(0, MAX_ENDPOINTS);
  };

  return {
    noting: (onInspected) => (id, facts) => {
      topologies.set(id, withEarlierAddresses(facts.topology, topologies.get(id)));
      onInspected(id, facts);
    },

    observe({ container, action }) {
      if (action.kind === 'destroy') {
        states.delete(container.id);
        topologies.delete(container.id);
      } else if (action.kind === 'die' || action.kind === 'pause') {
        states.set(container.id, { ref: container, isDown: true });
      } else if (action.kind === 'start' || action.kind === 'unpause') {
        states.set(container.id, { ref: container, isDown: false });
      } else if (action.kind === 'health') {
        states.set(container.id, { ref: container, isDown: action.status === 'unhealthy' });
      }
    },

    listed(existing) {
      states = new Map(
        existing.map(({ ref, status, health }) => [
          ref.id,
          { ref, isDown: status !== 'running' || health === 'unhealthy' },
        ]),
      );
      for (const id of topologies.keys()) if (!states.has(id)) topologies.delete(id);
    },

    async publish() {
      if (config.database === undefined) return;
      if (beats++ % AGAIN_AFTER === 0) {
        written = '';
        await learnAddresses();
      }
      const names = [config.database.agent, ...ofEngine].map((name) => name.toLowerCase());
      const addresses = [...new Set([...names, ...config.hostAddresses])];
      const endpoints = current();
      const now = JSON.stringify([addresses, endpoints]);
      if (now === written) return;
      try {
        await store.saveEndpoints(addresses, endpoints);
        written = now;
      } catch (error) {
        logger.debug('other agents could not be told where containers are reached', { error: String(error) });
      }
    },
  };
}

/** A container that has ended has no addresses any more, but the errors of others still name those that it had. */
function withEarlierAddresses(topology: Topology, earlier: Topology | undefined): Topology {
  const before = new Map(earlier?.networks.map(({ name, address }) => [name, address]));
  const networks = topology.networks.map((network) => ({
    ...network,
    address: network.address || (before.get(network.name) ?? ''),
  }));
  return { ...topology, networks };
}

type Address = Pick<Endpoint, 'network' | 'name' | 'port'>;

function addressesOf(ref: ContainerRef, topology: Topology | undefined): readonly Address[] {
  if (topology === undefined) return [];
  const ports = (topology.published ?? []).map((port) => ({ network: '', name: '', port }));
  const service = ref.labels[SERVICE_LABEL];
  if (service === undefined) return ports;
  const stack = `${ref.labels[STACK_LABEL]}_`;
  // A stack's services also have their names without that of the stack.
  const short = service.startsWith(stack) ? [service.slice(stack.length)] : [];
  const names = [service, `tasks.${service}`, ref.name, ...short];
  const shared = topology.networks.filter(({ name }) => !NETWORKS_OF_ONE_HOST.has(name));
  return [
    ...ports,
    ...shared.flatMap(({ name: network, address, aliases }) =>
      [...new Set([...names, ...aliases, address])].flatMap((name) =>
        name === '' ? [] : [{ network, name: name.toLowerCase(), port: 0 }],
      ),
    ),
  ];
}
