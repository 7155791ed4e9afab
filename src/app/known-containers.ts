/** The containers that exist, as the pages show them: as last listed, with the engine's events since. */
import {
  type ContainerFacts,
  type ContainerRef,
  type EngineEvent,
  type ListedContainer,
  serviceKey,
} from '../domain/containers.ts';
import type { KnownContainer } from '../http/api/source.ts';
import { describeSource, type PolicyOf } from '../pipeline/policy/resolve.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type PolicySetting } from '../pipeline/policy/settings.ts';

interface State {
  readonly ref: ContainerRef;
  status: ContainerFacts['status'];
  health: ContainerFacts['health'];
}

export interface KnownContainers {
  listed(existing: readonly ListedContainer[]): void;
  observe(event: EngineEvent): void;
  all(watched: ReadonlySet<string>): readonly KnownContainer[];
  /** The image that the service of a container ran before it was replaced; undefined if that is not known. */
  previousImage(container: ContainerRef): string | undefined;
}

const STATUS_AFTER: Partial<Record<EngineEvent['action']['kind'], ContainerFacts['status']>> = {
  create: 'created',
  start: 'running',
  die: 'exited',
  pause: 'paused',
  unpause: 'running',
};

export function createKnownContainers(deps: {
  readonly policyOf: PolicyOf;
  readonly habitsOf: (container: ContainerRef) => KnownContainer['habits'];
}): KnownContainers {
  let states = new Map<string, State>();
  /** The container that each service started last. */
  const imageByService = new Map<string, { readonly id: string; readonly image: string; readonly previous?: string }>();

  const noteImage = ({ id, image, ...ref }: ContainerRef): void => {
    const key = serviceKey(ref);
    const known = imageByService.get(key);
    if (known?.id === id) return;
    imageByService.set(key, { id, image, ...(known !== undefined && { previous: known.image }) });
  };

  return {
    listed(existing) {
      states = new Map(existing.map(({ ref, status, health }) => [ref.id, { ref, status, health }]));
      for (const { ref } of existing) if (!imageByService.has(serviceKey(ref))) noteImage(ref);
    },

    observe({ action, container }) {
      if (action.kind === 'destroy') {
        states.delete(container.id);
        return;
      }
      const status = STATUS_AFTER[action.kind];
      if (action.kind === 'start') noteImage(container);
      const known = states.get(container.id);
      const state = known ?? { ref: container, status: status ?? 'running', health: 'none' };
      if (status !== undefined) state.status = status;
      if (action.kind === 'health') state.health = action.status;
      states.set(container.id, state);
    },

    all: (watched) =>
      [...states.values()]
        .sort((one, other) => (one.ref.name < other.ref.name ? -1 : 1))
        .map(({ ref, status, health }) => {
          const { values, sources, warnings } = deps.policyOf(ref);
          return {
            ref,
            status,
            health,
            isWatched: watched.has(ref.id),
            policy: POLICY_KEYS.map((key) => {
              const { name, about, show } = POLICY_SETTINGS[key] as PolicySetting<unknown>;
              const source = sources[key];
              return {
                setting: name,
                about,
                value: show(values[key]),
                source: { kind: source.kind, text: describeSource(source) },
              };
            }),
            warnings,
            habits: deps.habitsOf(ref),
          };
        }),

    previousImage: ({ id, ...ref }) => {
      const known = imageByService.get(serviceKey(ref));
      return known?.id === id ? known.previous : undefined;
    },
  };
}
