/** Implements the pipeline's ContainerSource and ContainerControl for a Docker engine: calls through dockerode, streams not. */
import type { ContainerInfo, ContainerInspectInfo, DockerVersion } from 'dockerode';
import type { LabelOrigin, LogLine } from '../domain/containers.ts';
import { EngineError, type EngineReason } from '../errors.ts';
import type { EngineSource } from '../pipeline/observer.ts';
import type { ContainerControl, ContainerSource, ContainerStats } from '../pipeline/ports/engine.ts';
import { type ConnectionOptions, chooseEngine, connect, readTls } from './connection.ts';
import { toContainerFacts, toListedContainer } from './containers.ts';
import { createEventDecoder, WATCHED_ACTIONS } from './events.ts';
import { createStreamOpener } from './http-stream.ts';
import { createImageLabels } from './image-labels.ts';
import { createLogDecoder, type LogDecoder } from './log-decoder.ts';
import { addPodmanState, type EngineKind, engineKind } from './podman.ts';
import { createRequests, type EngineOperation } from './requests.ts';
import { createSourceTracker, type SourceStates } from './sources.ts';
import { toResourceUse } from './stats.ts';
import { fromEpochMs, toSince } from './timestamp.ts';
import { adviseOnMissingSocket } from './usual-sockets.ts';

interface DockerEngineOptions extends ConnectionOptions {
  /** How long the engine may take to answer a call or to accept a stream; default 10 s. Restarts may take longer. */
  readonly callTimeoutMs?: number;
  /** Epoch ms; default: the system clock. */
  now?(): number;
  /** Milliseconds; default: the process's monotonic clock. */
  monotonic?(): number;
  /** Called after every request. For a stream, `durationMs` is the time until it was accepted. */
  onRequest?(operation: EngineOperation, durationMs: number, errorType?: EngineReason): void;
}

export interface DockerEngine extends ContainerSource, ContainerControl, ContainerStats {
  /**
   * Makes a request of this kind without an effect: it restarts nothing, and reads no log line. Rejects as the request
   * does; that its container does not exist is a success.
   */
  probe(source: EngineSource, containerId?: string, signal?: AbortSignal): Promise<void>;
  /** Whether the engine grants each kind of request. */
  sources(): SourceStates;
  /** Which labels of a container come from its image, as far as known from listings and inspections. */
  labelOriginOf(containerId: string): LabelOrigin;
  /** Whether the engine refuses to describe images, so that labels of images count as labels of containers. */
  imagesRefused(): boolean;
  /** The address of the engine, for people. */
  readonly address: string;
  ping(signal?: AbortSignal): Promise<{ apiVersion: string; engineVersion: string; kind: EngineKind }>;
  /** The name of the engine's host; undefined if the engine does not say it. */
  hostName(signal?: AbortSignal): Promise<string | undefined>;
  /** The address of the engine's host in its Swarm; undefined if it is in none. */
  swarmAddress(signal?: AbortSignal): Promise<string | undefined>;
}

/** dockerode's types omit the options of these calls. */
interface WithOptions {
  version(options: { abortSignal: AbortSignal }): Promise<DockerVersion>;
  info(options: {
    abortSignal: AbortSignal;
  }): Promise<{ readonly Name?: unknown; readonly Swarm?: { readonly NodeAddr?: unknown } }>;
}

interface ImageWithOptions {
  inspect(options: {
    abortSignal: AbortSignal;
  }): Promise<{ readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null } | undefined>;
}

interface WithStats {
  stats(options: { stream: false; 'one-shot': true; abortSignal: AbortSignal }): Promise<unknown>;
}

/** No container has this id: the engine answers 404, a proxy that forbids the request 403. */
const NO_CONTAINER = 'container-doctor-permission-check';

const CALL_TIMEOUT_MS = 10_000;
/** A restart takes the container's stop timeout plus its start. This timeout only ends requests that will never end. */
const RESTART_TIMEOUT_MS = 15 * 60_000;

/**
 * Throws an EngineError if the settings cannot be used. Every method rejects with an EngineError on a fault, and with the
 * signal's reason if the caller aborted.
 */
