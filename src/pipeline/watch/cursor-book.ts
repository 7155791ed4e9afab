import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { CursorStore, LogCursor } from '../ports.ts';

const SAVE_EVERY_MS = 1_000;
/**
 * A position is saved this long after it was reached at the earliest: the record that its line belongs to may be
 * waiting for more lines (a fifth of a second; see detect) before it becomes an incident.
 */
const HOLD_BACK_MS = 1_000;
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
  /**
   * Saves about once a second what changed and what came of it is written down, until `signal` aborts, and then all.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when every position that is known now has been saved, or cannot be. */
  saved(): Promise<void>;
}

export function createCursorBook({
  store,
  clock,
  logger,
  written,
}: {
  store: CursorStore;
  clock: Clock;
  logger: Logger;
  /**
   * Resolves when every incident that is open now has been written down. A position saved before that would be
   * behind a line of which, were the process killed, nothing is left.
   */
  written(): Promise<void>;
}): CursorBook {
  const cursors = new Map<string, LogCursor>();
  const changed = new Set<string>();
  const forgotten = new Set<string>();
  let failing = false;
  let waiting: (() => void)[] = [];
  let ended = false;

  interface Batch {
    readonly cursors: ReadonlyMap<string, LogCursor>;
    readonly gone: readonly string[];
    readonly waiting: readonly (() => void)[];
  }

  function take(): Batch {
    const batch = new Map<string, LogCursor>();
    for (const id of changed) {
      const cursor = cursors.get(id);
      if (cursor !== undefined) batch.set(id, cursor);
    }
    const taken = { cursors: batch, gone: [...forgotten], waiting };
    changed.clear();
    forgotten.clear();
    waiting = [];
    return taken;
  }

  async function save({ cursors: batch, gone, waiting: told }: Batch): Promise<void> {
    try {
      if (batch.size > 0) await store.saveCursors(batch);
      if (gone.length > 0) await store.forgetCursors(gone);
      if (failing) logger.info('log positions are saved again');
      failing = false;
    } catch (error) {
      for (const id of batch.keys()) if (cursors.has(id)) changed.add(id);
      for (const id of gone) if (!cursors.has(id)) forgotten.add(id);
      if (!failing)
        logger.warn('log positions cannot be saved: after a restart some lines may be read twice', { error });
      failing = true;
    }
    for (const tell of told) tell();
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
        if (signal.aborted) break;
        if (changed.size === 0 && forgotten.size === 0 && waiting.length === 0) continue;
        const batch = take();
        await clock.sleep(HOLD_BACK_MS, signal);
        await Promise.race([written(), aborted(signal)]);
        await save(batch);
      }
      await save(take());
      ended = true;
      for (const tell of waiting) tell();
    },
    saved: () => (ended ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
