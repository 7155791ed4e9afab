/** Connects the API of the pages with the parts that it answers from. */
import type { Config } from '../config/config.ts';
import type { EngineEvent, ListedContainer } from '../domain/containers.ts';
import type { ChangeFeed } from '../http/api/changes.ts';
import type { ApiSource, KnownContainer } from '../http/api/source.ts';
import type { HealthView } from '../http/health.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { PolicyOf } from '../pipeline/policy/resolve.ts';
import type { PeopleActions } from '../pipeline/ports/people.ts';
import type { Watch } from '../pipeline/watch/watch.ts';
import type { Store } from '../store/store.ts';
import { createHostSnapshots } from './host-snapshots.ts';
import { createKnownContainers } from './known-containers.ts';

export interface Pages {
  readonly source: ApiSource;
  /** Call them after the pipeline has seen the same. */
  onEvent(event: EngineEvent): void;
  onListed(existing: readonly ListedContainer[]): void;
  /** Shows the containers to the agents that share the database, until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export function createPages(deps: {
  readonly config: Config;
  readonly store: Store;
  readonly changes: ChangeFeed;
  readonly actions: PeopleActions;
  readonly policyOf: PolicyOf;
  hostName(): string | undefined;
  readonly agents?: ApiSource['agents'];
  pipeline(): Pick<Pipeline, 'habitsOf' | 'dependencies' | 'deployedAt' | 'waits'>;
  watch(): Pick<Watch, 'status'>;
  health(): Promise<HealthView>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Pages {
  const { config, store, changes, clock, logger } = deps;
  const containers = createKnownContainers({
    policyOf: deps.policyOf,
    habitsOf: (container) => deps.pipeline().habitsOf(container),
  });

  const noteDeployment = async ({ action, container }: EngineEvent): Promise<void> => {
    const at = action.kind === 'start' ? deps.pipeline().deployedAt(container.id) : undefined;
    if (at === undefined) return;
    const previousImage = containers.previousImage(container);
    await store
      .saveDeployment({ at, container, previousImage })
      .catch((error: unknown) => logger.warn('a deployment could not be recorded', { error: String(error) }));
  };

  const known = (): readonly KnownContainer[] => {
    const watched = deps.watch().status().watched;
    return containers.all(new Set(watched.map(({ id }) => id)));
  };
  let isListed = false;
  const snapshots =
    config.database &&
    createHostSnapshots({
      ...deps,
      view: () => (isListed ? { containers: known(), dependencies: deps.pipeline().dependencies() } : undefined),
    });

  return {
    source: {
      store,
      actions: deps.actions,
      changes,
      health: deps.health,
      containers: known,
      ...(snapshots && { hosts: snapshots.hosts }),
      dependencies: () => deps.pipeline().dependencies(),
      waits: () => deps.pipeline().waits(),
      host: deps.hostName,
      ...(deps.agents && { agents: deps.agents }),
      budgetPerDayUsd: config.limits.spendPerDayUsd,
      traceUrl: config.traceUrl,
      grafanaUrl: config.grafanaUrl,
      now: clock.now,
    },
    onEvent(event) {
      containers.observe(event);
      changes.note('containers');
      void noteDeployment(event);
    },
    onListed(existing) {
      isListed = true;
      containers.listed(existing);
    },
    run: async (signal) => snapshots?.run(signal),
  };
}
