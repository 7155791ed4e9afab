/** Keeps the dependency graph current: from inspect data, and across restarts of the agent. */
import type { ContainerRef, EngineEvent, ListedContainer, Topology } from '../../domain.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { Logger } from '../../lib/log.ts';
import type { DependencyStore } from '../ports.ts';
import { createDependencyGraph, type DependencyGraph } from './graph.ts';

export interface Dependencies {
  readonly graph: DependencyGraph;
  observe(event: EngineEvent): void;
  listed(containers: readonly ListedContainer[]): void;
  inspected(containerId: string, topology: Topology): void;
  load(): Promise<void>;
  /** Stores newly observed dependencies. Never rejects. */
  save(): Promise<void>;
}

const MAX_CONTAINERS = 5_000;

export function createDependencies(store: DependencyStore, logger: Logger): Dependencies {
  const graph = createDependencyGraph();
  const refs = new Map<string, ContainerRef>();
  let saved = 0;

  const remember = (container: ContainerRef): void => {
    refs.delete(container.id);
    refs.set(container.id, container);
    dropOldest(refs, MAX_CONTAINERS);
  };

  const warn = (message: string) => (error: unknown) => logger.warn(message, { error: String(error) });

  return {
    graph,

    observe({ container, action }) {
      if (action.kind === 'destroy') graph.removed(container.id);
      else remember(container);
    },

    listed(containers) {
      for (const { ref } of containers) if (!refs.has(ref.id)) remember(ref);
    },

    inspected(containerId, topology) {
      const container = refs.get(containerId);
      if (container !== undefined) graph.learn(container, topology);
    },

    async load() {
      const known = await store.loadDependencies().catch((error: unknown) => {
        warn('known dependencies could not be read')(error);
        return [];
      });
      graph.restore(known);
      saved = graph.observed().length;
    },

    async save() {
      const observed = graph.observed();
      if (observed.length === saved) return;
      saved = observed.length;
      await store.saveDependencies(observed).catch(warn('dependencies could not be stored'));
    },
  };
}
