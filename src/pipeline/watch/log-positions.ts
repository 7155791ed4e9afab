import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { LogCursor } from '../ports/engine.ts';
import type { CursorStore } from '../ports/store.ts';

const SAVE_EVERY_MS = 1_000;
/**
 * The least time between reaching a position and saving it: the record that its line belongs to may wait for more lines
 * (0.2 s, see detect) before it opens an incident.
 */
const HOLD_BACK_MS = 1_000;
/** How exactly the end of a run is known if the agent is killed. Each save is a write to the disk. */
const LAST_RUN_EVERY_MS = 10_000;
/** The longest a line usually takes from being printed to being read. */
const READ_LAG_MS = 5_000;
/** A key beside the container ids: the time up to which engine events were handled. */
const EVENTS_KEY = 'engine-events';

/** The position in every container's log, in memory, saved in batches. */
export interface LogPositions {
  load(): Promise<void>;
  get(containerId: string): LogCursor | undefined;
  set(containerId: string, cursor: LogCursor): void;
  forget(containerIds: readonly string[]): void;
  containerIds(): readonly string[];
  /**
   * Epoch ms up to which the last run read all logs; undefined if that is unknown. A container without a saved position
   * has printed nothing before it.
   */
  lastRunUntil(): number | undefined;
  /** Epoch ms of the last event handled, in this run or an earlier one. */
  eventsUntil(): number | undefined;
  setEventsUntil(time: number): void;
  /**
   * Saves about once a second the positions whose incidents are saved, until `signal` aborts; then saves everything.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when every position known now has been saved, or could not be. */
  saved(): Promise<void>;
}

export function createLogPositions({
  store,
  clock,
  logger,
  incidentsSaved,
  connectedAt,
}: {
  store: CursorStore;
  clock: Clock;
  logger: Logger;
  /**
   * Resolves when every incident that is open now has been saved. If a position were saved before the incident of its
   * line, and the process were killed in between, the line would be lost.
   */
  incidentsSaved(): Promise<void>;
  /** Epoch ms when the engine last answered; undefined if it has not yet. */
  connectedAt(): number | undefined;
}): LogPositions {
  const cursors = new Map<string, LogCursor>();
  const changed = new Set<string>();
  const forgotten = new Set<string>();
  let lastRunUntil: number | undefined;
  let lastRunSavedAt = Number.NEGATIVE_INFINITY;
  let failing = false;
  let waiting: (() => void)[] = [];
  let ending = false;
  let ended = false;

  interface Batch {
    readonly cursors: ReadonlyMap<string, LogCursor>;
    readonly forgotten: readonly string[];
    readonly waiting: readonly (() => void)[];
    readonly runUntil: number | undefined;
  }

  /** The end of this run so far, if it is time to save it. */
  function dueRunUntil(): number | undefined {
    const at = connectedAt();
    const isDue = ending || clock.monotonic() - lastRunSavedAt >= LAST_RUN_EVERY_MS;
    return at === undefined || !isDue ? undefined : at - READ_LAG_MS;
  }

  function takeBatch(): Batch {
    const changedCursors = new Map<string, LogCursor>();
    for (const id of changed) {
      const cursor = cursors.get(id);
      if (cursor !== undefined) changedCursors.set(id, cursor);
    }
    const batch = { cursors: changedCursors, forgotten: [...forgotten], waiting, runUntil: dueRunUntil() };
    changed.clear();
    forgotten.clear();
    waiting = [];
    return batch;
  }

  async function save(batch: Batch): Promise<void> {
    try {
      if (batch.cursors.size > 0) await store.saveCursors(batch.cursors);
      if (batch.forgotten.length > 0) await store.forgetCursors(batch.forgotten);
      if (batch.runUntil !== undefined) {
        await store.saveLastRun(batch.runUntil);
        lastRunSavedAt = clock.monotonic();
      }
      if (failing) logger.info('log positions are saved again');
      failing = false;
    } catch (error) {
      for (const id of batch.cursors.keys()) if (cursors.has(id)) changed.add(id);
      for (const id of batch.forgotten) if (!cursors.has(id)) forgotten.add(id);
      if (!failing) logger.warn('log positions cannot be saved; a restart may read some lines twice', { error });
      failing = true;
    }
    for (const resolve of batch.waiting) resolve();
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
        lastRunUntil = await store.loadLastRun();
      } catch (error) {
        logger.warn('log positions cannot be loaded; reading starts one minute back', { error });
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
    lastRunUntil: () => lastRunUntil,
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
        const hasChanges = changed.size > 0 || forgotten.size > 0 || waiting.length > 0;
        if (!hasChanges && dueRunUntil() === undefined) continue;
        const batch = takeBatch();
        await clock.sleep(HOLD_BACK_MS, signal);
        await Promise.race([incidentsSaved(), aborted(signal)]);
        await save(batch);
      }
      ending = true;
      await save(takeBatch());
      ended = true;
      for (const resolve of waiting) resolve();
    },
    saved: () => (ended ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
