import type { ClaudePort } from '../../pipeline/ports.ts';
import type { ClaudeOptions } from './claude.ts';

export interface ClaudeOnDemand extends ClaudePort {
  /** Loads the SDK, unless it is. To be called when a question is likely: loading takes some 150 ms. */
  prepare(): void;
}

/** As `createClaude`; but the SDK, some 7 MB of memory, is loaded when it is first needed: while all is well it is not. */
export function createClaudeOnDemand(options: ClaudeOptions): ClaudeOnDemand {
  let loaded: Promise<ClaudePort | undefined> | undefined;

  const load = (): Promise<ClaudePort | undefined> => {
    loaded ??= import('./claude.ts').then(
      ({ createClaude }) => createClaude(options),
      () => {
        // An update that replaced our files while we ran: the rules answer, and the next question tries again.
        loaded = undefined;
        return undefined;
      },
    );
    return loaded;
  };

  return {
    prepare: () => void load(),
    async ask(context, strength, signal) {
      const claude = await load();
      return claude?.ask(context, strength, signal) ?? { kind: 'failed', reason: 'error', requests: [] };
    },
  };
}
