/** The containers of an incident and the dependencies between them: its cause, what suffers from it, what is near it. */
import type { Incident } from './types.ts';

export type Evidence = NonNullable<Incident['graph']>['edges'][number]['evidence'];

/**
 * `cause`: where the problem began. `self`: the container of this incident, if that is another one. `member`: suffers from
 * the same cause. `suspect`: its errors name it, but it is not known to have a problem.
 */
export type Role = 'cause' | 'self' | 'member' | 'suspect' | 'dependency' | 'dependant' | 'other';

export interface GraphNode {
  readonly name: string;
  readonly role: Role;
  /** As the engine reported it then. */
  readonly state?: string;
  /** Of this container, if it is another incident than the one shown. */
  readonly incidentId?: string;
}

export interface IncidentGraph {
  /** The cause first. */
  readonly nodes: readonly GraphNode[];
  /** `from` depends on `to`. Without evidence, how that was known is not recorded. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly evidence?: Evidence }[];
}

const ORDER: readonly Role[] = ['cause', 'suspect', 'self', 'member', 'dependency', 'dependant', 'other'];

/** Undefined if only its own container is concerned. */
export function incidentGraph(incident: Incident): IncidentGraph | undefined {
  const { container: self, cause, cause_incident, members, member_incidents, graph } = incident;
  const nodes = new Map<string, GraphNode>();
  const edges: IncidentGraph['edges'][number][] = [...(graph?.edges ?? [])];
  const put = (node: GraphNode): void => void nodes.set(node.name, { ...nodes.get(node.name), ...node });
  /** An edge that the stored graph lacks: what was found later, or what is no container. */
  const connect = (from: string, to: string, evidence?: Evidence): void => {
    if (from === to || isReachable(edges, from, to)) return;
    edges.push({ from, to, ...(evidence !== undefined && { evidence }) });
  };

  for (const { name, role, state } of graph?.containers ?? []) {
    put({ name, role, ...(state === null ? {} : { state }) });
  }
  const isCause = cause === null && members.length + member_incidents.length > 0;
  put({ name: self, role: isCause ? 'cause' : 'self' });
  for (const { container } of members) if (container !== self) put({ name: container, role: 'member' });
  for (const { id, container } of member_incidents) {
    if (container !== self) put({ name: container, role: 'member', incidentId: id });
  }
  if (cause?.kind === 'incident' && cause_incident !== null && cause_incident.container !== self) {
    put({ name: cause_incident.container, role: 'cause', incidentId: cause_incident.id });
    connect(self, cause_incident.container, cause.evidence);
  } else if (cause?.kind === 'external') {
    put({ name: cause.host, role: 'cause', state: 'on another host' });
    connect(self, cause.host, 'observed');
  } else if (cause?.kind === 'unknown' && cause.named !== null && cause.named !== self) {
    put({ name: cause.named, role: 'suspect' });
    connect(self, cause.named, 'observed');
  }
  const root = isCause ? self : [...nodes.values()].find(({ role }) => role === 'cause')?.name;
  if (root !== undefined) {
    for (const { container, cause: why } of member_incidents) {
      connect(container, root, why?.kind === 'incident' ? why.evidence : 'observed');
    }
  }
  for (const { name, role } of nodes.values()) {
    if (role === 'dependant') connect(name, self);
    else if (role === 'dependency') connect(self, name);
  }
  if (nodes.size < 2) return undefined;
  const rank = ({ role }: GraphNode) => ORDER.indexOf(role);
  return { nodes: [...nodes.values()].sort((one, other) => rank(one) - rank(other)), edges };
}

function isReachable(edges: IncidentGraph['edges'], from: string, to: string): boolean {
  const seen = new Set([from]);
  const next = [from];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (at === to) return true;
    for (const edge of edges) {
      if (edge.from !== at || seen.has(edge.to)) continue;
      seen.add(edge.to);
      next.push(edge.to);
    }
  }
  return false;
}

/** How a dependency is known. */
export const EVIDENCE: Readonly<Record<Evidence, { readonly word: string; readonly sentence: string }>> = {
  compose: { word: 'compose', sentence: 'the Compose file' },
  network: { word: 'network', sentence: 'a shared or linked network' },
  environment: { word: 'environment', sentence: 'a host in its environment' },
  observed: { word: 'errors', sentence: 'its errors' },
};

/** Said under the name of a container. */
export const ROLE: Readonly<Record<Role, string>> = {
  cause: 'the cause',
  self: 'this incident',
  member: 'affected',
  suspect: 'seems to fail',
  dependency: 'depended on',
  dependant: 'depends on it',
  other: 'nearby',
};

/** What the picture shows, in a sentence or two. */
export function inWords({ nodes, edges }: IncidentGraph): string {
  const namesOf = (...roles: readonly Role[]) =>
    nodes.filter(({ role }) => roles.includes(role)).map(({ name }) => name);
  const said = ([first, ...rest]: readonly string[]): string =>
    rest.length === 0 ? (first ?? '') : `${[first, ...rest.slice(0, -1)].join(', ')} and ${rest.at(-1)}`;
  const causes = namesOf('cause');
  const suspects = namesOf('suspect');
  const affected = namesOf('member', ...(causes.length > 0 ? (['self'] as const) : []));
  return [
    ...(causes.length > 0 ? [`${said(causes)} is the cause.`] : []),
    ...(suspects.length > 0 ? [`${said(suspects)} seems to fail.`] : []),
    ...(affected.length > 0 ? [`Affected: ${said(affected)}.`] : []),
    ...edges.map(
      ({ from, to, evidence }) =>
        `${from} depends on ${to}${evidence === undefined ? '' : `, known from ${EVIDENCE[evidence].sentence}`}.`,
    ),
  ].join(' ');
}
