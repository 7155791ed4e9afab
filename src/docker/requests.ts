/** Runs requests to the engine: time limits, cancellation, translated errors, and a report of each result. */
import { EngineError } from '../errors.ts';
import type { EngineSource } from '../pipeline/observer.ts';
import { toEngineError } from './failure.ts';
import type { OnBytes } from './http-body.ts';
import type { EngineStream } from './http-stream.ts';
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
   * may take to accept the stream. `onReceived` is called after all bytes that arrived together.
   */
  stream(
    operation: 'events' | 'follow_logs',
    doing: string,
    signal: AbortSignal,
    timeoutMs: number,
    open: (abortSignal: AbortSignal) => Promise<EngineStream>,
    handlers: { onOpen?(): void; onBytes: OnBytes; onReceived?(): void },
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
      const opened = await request(operation, doing, signal, timeoutMs, open);
      // The deadline of `request` no longer applies: only the caller's signal ends the stream.
      sources.streamOpened(source);
      try {
        handlers.onOpen?.();
        await opened.read(handlers.onBytes, () => handlers.onReceived?.());
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
