/** Passes on the verdicts of people, which other processes may store while the agent runs. */
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { GivenVerdict, ReviewStore } from '../pipeline/ports/store.ts';

/** Emits each new verdict once, across restarts of the agent, until `signal` aborts. */
export async function watchVerdicts(
  deps: {
    readonly store: Pick<ReviewStore, 'verdictsSince' | 'loadVerdictsSeen' | 'saveVerdictsSeen'>;
    readonly emit: (verdict: GivenVerdict) => void;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly everyMs: number;
  },
  signal: AbortSignal,
): Promise<void> {
  const { store, emit, clock, logger } = deps;
  const startedAt = clock.now();
  while (!signal.aborted) {
    try {
      const since = await store.loadVerdictsSeen();
      if (since === undefined) await store.saveVerdictsSeen(startedAt);
      const verdicts = await store.verdictsSince(since ?? startedAt);
      const last = verdicts.at(-1);
      // Stored first: a verdict that is emitted twice would count twice.
      if (last !== undefined) await store.saveVerdictsSeen(last.at);
      for (const verdict of verdicts) emit(verdict);
    } catch (error) {
      logger.debug('the verdicts could not be read', { error: String(error) });
    }
    await clock.sleep(deps.everyMs, signal);
  }
}
