import type { Clock } from '../lib/time.ts';
import type { Notice } from '../pipeline/ports.ts';

export interface StoreWatchDeps {
  readonly store: {
    /** Tries a write; whether the store can be relied on. */
    probe(): Promise<boolean>;
    problem(): string | undefined;
  };
  readonly say: (notice: Notice) => void;
  readonly clock: Clock;
  readonly everyMs: number;
}

/** A disk that is full for a moment, or a database that is started again, is nobody's concern. */
const SECOND_LOOK_MS = 2_000;

/**
 * Looks after the store until `signal` aborts: a store that fails is found well again without waiting for an
 * incident. People are told once that it is down, and once that it is back.
 */
export async function watchStore(deps: StoreWatchDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, say } = deps;
  let told = false;
  while (!signal.aborted) {
    let well = await store.probe();
    if (!well && !told) {
      await clock.sleep(Math.min(SECOND_LOOK_MS, deps.everyMs), signal);
      if (signal.aborted) return;
      well = await store.probe();
      if (!well) {
        told = true;
        say({
          title: 'The doctor’s store is down',
          text:
            `${store.problem() ?? 'it cannot be written'}.\nContainers are watched and alerts are sent as before. ` +
            'Nothing is restarted until it is back: restart limits would not be safe.',
        });
      }
    } else if (well && told) {
      told = false;
      say({ title: 'The doctor’s store is back', text: 'Restarts are made again where policy and facts allow them.' });
    }
    await clock.sleep(deps.everyMs, signal);
  }
}
