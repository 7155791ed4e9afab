/**
 * Incidents whose common cause has no incident of its own: a host outside the engine, the name server, or a container
 * without a known problem. The first of these incidents represents all of them.
 */
import type { IncidentCause } from '../../domain/incident.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';

export type CommonCause = Exclude<IncidentCause, { kind: 'incident' }>;

interface CommonCauses {
  /** The open incident that represents this cause; `live` if there was none. */
  firstWith(cause: IncidentCause | undefined, live: LiveIncident): LiveIncident;
}

/** Shown as the host if names cannot be resolved. */
export const NAME_RESOLUTION = 'name resolution (DNS)';

export function createCommonCauses(openIncidents: () => readonly LiveIncident[]): CommonCauses {
  const first = new Map<string, LiveIncident>();
  return {
    firstWith(cause, live) {
      const key = keyOf(cause);
      if (key === undefined) return live;
      const open = new Set(openIncidents());
      for (const [other, representative] of first) if (!open.has(representative)) first.delete(other);
      const representative = first.get(key) ?? live;
      first.set(key, representative);
      return representative;
    },
  };
}

/** What does not answer, as far as is known; for people. */
export function describeCause(cause: IncidentCause | undefined): string | undefined {
  if (cause === undefined || cause.kind === 'incident') return undefined;
  if (cause.kind === 'external') return `${cause.host} does not answer`;
  if (cause.named === undefined) return 'its errors point to a dependency, but the cause is not known';
  return `its errors name ${cause.named}, which has no known problem; the cause is not known`;
}

/** Without the port, because not all clients print it. Undefined if the cause has an incident, or names nothing. */
function keyOf(cause: IncidentCause | undefined): string | undefined {
  if (cause?.kind === 'external') return `external ${cause.host.replace(/:\d+$/, '')}`;
  return cause?.kind === 'unknown' && cause.named !== undefined ? `container ${cause.named}` : undefined;
}
