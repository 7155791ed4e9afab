/** The Docker engine, through dockerode, as the pipeline's ContainerSource and ContainerControl. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import type { ContainerInfo, ContainerInspectInfo, DockerVersion } from 'dockerode';
import { EngineError, type EngineReason } from '../errors.ts';
import type { ContainerControl, ContainerSource } from '../pipeline/ports.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { toContainerFacts, toListedContainer } from './containers.ts';
import { createEventDecoder, WATCHED_ACTIONS } from './events.ts';
import { toEngineError } from './failure.ts';
import { createLogDecoder } from './log-decoder.ts';
import { fromEpochMs, toSince } from './timestamp.ts';

export type EngineOperation = 'ping' | 'info' | 'list' | 'inspect' | 'tail_logs' | 'restart' | 'events' | 'follow_logs';

export interface DockerEngineOptions extends ConnectionOptions {
  /** How long the engine may take to answer a call, or to accept a stream; default 10 s. Restarts have longer. */
  readonly callTimeoutMs?: number;
  /** Epoch ms; default the machine's clock. */
  now?(): number;
  /** Told of every request; of a stream, how long it took to be accepted. */
  onRequest?(operation: EngineOperation, durationMs: number, errorType?: EngineReason): void;
}

export interface DockerEngine extends ContainerSource, ContainerControl {
  ping(signal?: AbortSignal): Promise<{ apiVersion: string; engineVersion: string }>;
  /** The name of the engine's host; undefined if the engine does not say. */
  hostName(signal?: AbortSignal): Promise<string | undefined>;
}

/** The types leave out that these calls take options too. */
interface WithOptions {
  version(options: { abortSignal: AbortSignal }): Promise<DockerVersion>;
  info(options: { abortSignal: AbortSignal }): Promise<{ readonly Name?: unknown }>;
}

const CALL_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
/**
 * A restart takes as long as the container's stop timeout and its start; this only ends one whose answer
 * will never come.
 */
const RESTART_TIMEOUT_MS = 15 * 60_000;

/**
 * Every method rejects with an EngineError on a fault, and with the signal's reason where the caller
 * aborted. Throws an EngineError where the settings cannot be used.
 */
export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  const docker = connect(options);
  const callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
  const now = options.now ?? Date.now;

  /** `run` gets a signal that ends with the caller's or when the time is over. */
  async function request<T>(
    operation: EngineOperation,
    doing: string,
    signal: AbortSignal | undefined,
    timeoutMs: number,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const started = performance.now();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const result = await run(signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]));
      options.onRequest?.(operation, performance.now() - started);
      return result;
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const error = deadline.signal.aborted
        ? new EngineError(`Docker engine: ${doing}: no answer within ${timeoutMs} ms`, 'timeout', cause)
        : toEngineError(cause, doing);
      options.onRequest?.(operation, performance.now() - started, error.reason);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the engine ends the stream or `signal` aborts; says which. */
  async function stream(
    operation: EngineOperation,
    doing: string,
    signal: AbortSignal,
    open: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
    handlers: { onOpen?(): void; onChunk(chunk: Buffer): void },
  ): Promise<'ended' | 'aborted'> {
    if (signal.aborted) return 'aborted';
    try {
      const response = (await request(operation, doing, signal, callTimeoutMs, open)) as IncomingMessage;
      // From here on only the caller's signal counts: `request` let go of its deadline.
      const done = finished(response, { writable: false });
      // Finds a peer that vanished without closing, on TCP.
      response.socket.setKeepAlive(true, KEEP_ALIVE_MS);
      response.on('data', (chunk: Buffer) => {
        try {
          handlers.onChunk(chunk);
        } catch (error) {
          response.destroy(error as Error);
        }
      });
      handlers.onOpen?.();
      await done;
      return 'ended';
    } catch (error) {
      if (signal.aborted) return 'aborted';
      throw toEngineError(error, doing);
    }
  }

  const name = (id: string) => id.slice(0, 12);

  return {
    async ping(signal) {
      const version = await request('ping', 'ping', signal, callTimeoutMs, (abortSignal) =>
        (docker as unknown as WithOptions).version({ abortSignal }),
      );
      if (typeof version?.ApiVersion !== 'string')
        throw new EngineError('what answers is no Docker engine', 'protocol');
      return { apiVersion: version.ApiVersion, engineVersion: version.Version };
    },

    async hostName(signal) {
      const info = await request('info', 'asking for its host name', signal, callTimeoutMs, (abortSignal) =>
        (docker as unknown as WithOptions).info({ abortSignal }),
      );
      const name = typeof info?.Name === 'string' ? info.Name.trim() : '';
      return name === '' ? undefined : name;
    },

    async list(signal) {
      const infos: ContainerInfo[] = await request('list', 'listing containers', signal, callTimeoutMs, (abortSignal) =>
        docker.listContainers({ all: true, abortSignal }),
      );
      if (!Array.isArray(infos))
        throw new EngineError('what answers is no Docker engine: its listing is none', 'protocol');
      return infos.map(toListedContainer);
    },

    async inspect(id, signal) {
      const doing = `inspecting ${name(id)}`;
      try {
        const info: ContainerInspectInfo = await request('inspect', doing, signal, callTimeoutMs, (abortSignal) =>
          docker.getContainer(id).inspect({ abortSignal }),
        );
        return toContainerFacts(info);
      } catch (error) {
        if (error instanceof EngineError && error.reason === 'not_found') return undefined;
        throw error;
      }
    },

    async tailLogs(id, count, signal) {
      const doing = `reading the last logs of ${name(id)}`;
      const decoder = createLogDecoder({ from: 0, now });
      try {
        const bytes = await request('tail_logs', doing, signal, callTimeoutMs, (abortSignal) =>
          docker
            .getContainer(id)
            .logs({ follow: false, stdout: true, stderr: true, timestamps: true, tail: count, abortSignal }),
        );
        const lines = [...decoder.write(bytes), ...decoder.end()];
        return count === 0 ? [] : lines.slice(-count);
      } catch (error) {
        if (error instanceof EngineError && error.reason === 'not_found') return [];
        throw error;
      }
    },

    async restart(id, signal) {
      await request('restart', `restarting ${name(id)}`, signal, RESTART_TIMEOUT_MS, (abortSignal) =>
        docker.getContainer(id).restart({ abortSignal }),
      );
    },

    async events({ since, signal, onConnected, onEvent }) {
      const decode = createEventDecoder();
      const query = {
        since: toSince(fromEpochMs(since)),
        filters: JSON.stringify({ type: ['container'], event: WATCHED_ACTIONS }),
      };
      await stream(
        'events',
        'following events',
        signal,
        (abortSignal) => docker.getEvents({ ...query, abortSignal } as object),
        {
          onOpen: onConnected,
          onChunk(chunk) {
            for (const event of decode(chunk)) onEvent(event);
          },
        },
      );
    },

    async followLogs(id, { from, setBackMs, signal, onLines }) {
      const decoder = createLogDecoder({ from, setBackMs, now });
      const open = (abortSignal: AbortSignal) =>
        docker.getContainer(id).logs({
          follow: true,
          stdout: true,
          stderr: true,
          timestamps: true,
          since: decoder.since as unknown as number,
          abortSignal,
        });
      const end = await stream('follow_logs', `following the logs of ${name(id)}`, signal, open, {
        onChunk(chunk) {
          const lines = decoder.write(chunk);
          if (lines.length > 0) onLines(lines, decoder.cursor());
        },
      });
      if (end === 'aborted') return;
      const lines = decoder.end();
      if (lines.length > 0) onLines(lines, decoder.cursor());
    },
  };
}
