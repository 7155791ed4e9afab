/** Remembers the engine events of the last minutes, so that a question can show what happened around an incident. */
import { type EngineEvent, type ServiceRef, serviceKey } from '../../domain/containers.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { TimelineEntry } from '../ports/model.ts';

export interface Timeline {
  observe(event: EngineEvent): void;
  /** The events of these services in the TIMELINE_MS before `now`, oldest first. */
  of(services: readonly ServiceRef[], now: number): readonly TimelineEntry[];
}

export const TIMELINE_MS = 15 * 60_000;
/** Per service, so that one container in a crash loop does not displace the events of others. */
const MAX_EVENTS = 40;
/** The services with the oldest last event are forgotten first. */
const MAX_SERVICES = 1_000;

export function createTimeline(): Timeline {
  const byService = new Map<string, TimelineEntry[]>();

  return {
    observe(event) {
      const key = serviceKey(event.container);
      const entries = byService.get(key) ?? [];
      byService.delete(key);
      byService.set(key, entries);
      entries.push({ at: event.time, container: event.container.name, what: describe(event.action) });
      if (entries.length > MAX_EVENTS) entries.shift();
      dropOldest(byService, MAX_SERVICES);
    },

    of(services, now) {
      const keys = new Set(services.map(serviceKey));
      return [...keys]
        .flatMap((key) => byService.get(key) ?? [])
        .filter(({ at }) => now - at <= TIMELINE_MS)
        .sort((a, b) => a.at - b.at);
    },
  };
}

function describe(action: EngineEvent['action']): string {
  switch (action.kind) {
    case 'create':
      return 'created';
    case 'start':
      return 'started';
    case 'stop':
      return 'stopped';
    case 'restart':
      return 'restarted through the API';
    case 'destroy':
      return 'removed';
    case 'oom':
      return 'a process was killed for lack of memory';
    case 'pause':
      return 'paused';
    case 'unpause':
      return 'unpaused';
    case 'rename':
      return 'renamed';
    case 'die':
      return `ended with exit code ${action.exitCode}`;
    case 'kill':
      return action.signal === undefined ? 'was sent a signal' : `was sent signal ${action.signal}`;
    case 'health':
      return `health: ${action.status}`;
    default:
      return action satisfies never;
  }
}
