/**
 * Incidents that name the same thing that does not answer, and of which no incident tells more: a host outside the
 * engine, the name server, a container that is well as far as the engine knows. The first incident stands for all.
 */
import type { IncidentCause } from '../../domain.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';

export type CommonCause = Exclude<IncidentCause, { kind: 'incident' }>;

export interface MeetingPoints {
  /** The open incident that stands for this cause; `live` if there was none until now. */
  meet(cause: CommonCause, live: LiveIncident): LiveIncident;
}

/** Shown as the host if names cannot be resolved. */
export const NAME_RESOLUTION = 'name resolution (DNS)';

export function createMeetingPoints(isOpen: (live: LiveIncident) => boolean): MeetingPoints {
  const first = new Map<string, LiveIncident>();
  return {
    meet(cause, live) {
      const key = keyOf(cause);
      if (key === undefined) return live;
      for (const [other, { resolvedAt }] of first) if (resolvedAt !== undefined) first.delete(other);
      const known = first.get(key);
      if (known !== undefined && isOpen(known)) return known;
      first.set(key, live);
      return live;
    },
  };
}

/** Clients print a host with its port or without: the port does not tell problems apart. */
function keyOf(cause: CommonCause): string | undefined {
  if (cause.kind === 'external') return `external ${cause.host.replace(/:\d+$/, '')}`;
  return cause.named === undefined ? undefined : `container ${cause.named}`;
}
