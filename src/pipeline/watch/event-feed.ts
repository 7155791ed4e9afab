/** The engine's events, each once and without a gap, over any number of connections. */
import type { EngineEvent } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerSource } from '../ports.ts';
import { backoffMs, type ReconnectCause, reasonOf, SOUND_AFTER_MS } from './backoff.ts';
import { clockOffset, setBackBetween } from './set-back.ts';

/** Events are stamped before they queue, microseconds earlier: one older than the last may still come. */
const OVERLAP_MS = 100;
/** Docker replays 256 at most, Podman as many as fall into the overlap. */
const REMEMBERED = 4_096;

export interface EventFeed {
  /** Until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Drops the connection for a new one, which starts where the last event was. */
  reopen(): void;
}

export function createEventFeed(options: {
  engine: Pick<ContainerSource, 'events'>;
  clock: Clock;
  /** Epoch ms, inclusive. */
  since: number;
  onEvent(event: EngineEvent): void;
  /** The engine told again of an event that it told at that monotonic time. */
  onRemembered(toldAt: number): void;
  onConnected(): void;
  /** The connection is lost; a new one is tried for at once. */
  onLost(cause: ReconnectCause): void;
  /** A try for a connection failed. */
  onUnreachable(error: unknown): void;
}): EventFeed {
  const { engine, clock } = options;
  /** Each with the monotonic time at which it was told. */
  const seen = new Map<string, number>();
  let since = options.since;
  let sinceOffset = clockOffset(clock);
  let connection = new AbortController();

  function take(event: EngineEvent): void {
    const key = `${event.time} ${event.containerId} ${JSON.stringify(event.action)}`;
    const toldAt = seen.get(key);
    if (toldAt !== undefined) {
      options.onRemembered(toldAt);
      return;
    }
    seen.set(key, clock.monotonic());
    const [oldest] = seen.keys();
    if (seen.size > REMEMBERED && oldest !== undefined) seen.delete(oldest);
    const isLater = event.time - OVERLAP_MS > options.since;
    const offset = clockOffset(clock);
    // Times that come again are asked for, whatever an earlier run of the agent has handled.
    if (isLater || setBackBetween(sinceOffset, offset) > 0) since = event.time - OVERLAP_MS;
    sinceOffset = offset;
    options.onEvent(event);
  }

  return {
    reopen: () => connection.abort(),

    async run(signal) {
      let failures = 0;
      const abort = () => connection.abort();
      signal.addEventListener('abort', abort);
      while (!signal.aborted) {
        connection = new AbortController();
        let openedAt: number | undefined;
        let cause: ReconnectCause = 'ended';
        let failure: unknown;
        try {
          await engine.events({
            since: since - setBackBetween(sinceOffset, clockOffset(clock)),
            signal: connection.signal,
            onConnected() {
              openedAt = clock.monotonic();
              options.onConnected();
            },
            onEvent: take,
          });
          if (connection.signal.aborted) cause = 'stalled';
        } catch (error) {
          cause = reasonOf(error);
          failure = error;
        }
        if (signal.aborted) break;
        if (openedAt !== undefined || cause === 'stalled') options.onLost(cause);
        else options.onUnreachable(failure);
        if (cause === 'stalled') continue;
        const sound = openedAt !== undefined && clock.monotonic() - openedAt > SOUND_AFTER_MS;
        failures = sound ? 1 : failures + 1;
        await clock.sleep(backoffMs(failures), signal);
      }
      signal.removeEventListener('abort', abort);
    },
  };
}
