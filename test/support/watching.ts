/** A watch over a real connection, which records everything that it delivers. */
import { createDockerEngine } from '../../src/docker/engine.ts';
import type { ContainerRef, EngineEvent, LogLine } from '../../src/domain/containers.ts';
import type { Logger } from '../../src/lib/log.ts';
import { systemClock } from '../../src/lib/time.ts';
import type { LogCursor } from '../../src/pipeline/ports/engine.ts';
import type { CursorStore } from '../../src/pipeline/ports/store.ts';
import { createWatch, type Listing, type Watch, type WatchOptions } from '../../src/pipeline/watch/watch.ts';

export interface RecordingLogger extends Logger {
  readonly records: readonly { level: string; message: string; fields?: Record<string, unknown> }[];
}

export function createRecordingLogger(): RecordingLogger {
  const records: { level: string; message: string; fields?: Record<string, unknown> }[] = [];
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    records.push({ level, message, fields });
  };
  return { records, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface MemoryCursors extends CursorStore {
  readonly saved: Map<string, LogCursor>;
  saves: number;
  lastRun: number | undefined;
}

export function createMemoryCursors(): MemoryCursors {
  const saved = new Map<string, LogCursor>();
  return {
    saved,
    saves: 0,
    lastRun: undefined,
    async loadCursors() {
      return new Map(saved);
    },
    async saveCursors(cursors) {
      this.saves += 1;
      for (const [id, cursor] of cursors) saved.set(id, cursor);
    },
    async forgetCursors(ids) {
      for (const id of ids) saved.delete(id);
    },
    async loadLastRun() {
      return this.lastRun;
    },
    async saveLastRun(at) {
      this.lastRun = at;
    },
  };
}

export interface Watching {
  readonly watch: Watch;
  readonly logger: RecordingLogger;
  readonly lines: readonly (LogLine & { readonly container: ContainerRef })[];
  readonly events: readonly EngineEvent[];
  readonly pastEvents: readonly EngineEvent[];
  readonly listings: readonly Listing[];
  readonly gone: readonly ContainerRef[];
  readonly reconnects: readonly string[];
  readonly missing: readonly ContainerRef[];
  /** The lines of a container, in order. */
  texts(containerName: string): readonly string[];
  /** The kinds of a container's events, in order. */
  kinds(containerName: string): readonly string[];
}

export function createWatching(
  dockerHost: string,
  options: Partial<Omit<WatchOptions, 'engine' | 'handlers' | 'logger'>> & {
    callTimeoutMs?: number;
    /** The answer of every listing arrives after this. Default: at once. */
    listingArrives?(): Promise<void>;
  } = {},
): Watching {
  const { callTimeoutMs = 2_000, listingArrives = async () => {}, ...watchOptions } = options;
  const engine = createDockerEngine({
    host: dockerHost,
    tlsVerify: false,
    callTimeoutMs,
    now: watchOptions.clock?.now,
  });
  const logger = createRecordingLogger();
  const lines: (LogLine & { container: ContainerRef })[] = [];
  const events: EngineEvent[] = [];
  const pastEvents: EngineEvent[] = [];
  const listings: Listing[] = [];
  const gone: ContainerRef[] = [];
  const reconnects: string[] = [];
  const missing: ContainerRef[] = [];
  const watch = createWatch({
    engine: {
      ...engine,
      async list(signal) {
        const containers = await engine.list(signal);
        await listingArrives();
        return containers;
      },
    },
    cursors: createMemoryCursors(),
    targets: '',
    reconcileEveryMs: 1_000,
    clock: systemClock,
    ...watchOptions,
    logger,
    handlers: {
      onLines: (container, batch) => void lines.push(...batch.map((line) => ({ ...line, container }))),
      onEvent: (event) => void events.push(event),
      onPastEvent: (event) => void pastEvents.push(event),
      onListed: (listing) => void listings.push(listing),
      onGone: (container) => void gone.push(container),
      onReconnect: (cause) => void reconnects.push(cause),
      onMissing: (containers) => void missing.push(...containers),
    },
  });
  return {
    watch,
    logger,
    lines,
    events,
    pastEvents,
    listings,
    gone,
    reconnects,
    missing,
    texts: (name) => lines.filter(({ container }) => container.name === name).map(({ text }) => text),
    kinds: (name) => events.filter(({ container }) => container.name === name).map(({ action }) => action.kind),
  };
}
