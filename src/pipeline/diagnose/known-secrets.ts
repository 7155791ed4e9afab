import type { ContainerFacts } from '../../domain.ts';
import type { KnownFacts } from '../lifecycle/lifecycle.ts';
import type { ContainerControl } from '../ports.ts';

/**
 * The secret values of containers' environments, remembered: a container that is gone, or an engine that
 * hangs, must not make them unknown just when its last words are to be sent. In memory alone.
 */
export interface SecretBook {
  /** As the engine's, and what it tells is remembered. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** Asks the engine about those that are not known yet, a few at a time. Never rejects. */
  learn(containerIds: readonly string[]): Promise<void>;
  /** Asks the engine about a container that was started: its address may have changed. Never rejects. */
  refresh(containerId: string): Promise<void>;
  secretsOf(containerId: string): readonly string[];
  /** What the engine last said of it; undefined if it was not inspected yet. */
  factsOf(containerId: string): KnownFacts | undefined;
}

/** Beyond it the container first learned of is forgotten; some 100 bytes each. */
const MAX_REMEMBERED = 5_000;
/** At start every container is asked about: the engine has other work too. */
const AT_ONCE = 4;
const PATIENCE_MS = 5_000;

export function createSecretBook(
  control: Pick<ContainerControl, 'inspect'>,
  onInspected: (containerId: string, facts: ContainerFacts) => void = () => {},
): SecretBook {
  const known = new Map<string, KnownFacts & Pick<ContainerFacts, 'secretValues'>>();
  const waiting = new Set<string>();
  const outdated = new Set<string>();
  let asking = 0;

  const inspect: SecretBook['inspect'] = async (id, signal) => {
    const facts = await control.inspect(id, signal);
    if (facts) {
      // A container's environment never changes.
      const { secretValues, stopSignal, restartPolicy, autoRemove, commandKey } = facts;
      onInspected(id, facts);
      known.set(id, { secretValues, stopSignal, restartPolicy, autoRemove, commandKey });
      for (const oldest of known.keys()) {
        if (known.size <= MAX_REMEMBERED) break;
        known.delete(oldest);
      }
    }
    return facts;
  };

  const ask = async (): Promise<void> => {
    if (asking >= AT_ONCE) return;
    asking += 1;
    for (const id of waiting) {
      waiting.delete(id);
      // Whoever could not be asked is asked again with the next listing.
      if (outdated.delete(id) || !known.has(id))
        await inspect(id, AbortSignal.timeout(PATIENCE_MS)).catch(() => undefined);
    }
    asking -= 1;
  };

  return {
    inspect,

    async learn(ids) {
      for (const id of ids) if (!known.has(id)) waiting.add(id);
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, waiting.size) }, ask));
    },

    async refresh(id) {
      outdated.add(id);
      waiting.add(id);
      await ask();
    },

    secretsOf: (id) => known.get(id)?.secretValues ?? [],
    factsOf: (id) => known.get(id),
  };
}
