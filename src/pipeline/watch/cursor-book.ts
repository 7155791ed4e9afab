import type { LogCursor } from '../../domain.ts';
import type { Clock, CursorStore, Logger } from '../ports.ts';

const SAVE_EVERY_MS = 1_000;
/** Stands among the containers' ids: up to when events were handled. */
const EVENTS_KEY = 'engine-events';

/** The cursors of all containers, in memory, written in batches. */
export interface CursorBook {
  load(): Promise<void>;
  get(containerId: string): LogCursor | undefined;
  set(containerId: string, cursor: LogCursor): void;
  forget(containerIds: readonly string[]): void;
  containerIds(): readonly string[];
  /** Epoch ms of the last event handled, in this run or an earlier one. */
  eventsUntil(): number | undefined;
  setEventsUntil(time: number): void;
  /** Saves about once a second what changed, until `signal` aborts, and then once more. */
  run(signal: AbortSignal): Promise<void>;
}

export function createCursorBook({
  store,
  clock,
  logger,
}: {
  store: CursorStore;
  clock: Clock;
  logger: Logger;
}): CursorBook {
  const cursors = new Map<string, LogCursor>();
  const changed = new Set<string>();
  const forgotten = new Set<string>();
  let failing = false;

  async function save(): Promise<void> {
    const batch = new Map<string, LogCursor>();
    for (const id of changed) {
      const cursor = cursors.get(id);
      if (cursor !== undefined) batch.set(id, cursor);
    }
    const gone = [...forgotten];
    changed.clear();
    forgotten.clear();
    try {
      if (batch.size > 0) await store.saveCursors(batch);
      if (gone.length > 0) await store.forgetCursors(gone);
      if (failing) logger.info('log positions are saved again');
      failing = false;
    } catch (error) {
      for (const id of batch.keys()) changed.add(id);
      for (const id of gone) forgotten.add(id);
      if (!failing)
        logger.warn('log positions cannot be saved: after a restart some lines may be read twice', { error });
      failing = true;
    }
  }

  const set = (id: string, cursor: LogCursor) => {
    cursors.set(id, cursor);
    changed.add(id);
    forgotten.delete(id);
  };

  return {
    async load() {
      try {
        for (const [id, cursor] of await store.loadCursors()) cursors.set(id, cursor);
      } catch (error) {
        logger.warn('log positions cannot be loaded: reading starts a minute back', { error });
      }
    },
    get: (id) => cursors.get(id),
    set,
    forget(ids) {
      for (const id of ids) {
        changed.delete(id);
        if (cursors.delete(id)) forgotten.add(id);
      }
    },
    containerIds: () => [...cursors.keys()].filter((id) => id !== EVENTS_KEY),
    eventsUntil() {
      const time = Date.parse(cursors.get(EVENTS_KEY)?.at ?? '');
      return Number.isNaN(time) ? undefined : time;
    },
    setEventsUntil(time) {
      set(EVENTS_KEY, { at: new Date(time).toISOString(), seen: 0 });
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(SAVE_EVERY_MS, signal);
        if (changed.size > 0 || forgotten.size > 0) await save();
      }
    },
  };
}
