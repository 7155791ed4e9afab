import type { Clock } from '../lib/time.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';
import type { Store } from '../store/store.ts';

export interface WatchStoreDeps {
  readonly store: Pick<Store, 'probe' | 'problem' | 'databaseAway' | 'takeReport'>;
  readonly announce: (notice: Notice) => void;
  readonly clock: Clock;
  readonly everyMs: number;
}

/**
 * A failure is announced only if a second probe fails too: the disk may be full for a moment, or the database
 * restarting.
 */
const SECOND_PROBE_AFTER_MS = 2_000;

/** `away`: the standby file replaces the shared database. */
type State = 'works' | 'away' | 'down';

/**
 * Probes the store until `signal` aborts, so that it recovers without waiting for an incident. Announces the start and
 * the end of each outage.
 */
export async function watchStore(deps: WatchStoreDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, announce } = deps;
  let announced: State = 'works';
  const probe = async (): Promise<State> => {
    const works = await store.probe();
    for (let report = store.takeReport(); report !== undefined; report = store.takeReport()) {
      announce({ title: 'Container Doctor has not copied a file to its database', text: report });
    }
    if (!works) return 'down';
    return store.databaseAway() === undefined ? 'works' : 'away';
  };

  while (!signal.aborted) {
    let state = await probe();
    if (state !== announced && state !== 'works') {
      await clock.sleep(Math.min(SECOND_PROBE_AFTER_MS, deps.everyMs), signal);
      if (signal.aborted) return;
      state = await probe();
    }
    if (state !== announced) announce(noticeOf(state, announced, store));
    announced = state;
    await clock.sleep(deps.everyMs, signal);
  }
}

function noticeOf(state: State, before: State, store: WatchStoreDeps['store']): Notice {
  switch (state) {
    case 'down':
      return {
        title: 'Container Doctor’s store is down',
        text:
          `${store.problem() ?? 'The store cannot be written'}.\nContainers are watched and alerts are sent as ` +
          'usual. Nothing is restarted until the store works again, because restart limits cannot be enforced.',
      };
    case 'away':
      return {
        title: 'Container Doctor’s database is away',
        text:
          `${store.databaseAway()?.why ?? 'It cannot be used'}.\nThis agent goes on from its standby file: containers are ` +
          'watched, diagnosed and restarted as usual, under the limits of this host and its share of those of all hosts. ' +
          'Its page shows only this host.',
      };
    case 'works':
      return before === 'away'
        ? {
            title: 'Container Doctor’s database is back',
            text: 'What this agent recorded meanwhile is in the database.',
          }
        : {
            title: 'Container Doctor’s store is back',
            text: 'Containers are restarted again where policy and facts allow it.',
          };
    default:
      return state satisfies never;
  }
}
