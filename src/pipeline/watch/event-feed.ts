/** Delivers every engine event once, in order, over any number of connections. */
import type { EngineEvent } from '../../domain/containers.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerSource } from '../ports/engine.ts';
import { backoffMs, HEALTHY_AFTER_MS, reasonOf, type StreamEnd } from './backoff.ts';
import { clockOffset, stepBackBetween } from './clock-steps.ts';

/** The engine timestamps an event microseconds before queueing it, so events may arrive slightly out of order. */
const OVERLAP_MS = 100;
/** Docker replays at most 256 events, Podman all those within the overlap. */
const MAX_DELIVERED = 4_096;

export interface EventFeed {
  /** Runs until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Drops the connection and opens a new one that resumes at the last event. */
  reopen(): void;
}

export function createEventFeed(options: {
  engine: Pick<ContainerSource, 'events'>;
  clock: Clock;
  /** Epoch ms, inclusive. */
  since: number;
  onEvent(event: EngineEvent): void;
  /** The engine replayed an event that was delivered at this monotonic time. */
  onReplayed(deliveredAt: number): void;
  onConnected(): void;
  /** An open connection was lost; a new one is attempted next. */
  onLost(end: StreamEnd): void;
  /** An attempt to connect failed. */
  onUnreachable(error: unknown): void;
}): EventFeed {
  const { engine, clock } = options;
  /** Monotonic delivery time by event. */
  const delivered = new Map<string, number>();
  let since = options.since;
  let sinceOffset = clockOffset(clock);
  let connection = new AbortController();

  function receive(event: EngineEvent): void {
    const key = `${event.time} ${event.containerId} ${JSON.stringify(event.action)}`;
    const deliveredAt = delivered.get(key);
    if (deliveredAt !== undefined) {
      options.onReplayed(deliveredAt);
      return;
    }
    delivered.set(key, clock.monotonic());
    dropOldest(delivered, MAX_DELIVERED);
    const isLater = event.time - OVERLAP_MS > options.since;
    const offset = clockOffset(clock);
    // After a step back, `since` may go below its initial value: new events have earlier times.
    if (isLater || stepBackBetween(sinceOffset, offset) > 0) since = event.time - OVERLAP_MS;
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
        let end: StreamEnd = 'ended';
        let failure: unknown;
        try {
          await engine.events({
            since: since - stepBackBetween(sinceOffset, clockOffset(clock)),
            signal: connection.signal,
            onConnected() {
              openedAt = clock.monotonic();
              options.onConnected();
            },
            onEvent: receive,
          });
          if (connection.signal.aborted) end = 'stalled';
        } catch (error) {
          end = reasonOf(error);
          failure = error;
        }
        if (signal.aborted) break;
        if (openedAt !== undefined || end === 'stalled') options.onLost(end);
        else options.onUnreachable(failure);
        if (end === 'stalled') continue;
        const wasHealthy = openedAt !== undefined && clock.monotonic() - openedAt > HEALTHY_AFTER_MS;
        failures = wasHealthy ? 1 : failures + 1;
        await clock.sleep(backoffMs(failures), signal);
      }
      signal.removeEventListener('abort', abort);
    },
  };
}
