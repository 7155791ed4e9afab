/**
 * Reads one container's log for as long as the container exists.
 *
 * It is idle while the container is stopped and all was read; else it has a stream open. The engine ends
 * a stream when the container stops; what was printed last may have missed it, so that after `die` the
 * rest is read once more from the cursor. Any other end is a fault of the connection: the stream is
 * opened again from the cursor, and nobody needs to know.
 */
import type { LogLine } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl, ContainerSource, LogCursor } from '../ports.ts';
import { backoffMs, type ReconnectCause, reasonOf, SOUND_AFTER_MS } from './backoff.ts';
import { clockOffset, setBackBetween } from './set-back.ts';

/** A stream may end a moment before the event arrives that says why. */
const EVENT_PATIENCE_MS = 500;
/** How long a removed container's stream may go on to deliver what the engine has still to say. */
const FINISH_MS = 5_000;
/** A stopped container's stream that does not end hangs. */
const STOPPED_STREAM_MS = 10_000;
/** Streams can hang without a word: after so much silence the engine is asked whether there is more. */
const SILENCE_MS = 10 * 60_000;
/** A step of NTP: by so much the clock may have been set back while nobody watched, unnoticed. */
const SMALL_STEP_MS = 5_000;
/** How long nobody watched, at most, where the clock was set back by more. */
const AWAY_MS = 3_600_000;

export interface LogFollower {
  readonly running: boolean;
  /** To be called on every start and stop. */
  setRunning(running: boolean): void;
  /** Ends a wait for the next try: the engine is back. */
  wake(): void;
  /** To be called now and then: finds streams that hang. */
  check(): void;
  /** The container is gone: resolves when what is under way has come in. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface LogFollowerOptions {
  readonly containerId: string;
  readonly engine: Pick<ContainerSource, 'followLogs'> & Pick<ContainerControl, 'tailLogs'>;
  readonly clock: Clock;
  readonly from: LogCursor | number;
  readonly running: boolean;
  /** There may be something to read already. */
  readonly unread: boolean;
  onLines(lines: readonly LogLine[], cursor: LogCursor): void;
  /** Once for each stream that was lost, however many tries it takes. */
  onReconnect(cause: ReconnectCause, error?: unknown): void;
}

export function createLogFollower(options: LogFollowerOptions): LogFollower {
  const { containerId, engine, clock } = options;
  let from = options.from;
  let running = options.running;
  /** There may be something to read even if the container is stopped. */
  let unread = options.unread;
  let finishing = false;
  let closed = false;
  let stream: AbortController | undefined;
  let nap = new AbortController();
  let lastLineAt = clock.monotonic();
  let stoppedAt = 0;
  let checking = false;
  /** The clock's as it was when the stream was opened that came to `from`. */
  let fromOffset = clockOffset(clock) + setBackWhileAway(from, clock.now());
  let openedFrom = 0;
  let checkedAt = clock.monotonic();
  // Streams that were opened together are not asked about together.
  const silenceMs = SILENCE_MS * (1 + Math.random() / 5);

  async function sleep(ms: number): Promise<void> {
    nap = new AbortController();
    await clock.sleep(ms, nap.signal);
  }

  async function idle(): Promise<void> {
    nap = new AbortController();
    const { signal } = nap;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async function readStream(): Promise<{ cause: ReconnectCause; error?: unknown; progressed: boolean }> {
    const current = new AbortController();
    stream = current;
    const openedAt = clock.monotonic();
    const openedOffset = clockOffset(clock);
    const setBackMs = setBackBetween(fromOffset, openedOffset);
    openedFrom = timeOf(from) - setBackMs;
    let lines = 0;
    const progressed = () => lines > 0 || clock.monotonic() - openedAt > SOUND_AFTER_MS;
    try {
      await engine.followLogs(containerId, {
        from,
        setBackMs,
        signal: current.signal,
        onLines(batch, cursor) {
          if (current.signal.aborted) return;
          lines += batch.length;
          from = cursor;
          fromOffset = openedOffset;
          lastLineAt = clock.monotonic();
          options.onLines(batch, cursor);
        },
      });
      return { cause: current.signal.aborted ? 'stalled' : 'ended', progressed: progressed() };
    } catch (error) {
      return { cause: reasonOf(error), error, progressed: progressed() };
    } finally {
      stream = undefined;
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closed) {
      if (!running && !unread) {
        if (finishing) return;
        await idle();
        continue;
      }
      unread = false;
      const { cause, error, progressed } = await readStream();
      if (closed) return;
      if (cause === 'not_found') {
        // Removed; the event or the next listing says so.
        running = false;
        continue;
      }
      if (cause === 'ended') {
        if (!running || unread) continue;
        await sleep(EVENT_PATIENCE_MS);
        if (closed || !running || unread) continue;
      } else {
        unread = true;
      }
      failures = progressed ? 1 : failures + 1;
      if (failures === 1) options.onReconnect(cause, error);
      if (cause === 'stalled') failures = 0;
      else await sleep(backoffMs(failures));
    }
  }

  /** A silent stream is left alone where the log's last line is one that was read. */
  async function checkSilence(): Promise<void> {
    const current = stream;
    const [last] = await engine.tailLogs(containerId, 1).catch(() => []);
    // Another one, not a later one: the clock may have been set back.
    const unread = last !== undefined && (typeof from === 'number' ? last.time >= from : last.time !== timeOf(from));
    if (unread && clock.monotonic() - lastLineAt > silenceMs) current?.abort();
    else lastLineAt = clock.monotonic();
  }

  /** The engine leaves out lines that bear a time before the one it was asked for, also of those yet to come. */
  function isLeavingOutLines(now: number): boolean {
    const earliestSinceCheck = clock.now() - (now - checkedAt);
    return earliestSinceCheck < openedFrom && setBackBetween(fromOffset, clockOffset(clock)) > 0;
  }

  const done = run();

  const close = async () => {
    closed = true;
    stream?.abort();
    nap.abort();
    await done;
  };

  return {
    get running() {
      return running;
    },
    setRunning(next) {
      if (!next && running) stoppedAt = clock.monotonic();
      running = next;
      unread = true;
      nap.abort();
    },
    wake: () => nap.abort(),
    check() {
      const now = clock.monotonic();
      const leavesOut = isLeavingOutLines(now);
      checkedAt = now;
      if (stream === undefined) return;
      if (leavesOut) stream.abort();
      if (!running && now - stoppedAt > STOPPED_STREAM_MS) stream.abort();
      if (running && now - lastLineAt > silenceMs && !checking) {
        checking = true;
        void checkSilence().finally(() => {
          checking = false;
        });
      }
    },
    async finish() {
      finishing = true;
      running = false;
      nap.abort();
      const patience = new AbortController();
      await Promise.race([done, clock.sleep(FINISH_MS, patience.signal)]);
      patience.abort();
      await close();
    },
    close,
  };
}

function timeOf(from: LogCursor | number): number {
  return typeof from === 'number' ? from : Date.parse(from.at);
}

function setBackWhileAway(from: LogCursor | number, now: number): number {
  if (typeof from === 'number') return 0;
  const ahead = timeOf(from) - now;
  return ahead > SMALL_STEP_MS ? ahead + AWAY_MS : SMALL_STEP_MS;
}
