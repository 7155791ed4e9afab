import type { Clock } from '../lib/time.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';

export interface WatchStoreDeps {
  readonly store: {
    /** Tries a write, and resolves to whether the store works. */
    probe(): Promise<boolean>;
    problem(): string | undefined;
  };
  readonly announce: (notice: Notice) => void;
  readonly clock: Clock;
  readonly everyMs: number;
}

/**
 * A failure is announced only if a second probe fails too: the disk may be full for a moment, or the database
 * restarting.
 */
const SECOND_PROBE_AFTER_MS = 2_000;

/**
 * Probes the store until `signal` aborts, so that it recovers without waiting for an incident. Announces the start and
 * the end of each outage.
 */
export async function watchStore(deps: WatchStoreDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, announce } = deps;
  let announced = false;
  while (!signal.aborted) {
    let works = await store.probe();
    if (!works && !announced) {
      await clock.sleep(Math.min(SECOND_PROBE_AFTER_MS, deps.everyMs), signal);
      if (signal.aborted) return;
      works = await store.probe();
      if (!works) {
        announced = true;
        announce({
          title: 'Container Doctor’s store is down',
          text:
            `${store.problem() ?? 'The store cannot be written'}.\nContainers are watched and alerts are sent as ` +
            'usual. Nothing is restarted until the store works again, because restart limits cannot be enforced.',
        });
      }
    } else if (works && announced) {
      announced = false;
      announce({
        title: 'Container Doctor’s store is back',
        text: 'Containers are restarted again where policy and facts allow it.',
      });
    }
    await clock.sleep(deps.everyMs, signal);
  }
}
