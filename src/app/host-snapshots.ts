/** What each agent saves of its host for the pages of the others: the containers, and what depends on what. */
import type { ContainerRef } from '../domain/containers.ts';
import type { KnownContainer, KnownDependency, KnownHost } from '../http/api/source.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { HostSnapshots as SnapshotStore } from '../pipeline/ports/fleet.ts';
import { BEAT_EVERY_MS } from './fleet.ts';

export interface HostSnapshots {
  /** Saves what has changed, with each heartbeat, until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** See ApiSource. */
  hosts(host?: string): Promise<readonly KnownHost[]>;
}

/** How often it is tried until the containers are known. */
const UNKNOWN_MS = 1_000;

type View = Omit<KnownHost, 'host'>;

export function createHostSnapshots(deps: {
  readonly store: SnapshotStore;
  /** Of this host; undefined until its containers are known. */
  view(): View | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}): HostSnapshots {
  const { store, clock, logger } = deps;
  /** Read again only if the version has changed. */
  const known = new Map<string, { readonly version: number; readonly view: View }>();
  let saved = '';

  const save = async (view: View): Promise<void> => {
    const content = encodeView(view);
    if (content === saved) return;
    await store.saveSnapshot(content);
    saved = content;
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        const view = deps.view();
        if (view !== undefined) {
          await save(view).catch((error: unknown) => {
            logger.debug('the containers of this host could not be saved for other agents', { error: String(error) });
          });
        }
        await clock.sleep(view === undefined ? UNKNOWN_MS : BEAT_EVERY_MS, signal);
      }
    },

    async hosts(host) {
      const versions = await store.snapshotVersions(host);
      const changed = [...versions].filter(([name, version]) => known.get(name)?.version !== version);
      for (const { host: name, version, content } of await store.readSnapshots(changed.map(([name]) => name))) {
        const view = decodeView(content);
        if (view !== undefined) known.set(name, { version, view });
      }
      if (host === undefined) for (const name of known.keys()) if (!versions.has(name)) known.delete(name);
      return [...versions.keys()].flatMap((name) => {
        const view = known.get(name)?.view;
        return view === undefined ? [] : [{ host: name, ...view }];
      });
    },
  };
}

/** Most containers of a host have one of a few policies, which are long, so each is saved once. */
interface Content {
  readonly format: 1;
  readonly policies: readonly KnownContainer['policy'][];
  readonly containers: readonly (Omit<KnownContainer, 'policy'> & { readonly policy: number })[];
  readonly dependencies: readonly KnownDependency[];
}

export function encodeView({ containers, dependencies }: View): string {
  const policies = new Map<string, number>();
  const content: Content = {
    format: 1,
    containers: containers.map(({ ref, policy, habits, ...rest }) => {
      const text = JSON.stringify(policy);
      const index = policies.get(text) ?? policies.size;
      policies.set(text, index);
      // Their exact rate changes with every error.
      const rounded = habits.map((habit) => ({ ...habit, perHour: Number(habit.perHour.toPrecision(1)) }));
      return { ...rest, ref: shortRef(ref), policy: index, habits: rounded };
    }),
    dependencies: dependencies.map(({ from, to, evidence }) => ({ from: shortRef(from), to: shortRef(to), evidence })),
    policies: [...policies.keys()].map((text) => JSON.parse(text) as KnownContainer['policy']),
  };
  return JSON.stringify(content);
}

/** Undefined if an agent of another version has written it in another form. */
export function decodeView(text: string): View | undefined {
  const { format, policies, containers, dependencies } = JSON.parse(text) as Content;
  if (format !== 1) return undefined;
  return {
    containers: containers.map((container) => ({ ...container, policy: policies[container.policy] ?? [] })),
    dependencies,
  };
}

/** Without labels, which pages do not show. */
function shortRef({ id, name, service, project, image }: ContainerRef): ContainerRef {
  return { id, name, service, ...(project !== undefined && { project }), image, labels: {} };
}
