/** Decodes the engine's event stream: JSON objects, one per line, in chunks of any size. */
import { StringDecoder } from 'node:string_decoder';
import type { EngineEvent } from '../domain.ts';
import { EngineError } from '../errors.ts';
import { toContainerRef } from './containers.ts';

/** Only these are requested: every health check alone makes three `exec_*` events. */
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
] as const;

/** An event with all labels of its container is a few KB. */
const MAX_EVENT_CHARS = 4 * 1024 * 1024;

export function createEventDecoder(): (chunk: Buffer) => EngineEvent[] {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARS) throw new EngineError('an event is longer than 4 MB', 'protocol');
    return lines.flatMap((line) => (line.trim() === '' ? [] : (parseEvent(line) ?? [])));
  };
}

interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> };
  readonly time?: number;
  readonly timeNano?: number;
}

function parseEvent(line: string): EngineEvent | undefined {
  let raw: RawEvent;
  try {
    raw = JSON.parse(line);
  } catch (cause) {
    throw new EngineError('an event is not JSON', 'protocol', cause);
  }
  return toEngineEvent(raw);
}

/** Returns undefined for events that the pipeline does not use. */
export function toEngineEvent(raw: RawEvent): EngineEvent | undefined {
  const containerId = raw.Actor?.ID;
  if (raw.Type !== 'container' || containerId === undefined) return undefined;
  // The engine's own attributes and the container's labels are in one object.
  const {
    name = '',
    image = '',
    exitCode,
    signal,
    oldName: _,
    execDuration: __,
    ...labels
  } = raw.Actor?.Attributes ?? {};
  const action = toAction(raw.Action ?? '', exitCode, signal);
  if (action === undefined) return undefined;
  return {
    time: raw.timeNano === undefined ? (raw.time ?? 0) * 1000 : Math.floor(raw.timeNano / 1e6),
    containerId,
    container: toContainerRef({ id: containerId, name, image, labels }),
    action,
  };
}

function toAction(action: string, exitCode: string | undefined, signal: string | undefined) {
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
      return { kind: action } as const;
    case 'die':
      return { kind: 'die', exitCode: Number(exitCode ?? 0) } as const;
    case 'kill':
      return { kind: 'kill', signal: Number(signal ?? 0) } as const;
    case 'health_status: healthy':
    case 'health_status: unhealthy':
    case 'health_status: starting':
      return { kind: 'health', status: action.slice('health_status: '.length) as HealthStatus } as const;
    default:
      return undefined;
  }
}

type HealthStatus = 'healthy' | 'unhealthy' | 'starting';
