/** The engine's events, each once and without a gap, over any number of connections. */
import type { EngineEvent } from '../../domain.ts';
import type { Clock, ContainerSource } from '../ports.ts';
import { backoffMs, type ReconnectCause, reasonOf, SOUND_AFTER_MS } from './backoff.ts';

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
  onConnected(): void;
  onDisconnected(cause: ReconnectCause, error?: unknown): void;
}): EventFeed {
  const { engine, clock } = options;
  const seen = new Set<string>();
  let since = options.since;
  let connection = new AbortController();

  function take(event: EngineEvent): void {
    const key = `${event.time} ${event.containerId} ${JSON.stringify(event.action)}`;
    if (seen.has(key)) return;
    seen.add(key);
    const [oldest] = seen;
    if (seen.size > REMEMBERED && oldest !== undefined) seen.delete(oldest);
    since = Math.max(options.since, event.time - OVERLAP_MS);
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
        const openedAt = clock.now();
        let cause: ReconnectCause = 'ended';
        let failure: unknown;
        try {
          await engine.events({ since, signal: connection.signal, onConnected: options.onConnected, onEvent: take });
          if (connection.signal.aborted) cause = 'stalled';
        } catch (error) {
          cause = reasonOf(error);
          failure = error;
        }
        if (signal.aborted) break;
        options.onDisconnected(cause, failure);
        if (cause === 'stalled') continue;
        failures = clock.now() - openedAt > SOUND_AFTER_MS ? 1 : failures + 1;
        await clock.sleep(backoffMs(failures), signal);
      }
      signal.removeEventListener('abort', abort);
    },
  };
}
