/**
 * Clicks through Socket Mode: Slack's client opens a WebSocket to Slack, so no port of ours is reachable. Loaded on
 * demand: it takes memory.
 *
 * Each connection has its own client, and the reconnect is ours: the client's own one ends in an unhandled rejection
 * when Slack refuses the token.
 */
import { SocketModeClient } from '@slack/socket-mode';
import type { Clock } from '../../lib/time.ts';
import { failureOf } from './failures.ts';
import { silentLogger } from './silent-logger.ts';

export interface SocketOptions {
  /** A secret. */
  readonly appToken: string;
  readonly apiUrl: string;
  readonly clock: Pick<Clock, 'sleep' | 'monotonic'>;
  /** Of one call, and of the handshake. In real time. Default: 8 s. */
  readonly timeoutMs?: number;
  /**
   * The payload of an interaction. `acknowledge` has 3 seconds; if it is not called or rejects, Slack tells the person,
   * who can click again. Never rejects.
   */
  onInteraction(payload: unknown, acknowledge: () => Promise<void>): Promise<void>;
}

export interface Socket {
  /** Keeps a connection until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Why no click arrives; undefined while there is a connection, and until the first one has failed. */
  problem(): string | undefined;
}

const TIMEOUT_MS = 8_000;
const FIRST_RETRY_MS = 1_000;
/** The end of an outage is noticed within this time. */
const MAX_RETRY_MS = 60_000;
/** A connection that ends within this time counts as a failure, so that a fault does not become a tight loop. */
const SHORT_MS = 2_000;

export function createSocket(options: SocketOptions): Socket {
  let problem: string | undefined;

  return {
    async run(signal) {
      const { clock } = options;
      for (let failures = 0; !signal.aborted; ) {
        const connection = connect(options);
        const opened = await connection.opened(signal);
        let pauseMs = 0;
        if (opened.ok) {
          problem = undefined;
          const openedAt = clock.monotonic();
          await connection.ending(signal);
          failures = clock.monotonic() - openedAt < SHORT_MS ? failures + 1 : 0;
        } else {
          failures += 1;
          if (!signal.aborted) problem = opened.why;
          pauseMs = opened.afterMs ?? 0;
        }
        // An announced end is completed by the client.
        if (!opened.ok || signal.aborted) connection.close();
        await clock.sleep(Math.max(pauseMs, backOffMs(failures)), signal);
      }
    },
    problem: () => problem,
  };
}

function backOffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}

type Opened = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly afterMs?: number };

interface Connection {
  opened(signal: AbortSignal): Promise<Opened>;
  /** Resolves when it is closed, or when Slack has announced its end: another one is needed at once. */
  ending(signal: AbortSignal): Promise<void>;
  close(): void;
}

function connect({ appToken, apiUrl, timeoutMs = TIMEOUT_MS, onInteraction }: SocketOptions): Connection {
  const client = new SocketModeClient({
    appToken,
    autoReconnectEnabled: false,
    logger: silentLogger,
    clientOptions: {
      slackApiUrl: apiUrl,
      timeout: timeoutMs,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
    },
  });
  const ended = Promise.withResolvers<void>();
  client.on('disconnected', () => ended.resolve());
  client.on('ws_message', (data: unknown, isBinary: boolean) => {
    if (!isBinary && isFarewell(String(data))) ended.resolve();
  });
  client.on('slack_event', (event: { type: string; body: unknown; ack(): Promise<void> }) => {
    if (event.type === 'interactive') void onInteraction(event.body, () => event.ack());
    else event.ack().catch(() => undefined);
  });
  // The promise of `start` may stay pending, and may reject with undefined.
  const started = client.start().then(
    (): Opened => ({ ok: true }),
    (error: unknown): Opened => {
      if (error === undefined) return { ok: false, why: 'Slack closed the connection' };
      const { why, afterMs } = failureOf(error, 'SLACK_APP_TOKEN');
      return { ok: false, why, afterMs };
    },
  );

  return {
    opened: (signal) =>
      orAborted(started, AbortSignal.any([signal, AbortSignal.timeout(2 * timeoutMs)]), {
        ok: false,
        why: 'Slack did not open the connection in time',
      }),
    ending: (signal) => orAborted(ended.promise, signal, undefined),
    close() {
      const disconnect = () => void client.disconnect().catch(() => undefined);
      disconnect();
      // The second call does not wait for Slack to complete the closing handshake.
      setTimeout(disconnect, 500).unref();
    },
  };
}

function isFarewell(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === 'disconnect';
  } catch {
    return false;
  }
}

/** `work`, or `value` as soon as `signal` aborts. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal, value: T): Promise<T> {
  return new Promise((resolve) => {
    const abort = () => resolve(value);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void work.then((result) => {
      signal.removeEventListener('abort', abort);
      resolve(result);
    });
  });
}
