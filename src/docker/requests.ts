/** Runs requests to the engine: time limits, cancellation, translated errors, and a report of each result. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import { EngineError } from '../errors.ts';
import type { EngineSource } from '../pipeline/observer.ts';
import { toEngineError } from './failure.ts';
import type { SourceTracker } from './sources.ts';

/** `probe_restart` is the restart of a container that does not exist. */
export type EngineOperation =
  | 'ping'
  | 'info'
  | 'list'
  | 'inspect'
  | 'inspect_image'
  | 'tail_logs'
  | 'stats'
  | 'restart'
  | 'probe_restart'
  | 'events'
  | 'follow_logs';

const SOURCE_OF = {
  ping: undefined,
  info: undefined,
  list: 'list',
  inspect: 'inspect',
  // Without it, labels of images and of containers cannot be told apart.
  inspect_image: undefined,
  tail_logs: 'logs',
  // The agent works without it.
  stats: undefined,
  restart: 'restart',
  probe_restart: 'restart',
  events: 'events',
  follow_logs: 'logs',
} as const satisfies Record<EngineOperation, EngineSource | undefined>;

const KEEP_ALIVE_MS = 30_000;

export interface Requests {
  /**
   * `doing` describes the request in errors. Calls `run` with a signal that aborts with the caller's or after `timeoutMs`.
   */
  request<T>(
    operation: EngineOperation,
    doing: string,
    signal: AbortSignal | undefined,
    timeoutMs: number,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /**
   * Resolves when the engine ends the stream or `signal` aborts, and says which. `timeoutMs` limits how long the engine
   * may take to accept the stream.
   */
  stream(
    operation: 'events' | 'follow_logs',
    doing: string,
    signal: AbortSignal,
    timeoutMs: number,
    open: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
    handlers: { onOpen?(): void; onChunk(chunk: Buffer): void },
  ): Promise<'ended' | 'aborted'>;
}

export function createRequests({
  sources,
  onRequest,
  adviseOnMissingSocket,
}: {
  readonly sources: SourceTracker;
  /** Called after every request. For a stream, `durationMs` is the time until it was accepted. */
  onRequest?(operation: EngineOperation, durationMs: number, error?: EngineError): void;
  /** The end of the error message if the engine's socket does not exist. */
  readonly adviseOnMissingSocket?: () => string;
}): Requests {
  function report(operation: EngineOperation, startedAt: number, error?: EngineError): void {
    const source = SOURCE_OF[operation];
    if (source !== undefined) sources.requested(source, error);
    onRequest?.(operation, performance.now() - startedAt, error);
  }

  const request: Requests['request'] = async (operation, doing, signal, timeoutMs, run) => {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const result = await run(signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]));
      report(operation, startedAt);
      return result;
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const error = deadline.signal.aborted
        ? new EngineError(`Docker engine: ${doing}: no response within ${timeoutMs} ms`, 'timeout', cause)
        : toEngineError(cause, doing, adviseOnMissingSocket);
      report(operation, startedAt, error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  const stream: Requests['stream'] = async (operation, doing, signal, timeoutMs, open, handlers) => {
    if (signal.aborted) return 'aborted';
    const source = SOURCE_OF[operation];
    try {
      const response = (await request(operation, doing, signal, timeoutMs, open)) as IncomingMessage;
      // The deadline of `request` no longer applies: only the caller's signal ends the stream.
      const done = finished(response, { writable: false });
      // Detects a TCP peer that is gone without having closed the connection.
      response.socket.setKeepAlive(true, KEEP_ALIVE_MS);
      response.on('data', (chunk: Buffer) => {
        try {
          handlers.onChunk(chunk);
        } catch (error) {
          response.destroy(error as Error);
        }
      });
      sources.streamOpened(source);
      try {
        handlers.onOpen?.();
        await done;
      } finally {
        sources.streamClosed(source);
      }
      return 'ended';
    } catch (error) {
      if (signal.aborted) return 'aborted';
      throw toEngineError(error, doing);
    }
  };

  return { request, stream };
}
