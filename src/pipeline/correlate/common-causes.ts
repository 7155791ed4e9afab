/**
 * Incidents whose common cause has no incident of its own: a host outside the engine, the name server, or a container
 * without a known problem. The first of these incidents represents all of them.
 */
import type { IncidentCause } from '../../domain/incident.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';

export type CommonCause = Exclude<IncidentCause, { kind: 'incident' }>;

interface CommonCauses {
  /** The open incident that represents this cause; `live` if there was none. */
  firstWith(cause: CommonCause, live: LiveIncident): LiveIncident;
}

/** Shown as the host if names cannot be resolved. */
export const NAME_RESOLUTION = 'name resolution (DNS)';

export function createCommonCauses(isOpen: (live: LiveIncident) => boolean): CommonCauses {
  const first = new Map<string, LiveIncident>();
  return {
    firstWith(cause, live) {
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

/** What does not answer, as far as is known; for people. */
export function describeCause(cause: IncidentCause | undefined): string | undefined {
  if (cause === undefined || cause.kind === 'incident') return undefined;
  if (cause.kind === 'external') return `${cause.host} does not answer`;
  if (cause.named === undefined) return 'its errors point to a dependency, but the cause is not known';
  return `its errors name ${cause.named}, which has no known problem; the cause is not known`;
}

/** Without the port, because not all clients print it. Undefined if the cause names nothing. */
function keyOf(cause: CommonCause): string | undefined {
  if (cause.kind === 'external') return `external ${cause.host.replace(/:\d+$/, '')}`;
  return cause.named === undefined ? undefined : `container ${cause.named}`;
}
