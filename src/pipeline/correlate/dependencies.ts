/** Keeps the dependency graph current: from inspect data, and across restarts of the agent. */
import type { ContainerFacts, ContainerRef, EngineEvent, ListedContainer } from '../../domain/containers.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { Logger } from '../../lib/log.ts';
import type { DependencyStore } from '../ports/store.ts';
import { createDependencyGraph, type DependencyGraph } from './graph.ts';

export type Inspected = Pick<ContainerFacts, 'topology' | 'startedAt'>;

export interface Dependencies {
  readonly graph: DependencyGraph;
  containerOf(containerId: string): ContainerRef | undefined;
  observe(event: EngineEvent): void;
  listed(containers: readonly ListedContainer[]): void;
  inspected(containerId: string, facts: Inspected): void;
  load(): Promise<void>;
  /** Stores what is new. Never rejects. */
  save(): Promise<void>;
}

const MAX_CONTAINERS = 5_000;

export function createDependencies(store: DependencyStore, logger: Logger): Dependencies {
  const graph = createDependencyGraph();
  const refs = new Map<string, ContainerRef>();
  /** Facts of containers that are not listed yet: the container of a resumed incident is inspected before that. */
  const inspectedEarly = new Map<string, Inspected>();
  let saved = 0;
  let hasNewAddresses = false;

  const learn = (container: ContainerRef, { topology, startedAt }: Inspected): void => {
    if (graph.learn(container, topology, startedAt)) hasNewAddresses = true;
  };

  const remember = (container: ContainerRef): void => {
    refs.delete(container.id);
    refs.set(container.id, container);
    dropOldest(refs, MAX_CONTAINERS);
    const facts = inspectedEarly.get(container.id);
    if (facts === undefined) return;
    inspectedEarly.delete(container.id);
    learn(container, facts);
  };

  const warn = (message: string) => (error: unknown) => logger.warn(message, { error: String(error) });

  return {
    graph,
    containerOf: (containerId) => refs.get(containerId),

    observe({ container, action }) {
      if (action.kind === 'destroy') graph.removed(container.id);
      else remember(container);
    },

    listed(containers) {
      for (const { ref } of containers) if (!refs.has(ref.id)) remember(ref);
    },

    inspected(containerId, { topology, startedAt }) {
      const container = refs.get(containerId);
      if (container !== undefined) learn(container, { topology, startedAt });
      else {
        inspectedEarly.set(containerId, { topology, startedAt });
        dropOldest(inspectedEarly, MAX_CONTAINERS);
      }
    },

    async load() {
      try {
        graph.restore(...(await Promise.all([store.loadDependencies(), store.loadAddresses()])));
      } catch (error) {
        warn('known dependencies could not be read')(error);
      }
      saved = graph.observed().length;
    },

    async save() {
      const observed = graph.observed();
      if (observed.length !== saved) {
        saved = observed.length;
        await store.saveDependencies(observed).catch(warn('dependencies could not be stored'));
      }
      if (hasNewAddresses) {
        hasNewAddresses = false;
        await store.saveAddresses(graph.addresses()).catch(warn('addresses could not be stored'));
      }
    },
  };
}
