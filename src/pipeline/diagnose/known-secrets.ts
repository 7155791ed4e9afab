import type { ContainerFacts } from '../../domain/containers.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { KnownFacts } from '../lifecycle/lifecycle.ts';
import type { ContainerControl } from '../ports/engine.ts';

/**
 * Remembers the secret values in containers' environments, in memory only. They must stay known when a container is
 * removed or the engine hangs, because its last lines are sent just then.
 */
export interface KnownSecrets {
  /** Like `inspect` of the engine; remembers the secrets in the result. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** Inspects the containers whose secrets are not known yet, a few at a time. Never rejects. */
  learn(containerIds: readonly string[]): Promise<void>;
  /** Inspects a container that was started: its address may have changed. Never rejects. */
  refresh(containerId: string): Promise<void>;
  /** Undefined if they are not known. */
  secretsOf(containerId: string): readonly string[] | undefined;
  /** From the last inspect; undefined if the container has not been inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
}

/** Beyond this, the oldest are forgotten. About 100 bytes each. */
const MAX_CONTAINERS = 5_000;
/** At the start every container is inspected; the engine has other requests to answer, too. */
const MAX_CONCURRENT = 4;
const INSPECT_TIMEOUT_MS = 5_000;

export function createKnownSecrets(
  control: Pick<ContainerControl, 'inspect'>,
  onInspected: (containerId: string, facts: ContainerFacts) => void = () => {},
): KnownSecrets {
  const known = new Map<string, KnownFacts & Pick<ContainerFacts, 'secretValues'>>();
  const waiting = new Set<string>();
  const outdated = new Set<string>();
  let workers = 0;

  const inspect: KnownSecrets['inspect'] = async (id, signal) => {
    const facts = await control.inspect(id, signal);
    if (facts) {
      // A container's environment never changes.
      const { secretValues, stopSignal, restartPolicy, autoRemove, commandKey } = facts;
      onInspected(id, facts);
      known.set(id, { secretValues, stopSignal, restartPolicy, autoRemove, commandKey });
      dropOldest(known, MAX_CONTAINERS);
    }
    return facts;
  };

  const running = new Set<Promise<void>>();
  const inspectWaiting = async (): Promise<void> => {
    if (workers >= MAX_CONCURRENT) return;
    const work = takeTurns();
    running.add(work);
    await work;
    running.delete(work);
  };

  const takeTurns = async (): Promise<void> => {
    workers += 1;
    for (const id of waiting) {
      waiting.delete(id);
      // A container whose inspection fails is inspected again after the next listing.
      if (outdated.delete(id) || !known.has(id)) {
        await inspect(id, AbortSignal.timeout(INSPECT_TIMEOUT_MS)).catch(() => undefined);
      }
    }
    workers -= 1;
  };

  return {
    inspect,

    async learn(ids) {
      for (const id of ids) if (!known.has(id)) waiting.add(id);
      for (let i = 0; i < MAX_CONCURRENT && waiting.size > 0; i++) void inspectWaiting();
      // A refresh may already be inspecting some of these.
      await Promise.all(running);
    },

    async refresh(id) {
      outdated.add(id);
      waiting.add(id);
      await inspectWaiting();
    },

    secretsOf: (id) => known.get(id)?.secretValues,
    factsOf: (id) => known.get(id),
  };
}
