/** Which incidents belong to the incident of another container. */
import type { ContainerRef, EdgeEvidence } from '../../domain/containers.ts';
import { serviceKey } from '../../domain/containers.ts';
import type { IncidentMember } from '../../domain/incident.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LiveIncident, Suffering } from '../incident/open-incidents.ts';
import { statedCause } from './failure-texts.ts';

/** Whether the incident is of the container's service: containers of one service share their incidents. */
export function isOf(live: LiveIncident, container: ContainerRef): boolean {
  return serviceKey(live.incident.container) === serviceKey(container);
}

/** The incident at the end of the chain of causes. */
export function rootOf(live: LiveIncident): LiveIncident {
  let root = live;
  // `link` refuses to close a cycle.
  while (root.cause !== undefined) root = root.cause.root;
  return root;
}

/** Makes `live` a member of `root`. False if it already belongs to another incident, or if `root` belongs to it. */
export function link(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): boolean {
  if (live.cause !== undefined || rootOf(root) === live) return false;
  live.cause = { root, evidence };
  const { incident, isElsewhere } = rootOf(root);
  const host = isElsewhere && { host: incident.container.host };
  live.incident = { ...live.incident, cause: { kind: 'incident', incidentId: incident.id, evidence, ...host } };
  return true;
}

/**
 * What the errors of the incident say about its dependencies, while the incident of a dependency may still explain them.
 * A restart of the container waits meanwhile. Undefined if nothing can explain them, if the incident already belongs to
 * another one, or if the dependency is back and this problem has outlived it.
 */
export function sufferingOf({ suffers, cause, isReleased }: LiveIncident): Suffering | undefined {
  return cause === undefined && !isReleased ? suffers : undefined;
}

/** Whether it is about the state of its container, not only about what the container logged. */
export function isAboutState({ incident: { detectors } }: LiveIncident): boolean {
  return detectors.some((detector) => DETECTOR_INFO[detector].overOnlyIfRunning);
}

/** The texts of its error records. An incident of an earlier run of the agent has lost them. */
export function recordsOf({ evidence }: LiveIncident): readonly string[] {
  return evidence.flatMap(({ record }) => (record === undefined ? [] : [record.text]));
}

/** The kind of cause that its errors state, if any. */
export function statedCauseOf(live: LiveIncident): string | undefined {
  const records = recordsOf(live);
  return statedCause(records.length > 0 ? records : [live.incident.summary]);
}

/** One entry per container besides the root's own, the most affected first. */
export function toMembers(root: LiveIncident, members: readonly LiveIncident[]): readonly IncidentMember[] {
  const byContainer = new Map<string, IncidentMember>();
  for (const live of members) {
    const { container: ref, occurrences: count } = live.incident;
    if (isOf(root, ref)) continue;
    const occurrences = (byContainer.get(ref.name)?.occurrences ?? 0) + count;
    byContainer.set(ref.name, { container: ref.name, occurrences });
  }
  return [...byContainer.values()].sort((a, b) => b.occurrences - a.occurrences);
}
