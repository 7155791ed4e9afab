/**
 * Decodes the engine's event stream: JSON objects, one per line, in chunks of any size. Podman's Docker API uses other
 * names for some events, and leaves out details of others.
 */
import { StringDecoder } from 'node:string_decoder';
import type { EngineEvent, LabelOrigin } from '../domain/containers.ts';
import { EngineError } from '../errors.ts';
import { toContainerRef } from './containers.ts';
import { withoutForeignIdentity } from './image-labels.ts';

/**
 * Only these are requested: every health check alone makes three `exec_*` events. `died` and `remove` are Podman's names,
 * unknown to Docker.
 */
export const WATCHED_ACTIONS = [
  'create',
  'start',
  'stop',
  'restart',
  'die',
  'kill',
  'oom',
  'pause',
  'unpause',
  'rename',
  'destroy',
  'health_status',
  'died',
  'remove',
] as const;

/** An event with all labels of its container is a few KB. */
const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/**
 * Longer events are dropped: a container with huge labels must not end the stream for all others. The next listing shows
 * what they reported.
 */
export function createEventDecoder(originOf?: OriginOf): (chunk: Buffer) => EngineEvent[] {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let dropping = false;
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (dropping && lines.length > 0) {
      lines.shift();
      dropping = false;
    }
    if (rest.length > MAX_EVENT_CHARS) dropping = true;
    if (dropping) rest = '';
    return lines.flatMap((line) => (line.trim() === '' ? [] : (parseEvent(line, originOf) ?? [])));
  };
}

type OriginOf = (containerId: string) => LabelOrigin;

interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> };
  /** Podman only. */
  readonly HealthStatus?: string;
  readonly time?: number;
  readonly timeNano?: number;
}

function parseEvent(line: string, originOf?: OriginOf): EngineEvent | undefined {
  let raw: RawEvent;
  try {
    raw = JSON.parse(line);
  } catch (cause) {
    throw new EngineError('an event is not JSON', 'protocol', cause);
  }
  return toEngineEvent(raw, originOf);
}

/** Returns undefined for events that the pipeline does not use. */
function toEngineEvent(raw: RawEvent, originOf?: OriginOf): EngineEvent | undefined {
  const containerId = raw.Actor?.ID;
  if (raw.Type !== 'container' || containerId === undefined) return undefined;
  // The engine's own attributes and the container's labels are in one object.
  const {
    name = '',
    image = '',
    exitCode,
    containerExitCode,
    signal,
    podId,
    network: _network,
    error: _error,
    oldName: _oldName,
    execDuration: _execDuration,
    ...labels
  } = raw.Actor?.Attributes ?? {};
  const action = toAction(raw.Action ?? '', {
    exitCode: Number(exitCode ?? containerExitCode ?? 0),
    signal: signal === undefined ? undefined : Number(signal),
    health: raw.HealthStatus,
  });
  if (action === undefined) return undefined;
  return {
    time: raw.timeNano === undefined ? (raw.time ?? 0) * 1000 : Math.floor(raw.timeNano / 1e6),
    containerId,
    container: toContainerRef({
      id: containerId,
      name,
      image,
      labels: withoutForeignIdentity(labels, originOf?.(containerId)),
    }),
    // Every event of Podman about a container has the id of a pod, which may be empty.
    ...(podId === undefined ? {} : { engine: 'podman' }),
    action,
  };
}

interface Details {
  readonly exitCode: number;
  readonly signal: number | undefined;
  readonly health: string | undefined;
}

const HEALTH_STATUSES = ['healthy', 'unhealthy', 'starting'] as const;

function toAction(action: string, details: Details): EngineEvent['action'] | undefined {
  const { exitCode, signal, health } = details;
  switch (action) {
    case 'create':
    case 'start':
    case 'stop':
    case 'restart':
    case 'oom':
    case 'pause':
    case 'unpause':
    case 'rename':
    case 'destroy':
      return { kind: action };
    case 'remove':
      return { kind: 'destroy' };
    case 'die':
    case 'died':
      return { kind: 'die', exitCode };
    case 'kill':
      return { kind: 'kill', ...(signal === undefined ? {} : { signal }) };
    default: {
      // Docker: `health_status: healthy`. Podman: `health_status`, and the status in a separate field.
      const text = action === 'health_status' ? health : /^health_status: (\w+)$/.exec(action)?.[1];
      const status = HEALTH_STATUSES.find((known) => known === text);
      return status === undefined ? undefined : { kind: 'health', status };
    }
  }
}
