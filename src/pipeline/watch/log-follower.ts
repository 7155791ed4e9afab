/**
 * Reads one container's log for as long as the container exists.
 *
 * While the container runs, a log stream is open; while it is stopped and its log is read, the follower is idle. The
 * engine ends the stream when the container stops. The last lines may miss the stream, so after `die` the log is read
 * once more from the last position. Any other end is a connection fault: the stream is reopened at the last position.
 */
import type { LogLine } from '../../domain/containers.ts';
import { type Clock, waitAtMost } from '../../lib/time.ts';
import type { ContainerControl, ContainerSource, LogCursor } from '../ports/engine.ts';
import { backoffMs, HEALTHY_AFTER_MS, reasonOf, type StreamEnd } from './backoff.ts';
import { clockOffset, stepBackBetween } from './clock-steps.ts';

/** A stream may end a moment before the event that explains it arrives. */
const EVENT_WAIT_MS = 500;
/** How long a removed container's stream may go on delivering its last lines. */
const FINISH_MS = 5_000;
/** A stopped container's stream that is still open after this time is stalled. */
const STOPPED_STREAM_MS = 10_000;
/** A stream can stall without an error. After this much silence, the end of the log is compared with what was read. */
const SILENCE_MS = 10 * 60_000;
/** A small NTP step: the clock may have stepped back by this much, unnoticed, while the agent was not running. */
const SMALL_STEP_MS = 5_000;
/** How long before a larger step back the agent may have stopped. */
const MAX_ABSENCE_MS = 3_600_000;

export interface LogFollower {
  readonly running: boolean;
  /** Call on every start and stop of the container. */
  setRunning(running: boolean): void;
  /** Ends the wait before the next attempt: the engine is back. */
  wake(): void;
  /** Call regularly: finds stalled streams. */
  check(): void;
  /** The container was removed: resolves when its last lines were delivered. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface LogFollowerOptions {
  readonly containerId: string;
  readonly engine: Pick<ContainerSource, 'followLogs'> & Pick<ContainerControl, 'tailLogs'>;
  readonly clock: Clock;
  /** A saved position, or a time in epoch ms. */
  readonly from: LogCursor | number;
  readonly running: boolean;
  /** The log may already hold unread lines. */
  readonly unread: boolean;
  /** See `followLogs`; for the first stream only. */
  readonly maxBacklogLines?: number;
  onSkipped(before: number): void;
  onLines(lines: readonly LogLine[], cursor: LogCursor): void;
  /** Called once for each lost stream, however many attempts it takes to reopen it. */
  onReconnect(end: StreamEnd, error?: unknown): void;
}

export function createLogFollower(options: LogFollowerOptions): LogFollower {
  const { containerId, engine, clock } = options;
  let { from, maxBacklogLines } = options;
  let running = options.running;
  /** There may be lines to read although the container is stopped. */
  let unread = options.unread;
  let finishing = false;
  let closed = false;
  let stream: AbortController | undefined;
  let pause = new AbortController();
  let lastLineAt = clock.monotonic();
  let stoppedAt = 0;
  let checking = false;
  /** The clock offset when the stream that reached `from` was opened. */
  let fromOffset = clockOffset(clock) + stepBackWhileAbsent(from, clock.now());
  let openedFrom = 0;
  let checkedAt = clock.monotonic();
  // Random, so that streams that were opened together are not checked together.
  const silenceMs = SILENCE_MS * (1 + Math.random() / 5);

  async function sleep(ms: number): Promise<void> {
    pause = new AbortController();
    await clock.sleep(ms, pause.signal);
  }

  async function waitUntilWoken(): Promise<void> {
    pause = new AbortController();
    const { signal } = pause;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async function readStream(): Promise<{ end: StreamEnd; error?: unknown; progressed: boolean }> {
    const current = new AbortController();
    stream = current;
    const openedAt = clock.monotonic();
    const openedOffset = clockOffset(clock);
    const clockStepBackMs = stepBackBetween(fromOffset, openedOffset);
    openedFrom = timeOf(from) - clockStepBackMs;
    let lines = 0;
    const progressed = () => lines > 0 || clock.monotonic() - openedAt > HEALTHY_AFTER_MS;
    try {
      await engine.followLogs(containerId, {
        from,
        clockStepBackMs,
        maxBacklogLines,
        signal: current.signal,
        onSkipped: options.onSkipped,
        onLines(batch, cursor) {
          if (current.signal.aborted) return;
          lines += batch.length;
          maxBacklogLines = undefined;
          from = cursor;
          fromOffset = openedOffset;
          lastLineAt = clock.monotonic();
          options.onLines(batch, cursor);
        },
      });
      return { end: current.signal.aborted ? 'stalled' : 'ended', progressed: progressed() };
    } catch (error) {
      return { end: reasonOf(error), error, progressed: progressed() };
    } finally {
      stream = undefined;
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closed) {
      if (!running && !unread) {
        if (finishing) return;
        await waitUntilWoken();
        continue;
      }
      unread = false;
      const { end, error, progressed } = await readStream();
      if (closed) return;
      if (end === 'not_found') {
        // Removed: an event or the next listing reports it.
        running = false;
        continue;
      }
      if (end === 'ended') {
        if (!running || unread) continue;
        await sleep(EVENT_WAIT_MS);
        if (closed || !running || unread) continue;
      } else {
        unread = true;
      }
      failures = progressed ? 1 : failures + 1;
      if (failures === 1) options.onReconnect(end, error);
      if (end === 'stalled') failures = 0;
      else await sleep(backoffMs(failures));
    }
  }

  /** Closes a silent stream if the last line of the log was not read. */
  async function checkSilence(): Promise<void> {
    const current = stream;
    const [last] = await engine.tailLogs(containerId, 1).catch(() => []);
    // A different time, not a later one: the clock may have stepped back.
    const hasUnread = last !== undefined && (typeof from === 'number' ? last.time >= from : last.time !== timeOf(from));
    if (hasUnread && clock.monotonic() - lastLineAt > silenceMs) current?.abort();
    else lastLineAt = clock.monotonic();
  }

  /** Whether the engine omits new lines: it filters an open stream by the time that the stream was requested from. */
  function isOmittingLines(now: number): boolean {
    const earliestSinceCheck = clock.now() - (now - checkedAt);
    return earliestSinceCheck < openedFrom && stepBackBetween(fromOffset, clockOffset(clock)) > 0;
  }

  const done = run();

  const close = async () => {
    closed = true;
    stream?.abort();
    pause.abort();
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
      pause.abort();
    },
    wake: () => pause.abort(),
    check() {
      const now = clock.monotonic();
      const omitting = isOmittingLines(now);
      checkedAt = now;
      if (stream === undefined) return;
      if (omitting) stream.abort();
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
      pause.abort();
      await waitAtMost(FINISH_MS, done, clock);
      await close();
    },
    close,
  };
}

function timeOf(from: LogCursor | number): number {
  return typeof from === 'number' ? from : Date.parse(from.at);
}

/** How far the clock may have stepped back since an earlier run saved the position. */
function stepBackWhileAbsent(from: LogCursor | number, now: number): number {
  if (typeof from === 'number') return 0;
  const ahead = timeOf(from) - now;
  return ahead > SMALL_STEP_MS ? ahead + MAX_ABSENCE_MS : SMALL_STEP_MS;
}
