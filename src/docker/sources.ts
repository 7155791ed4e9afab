/**
 * Tracks whether the engine grants each kind of request that the agent needs. A socket proxy may refuse some of them
 * while all others succeed.
 */
import type { EngineError, EngineReason } from '../errors.ts';
import type { EngineSource } from '../pipeline/observer.ts';
import { ENGINE_SOURCES } from '../pipeline/observer.ts';

export type SourceState =
  | { readonly kind: 'ok' }
  /** The engine or a proxy answered with this HTTP status: 401, 403 or 405. */
  | { readonly kind: 'refused'; readonly status: number; readonly since: number }
  /** No request has succeeded for a while. `since`: epoch ms. */
  | { readonly kind: 'failing'; readonly reason: EngineReason; readonly since: number };

export type SourceStates = Readonly<Record<EngineSource, SourceState>>;

/** The request of each source, and what the agent cannot do without it. */
export const SOURCE_INFO: Readonly<Record<EngineSource, { readonly request: string; readonly without: string }>> = {
  list: { request: 'GET /containers/json', without: 'no container is watched' },
  events: { request: 'GET /events', without: 'crashes, failed health checks and restarts are missed' },
  logs: { request: 'GET /containers/{id}/logs', without: 'errors in logs are missed' },
  inspect: {
    request: 'GET /containers/{id}/json',
    without: 'nothing is restarted, and the secrets in container environments are unknown and not redacted',
  },
  restart: { request: 'POST /containers/{id}/restart', without: 'nothing can be restarted' },
};

/** The agent works without this request, so it is no source. */
export const IMAGES_REFUSED =
  'the engine or a proxy in front of it refuses GET /images/{id}/json: labels of images cannot be told from labels of containers, so they can loosen the policy';

export interface SourceTracker {
  /** A request ended. `error`: undefined if it succeeded. */
  requested(source: EngineSource, error?: EngineError): void;
  streamOpened(source: EngineSource): void;
  streamClosed(source: EngineSource): void;
  states(): SourceStates;
}

/**
 * How long requests must fail before their source is failing. A single failure may concern one container only; a working
 * source succeeds for another container within this time.
 */
const FAILING_AFTER_MS = 90_000;

interface Failure {
  readonly error: EngineError;
  /** Of the first failure since the last success, in epoch ms and on the monotonic clock. */
  readonly since: number;
  readonly sinceMonotonic: number;
}

export function createSourceTracker(clock: { now(): number; monotonic(): number }): SourceTracker {
  const failures = new Map<EngineSource, Failure>();
  const openStreams = new Map<EngineSource, number>();

  function stateOf(source: EngineSource): SourceState {
    const failure = failures.get(source);
    if (failure === undefined) return { kind: 'ok' };
    const { error, since } = failure;
    if (isRefusal(error)) return { kind: 'refused', status: error.status, since };
    const isLasting = clock.monotonic() - failure.sinceMonotonic >= FAILING_AFTER_MS;
    if (!isLasting || (openStreams.get(source) ?? 0) > 0) return { kind: 'ok' };
    return { kind: 'failing', reason: error.reason, since };
  }

  const countStream = (source: EngineSource, by: number) =>
    openStreams.set(source, (openStreams.get(source) ?? 0) + by);

  return {
    requested(source, error) {
      if (error === undefined || isAnswer(source, error)) {
        failures.delete(source);
        return;
      }
      const first = failures.get(source);
      const isSameKind = first !== undefined && isRefusal(first.error) === isRefusal(error);
      failures.set(source, {
        error,
        since: isSameKind ? first.since : clock.now(),
        sinceMonotonic: isSameKind ? first.sinceMonotonic : clock.monotonic(),
      });
    },
    streamOpened: (source) => void countStream(source, 1),
    streamClosed: (source) => void countStream(source, -1),
    states: () => Object.fromEntries(ENGINE_SOURCES.map((source) => [source, stateOf(source)])) as SourceStates,
  };
}

/** Whether the engine processed the request: the container does not exist, or is in a state that does not allow it. */
function isAnswer(source: EngineSource, { reason }: EngineError): boolean {
  const isAboutContainer = source !== 'list' && source !== 'events';
  return isAboutContainer && (reason === 'not_found' || reason === 'conflict');
}

function isRefusal(error: EngineError): error is EngineError & { readonly status: number } {
  return error.reason === 'forbidden' && error.status !== undefined;
}

/** For people; undefined if the source is ok. */
export function describeSource(source: EngineSource, state: SourceState): string | undefined {
  const { request, without } = SOURCE_INFO[source];
  switch (state.kind) {
    case 'ok':
      return undefined;
    case 'refused':
      return `the engine refuses ${request} (HTTP ${state.status}): ${without}`;
    case 'failing':
      return `${request} fails (${state.reason}): ${without}`;
    default:
      return state satisfies never;
  }
}
