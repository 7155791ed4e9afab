import type { ContainerFacts } from '../../domain.ts';
import type { ContainerControl } from '../ports.ts';

/**
 * Remembers the secret values in containers' environments, in memory only. They must stay known when a container is
 * removed or the engine hangs, because its last lines are to be sent just then.
 */
export interface KnownSecrets {
  /** Like `inspect` of the engine; remembers the secrets in the result. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** Inspects the containers whose secrets are not known yet, a few at a time. Never rejects. */
  learn(containerIds: readonly string[]): Promise<void>;
  /** Undefined if they are not known. */
  secretsOf(containerId: string): readonly string[] | undefined;
}

/** Beyond this, the oldest are forgotten. About 100 bytes each. */
const MAX_CONTAINERS = 5_000;
/** At the start every container is inspected; the engine has other requests to answer, too. */
const MAX_CONCURRENT = 4;
const INSPECT_TIMEOUT_MS = 5_000;

export function createKnownSecrets(control: Pick<ContainerControl, 'inspect'>): KnownSecrets {
  const known = new Map<string, readonly string[]>();
  const waiting = new Set<string>();
  let workers = 0;

  const inspect: KnownSecrets['inspect'] = async (id, signal) => {
    const facts = await control.inspect(id, signal);
    if (facts) {
      // A container's environment never changes.
      known.set(id, facts.secretValues);
      for (const oldest of known.keys()) {
        if (known.size <= MAX_CONTAINERS) break;
        known.delete(oldest);
      }
    }
    return facts;
  };

  const inspectWaiting = async (): Promise<void> => {
    if (workers >= MAX_CONCURRENT) return;
    workers += 1;
    for (const id of waiting) {
      waiting.delete(id);
      // A container whose inspection fails is inspected again after the next listing.
      if (!known.has(id)) await inspect(id, AbortSignal.timeout(INSPECT_TIMEOUT_MS)).catch(() => undefined);
    }
    workers -= 1;
  };

  return {
    inspect,

    async learn(ids) {
      for (const id of ids) if (!known.has(id)) waiting.add(id);
      await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT, waiting.size) }, inspectWaiting));
    },

    secretsOf: (id) => known.get(id),
  };
}
