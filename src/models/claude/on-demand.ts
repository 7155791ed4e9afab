import type { ClaudePort } from '../../pipeline/ports/model.ts';
import type { ClaudeOptions } from './claude.ts';

/**
 * Like `createClaude`, but loads the SDK on first use, because it takes about 7 MB of memory. Loading takes about 150
 * ms: call `prepare` as soon as a question is likely.
 */
export function createClaudeOnDemand(options: ClaudeOptions): ClaudePort {
  let loaded: Promise<ClaudePort | undefined> | undefined;

  const load = (): Promise<ClaudePort | undefined> => {
    loaded ??= import('./claude.ts').then(
      ({ createClaude }) => createClaude(options),
      () => {
        // An update replaced the agent's files while it ran. The rules answer, and the next question tries again.
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