export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  const { endpoint, tls, description } = chooseEngine(options);
  const docker = connect(endpoint, tls);
  const openStream = createStreamOpener(endpoint, endpoint.kind === 'tcp' && endpoint.tls ? readTls(tls) : undefined);
  const callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
  const now = options.now ?? Date.now;
  const sources = createSourceTracker({ now, monotonic: options.monotonic ?? (() => performance.now()) });
  const { request, stream } = createRequests({
    sources,
    onRequest: (operation, durationMs, error) => options.onRequest?.(operation, durationMs, error?.reason),
    adviseOnMissingSocket:
      endpoint.kind === 'socket' ? () => adviseOnMissingSocket(endpoint.socketPath, options) : undefined,
  });

  const version = (signal?: AbortSignal) =>
    request('ping', 'ping', signal, callTimeoutMs, (abortSignal) =>
      (docker as unknown as WithOptions).version({ abortSignal }),
    );

  const info = (doing: string, signal?: AbortSignal) =>
    request('info', doing, signal, callTimeoutMs, (abortSignal) =>
      (docker as unknown as WithOptions).info({ abortSignal }),
    );

  let podman: boolean | undefined;
  /** Asks the engine until it has answered once. False if it does not answer. */
  const isPodman = async () => {
    podman ??= await version().then(
      (answer) => engineKind(answer) === 'podman',
      () => undefined,
    );
    return podman ?? false;
  };

  const imageLabels = createImageLabels({
    inspectImage: async (imageId, signal) => {
      const image = await request('inspect_image', 'inspecting an image', signal, callTimeoutMs, (abortSignal) =>
        (docker.getImage(imageId) as unknown as ImageWithOptions).inspect({ abortSignal }),
      );
      return image?.Config?.Labels ?? {};
    },
    monotonic: options.monotonic ?? (() => performance.now()),
  });

  const shortId = (id: string) => id.slice(0, 12);

  const engine: DockerEngine = {
    address: description,

    async ping(signal) {
      const answer = await version(signal);
      if (typeof answer?.ApiVersion !== 'string')
        throw new EngineError('the server that answers is not a Docker engine', 'protocol');
      return { apiVersion: answer.ApiVersion, engineVersion: answer.Version, kind: engineKind(answer) };
    },

    hostName: async (signal) => textOrNone((await info('asking for the host name', signal))?.Name),

    swarmAddress: async (signal) => textOrNone((await info('asking for the Swarm', signal))?.Swarm?.NodeAddr),

    async list(signal) {
      const infos: ContainerInfo[] = await request('list', 'listing containers', signal, callTimeoutMs, (abortSignal) =>
        docker.listContainers({ all: true, abortSignal }),
      );
      if (!Array.isArray(infos))
        throw new EngineError(
          'the server that answers is not a Docker engine: its container list is not a list',
          'protocol',
        );
      await imageLabels.learn(
        infos.map((info) => ({ id: info.Id, imageId: info.ImageID || undefined, labels: info.Labels ?? {} })),
        signal,
      );
      imageLabels.keepOnly(infos.map(({ Id }) => Id));
      return infos.map((info) => toListedContainer(info, imageLabels.originOf(info.Id)));
    },

    async inspect(id, signal) {
      const doing = `inspecting ${shortId(id)}`;
      try {
        const info: ContainerInspectInfo = await request('inspect', doing, signal, callTimeoutMs, (abortSignal) =>
          docker.getContainer(id).inspect({ abortSignal }),
        );
        const labelled = { id: info.Id, imageId: info.Image || undefined, labels: info.Config.Labels ?? {} };
        await imageLabels.learn([labelled], signal);
        const facts = toContainerFacts(info);
        if (facts.status !== 'exited' || !(await isPodman())) return facts;
        const timeout = AbortSignal.timeout(callTimeoutMs);
        return await addPodmanState(docker, id, facts, now(), signal ? AbortSignal.any([signal, timeout]) : timeout);
      } catch (error) {
        if (error instanceof EngineError && error.reason === 'not_found') return undefined;
        throw error;
      }
    },

    async tailLogs(id, count, signal) {
      const doing = `reading the last logs of ${shortId(id)}`;
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

    async stats(id, signal) {
      const doing = `reading the statistics of ${shortId(id)}`;
      try {
        const container = docker.getContainer(id) as unknown as WithStats;
        const answer = await request('stats', doing, signal, callTimeoutMs, (abortSignal) =>
          container.stats({ stream: false, 'one-shot': true, abortSignal }),
        );
        return toResourceUse(answer);
      } catch (error) {
        if (error instanceof EngineError && error.reason === 'not_found') return undefined;
        throw error;
      }
    },

    async restart(id, signal) {
      await request('restart', `restarting ${shortId(id)}`, signal, RESTART_TIMEOUT_MS, (abortSignal) =>
        docker.getContainer(id).restart({ abortSignal }),
      );
    },

    async events({ since, signal, onConnected, onEvent }) {
      const decode = createEventDecoder(imageLabels.originOf);
      const query = new URLSearchParams({
        since: toSince(fromEpochMs(since)),
        filters: JSON.stringify({ type: ['container'], event: WATCHED_ACTIONS }),
      });
      await stream(
        'events',
        'following events',
        signal,
        callTimeoutMs,
        (abortSignal) => openStream(`/events?${query}`, abortSignal),
        {
          onOpen: onConnected,
          onBytes(buffer, start, end) {
            for (const event of decode(buffer.subarray(start, end))) onEvent(event);
          },
        },
      );
    },

    async followLogs(id, { from, clockStepBackMs, maxBacklogLines, signal, onLines, onSkipped }) {
      const decoder = createLogDecoder({ from, clockStepBackMs, now });
      const query = new URLSearchParams({
        follow: 'true',
        stdout: 'true',
        stderr: 'true',
        timestamps: 'true',
        since: decoder.since,
        ...(maxBacklogLines === undefined ? {} : { tail: String(maxBacklogLines) }),
      });
      const open = (abortSignal: AbortSignal) =>
        openStream(`/containers/${encodeURIComponent(id)}/logs?${query}`, abortSignal);
      const checkBacklog =
        maxBacklogLines === undefined ? undefined : createBacklogCheck(decoder, maxBacklogLines, now(), onSkipped);
      const end = await stream('follow_logs', `following the logs of ${shortId(id)}`, signal, callTimeoutMs, open, {
        onBytes: decoder.read,
        onReceived() {
          const lines = decoder.take();
          checkBacklog?.(lines);
          if (lines.length > 0) onLines(lines, decoder.cursor());
        },
      });
      if (end === 'aborted') return;
      const lines = decoder.end();
      if (lines.length > 0) onLines(lines, decoder.cursor());
    },

    async probe(source, containerId = NO_CONTAINER, signal) {
      switch (source) {
        case 'list':
          return void (await engine.list(signal));
        case 'events':
          return probeEvents(signal);
        case 'logs':
          return void (await engine.tailLogs(containerId, 0, signal));
        case 'inspect':
          return void (await engine.inspect(containerId, signal));
        case 'restart':
          return probeRestart(signal);
        default:
          return source satisfies never;
      }
    },

    sources: sources.states,
    labelOriginOf: imageLabels.originOf,
    imagesRefused: imageLabels.refused,
  };

  async function probeEvents(signal: AbortSignal | undefined): Promise<void> {
    const opened = new AbortController();
    await engine.events({
      since: now(),
      signal: signal === undefined ? opened.signal : AbortSignal.any([signal, opened.signal]),
      onConnected: () => opened.abort(),
      onEvent() {},
    });
  }

  async function probeRestart(signal: AbortSignal | undefined): Promise<void> {
    try {
      await request('probe_restart', 'checking whether restarts are allowed', signal, callTimeoutMs, (abortSignal) =>
        docker.getContainer(NO_CONTAINER).restart({ abortSignal }),
      );
    } catch (error) {
      if (!(error instanceof EngineError && error.reason === 'not_found')) throw error;
    }
  }

  return engine;
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/**
 * Finds out whether a stream that was requested with `tail` omitted unread lines: the part of it that was printed before
 * `openedAt` (epoch ms) has as many messages as requested, and begins with an unread one. Call the result with the lines
 * of every chunk.
 */
function createBacklogCheck(
  decoder: LogDecoder,
  tail: number,
  openedAt: number,
  onSkipped: ((before: number) => void) | undefined,
): (lines: readonly LogLine[]) => void {
  let done = false;
  let firstLineAt: number | undefined;
  return (lines) => {
    if (done) return;
    firstLineAt ??= lines[0]?.time;
    const isFull = decoder.messages() >= tail;
    if (isFull && decoder.startsUnread()) onSkipped?.(firstLineAt ?? openedAt);
    done = isFull || (lines.at(-1)?.time ?? 0) > openedAt;
  };
}
