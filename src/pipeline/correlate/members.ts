/** Which incidents belong to the incident of another container. */
import type { ContainerRef, EdgeEvidence, IncidentMember } from '../../domain.ts';
import { serviceKey } from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import { statedCause } from './failure-texts.ts';

/** Containers of one service have their incidents in common. */
export function isOf(live: LiveIncident, container: ContainerRef): boolean {
  return serviceKey(live.incident.container) === serviceKey(container);
}

/** The incident that a chain of causes ends in. */
export function rootOf(live: LiveIncident): LiveIncident {
  let root = live;
  // `link` refuses to close a cycle.
  while (root.cause !== undefined) root = root.cause.root;
  return root;
}

/** False if it belongs to another incident already, or if the other one belongs to it. */
export function link(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): boolean {
  if (live.cause !== undefined || rootOf(root) === live) return false;
  live.cause = { root, evidence };
  live.suffers = undefined;
  live.incident = { ...live.incident, cause: { kind: 'incident', incidentId: rootOf(root).incident.id, evidence } };
  return true;
}

/** It is about the state of its container, not about what the container logged. */
export function isAboutState({ incident: { detectors } }: LiveIncident): boolean {
  return detectors.some((detector) => DETECTOR_INFO[detector].overOnlyIfRunning);
}

/** The kind of a cause that its own errors state. */
export function statedCauseOf({ evidence, incident: { summary } }: LiveIncident): string | undefined {
  const records = evidence.flatMap(({ record }) => (record === undefined ? [] : [record.text]));
  return statedCause(records.length > 0 ? records : [summary]);
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
