/** Which container depends on which, and by what evidence that is known. */
import { type ContainerRef, type EdgeEvidence, serviceKey, type Topology } from '../../domain.ts';
import type { ObservedDependency } from '../ports.ts';
import type { NamedHost } from './dependency-errors.ts';

export interface Edge {
  readonly from: ContainerRef;
  readonly to: ContainerRef;
  readonly evidence: EdgeEvidence;
}

export interface DependencyGraph {
  /** Takes in what inspect says. Cheap; to be called when a container is first seen and whenever it starts. */
  learn(container: ContainerRef, topology: Topology): void;
  /** Edges from this container, one per dependency: the evidence that comes first in EDGE_EVIDENCE. */
  dependenciesOf(containerId: string): readonly Edge[];
  /** The container that a host in an error record of `from` names; remembers the edge. */
  resolve(from: ContainerRef, host: NamedHost, at: number): ContainerRef | undefined;
  /** The first edge's evidence on a path of at most MAX_PATH edges; undefined if there is none. */
  evidenceOfPath(fromId: string, toId: string): EdgeEvidence | undefined;
  /** Containers within MAX_PATH edges from this one, the nearest first. */
  reachableFrom(containerId: string): readonly ContainerRef[];
  /** The container that now has this one's place: the one of its service that was learned last. */
  current(container: ContainerRef): ContainerRef | undefined;
  /** Names of the networks on which the container was last seen. */
  networksOf(containerId: string): readonly string[];
  edges(): readonly Edge[];
  observed(): readonly ObservedDependency[];
  restore(edges: readonly ObservedDependency[]): void;
}

/** Longer chains are followed incident by incident: each victim points to its own dependency. */
export const MAX_PATH = 3;
const MAX_CONTAINERS = 5_000;
const MAX_OBSERVED = 10_000;
/** After a kill, clients name the address that the container had. */
const MAX_ADDRESSES = 10_000;

interface Node {
  ref: ContainerRef;
  networks: Map<string, { readonly address: string; readonly aliases: ReadonlySet<string> }>;
  sharesNetworkOf?: string;
  links: ReadonlySet<string>;
  dependsOn: ReadonlySet<string>;
  environmentHosts: ReadonlySet<number>;
}

export function createDependencyGraph(): DependencyGraph {
  const nodes = new Map<string, Node>();
  /** `network address` → the container that had it last. */
  const addresses = new Map<string, string>();
  /** `from to` by service key. */
  const observedEdges = new Map<string, ObservedDependency>();

  const networkNames = (node: Node): Iterable<string> => {
    const owner = node.sharesNetworkOf === undefined ? undefined : nodes.get(node.sharesNetworkOf);
    return (owner ?? node).networks.keys();
  };

  const shareNetwork = (a: Node, b: Node): boolean => {
    const names = new Set(networkNames(a));
    for (const name of networkNames(b)) if (names.has(name)) return true;
    return false;
  };

  const isNamed = (node: Node, name: string): boolean => {
    const { ref, networks } = node;
    if (ref.name.toLowerCase() === name || ref.service.toLowerCase() === name) return true;
    for (const { aliases } of networks.values()) if (aliases.has(name)) return true;
    return false;
  };

  const evidenceOf = (a: Node, b: Node): EdgeEvidence | undefined => {
    if (a === b || serviceKey(a.ref) === serviceKey(b.ref)) return undefined;
    const sameProject = a.ref.project !== undefined && a.ref.project === b.ref.project;
    if (sameProject && a.dependsOn.has(b.ref.service)) return 'compose';
    if (a.sharesNetworkOf === b.ref.id || a.links.has(b.ref.name)) return 'network';
    if (a.environmentHosts.size > 0 && namesInEnvironment(a, b) && shareNetwork(a, b)) return 'environment';
    return observedEdges.has(`${serviceKey(a.ref)} ${serviceKey(b.ref)}`) ? 'observed' : undefined;
  };

  const dependenciesOf = (containerId: string): Edge[] => {
    const a = nodes.get(containerId);
    if (a === undefined) return [];
    const edges: Edge[] = [];
    for (const b of nodes.values()) {
      const evidence = evidenceOf(a, b);
      if (evidence !== undefined) edges.push({ from: a.ref, to: b.ref, evidence });
    }
    return edges;
  };

  /** Breadth first: each reachable container with the evidence of the first edge on the way. */
  const walk = function* (
    containerId: string,
  ): Generator<{ readonly ref: ContainerRef; readonly evidence: EdgeEvidence }> {
    const seen = new Set([containerId]);
    let level: { readonly id: string; readonly evidence?: EdgeEvidence }[] = [{ id: containerId }];
    for (let depth = 0; depth < MAX_PATH && level.length > 0; depth++) {
      const next: typeof level = [];
      for (const { id, evidence } of level) {
        for (const edge of dependenciesOf(id)) {
          if (seen.has(edge.to.id)) continue;
          seen.add(edge.to.id);
          const first = evidence ?? edge.evidence;
          next.push({ id: edge.to.id, evidence: first });
          yield { ref: edge.to, evidence: first };
        }
      }
      level = next;
    }
  };

  const remember = (from: ContainerRef, to: ContainerRef, at: number): void => {
    const key = `${serviceKey(from)} ${serviceKey(to)}`;
    observedEdges.delete(key);
    observedEdges.set(key, { from: serviceKey(from), to: serviceKey(to), lastSeenAt: at });
    dropOldest(observedEdges, MAX_OBSERVED);
  };

  return {
    learn(ref, { networks, sharesNetworkOf, links, dependsOn, environmentHosts }) {
      const before = nodes.get(ref.id);
      const node: Node = {
        ref,
        // A container that was killed has no networks left in inspect: those that it had are kept.
        networks:
          networks.length === 0 && before !== undefined
            ? before.networks
            : new Map(networks.map(({ name, address, aliases }) => [name, { address, aliases: new Set(aliases) }])),
        sharesNetworkOf,
        links: new Set(links),
        dependsOn: new Set(dependsOn),
        environmentHosts: new Set(environmentHosts.map(digest)),
      };
      nodes.delete(ref.id);
      nodes.set(ref.id, node);
      dropOldest(nodes, MAX_CONTAINERS);
      for (const { name, address } of networks) {
        if (address === '') continue;
        const key = `${name} ${address}`;
        addresses.delete(key);
        addresses.set(key, ref.id);
        dropOldest(addresses, MAX_ADDRESSES);
      }
    },

    dependenciesOf,

    resolve(from, { host }, at) {
      const a = nodes.get(from.id);
      if (a === undefined) return undefined;
      for (const network of networkNames(a)) {
        const owner = nodes.get(addresses.get(`${network} ${host}`) ?? '');
        if (owner !== undefined && owner !== a) {
          remember(from, owner.ref, at);
          return owner.ref;
        }
      }
      // The newest first: a recreated container has the name of its predecessor, which is kept to be recognised.
      for (const b of [...nodes.values()].reverse()) {
        if (b === a || serviceKey(a.ref) === serviceKey(b.ref) || !isNamed(b, host)) continue;
        // Off the network, or not of it any more: compose still says whom the name means.
        const meant =
          shareNetwork(a, b) ||
          a.links.has(b.ref.name) ||
          (a.ref.project !== undefined && a.ref.project === b.ref.project);
        if (!meant) continue;
        remember(from, b.ref, at);
        return b.ref;
      }
      return undefined;
    },

    evidenceOfPath(fromId, toId) {
      for (const { ref, evidence } of walk(fromId)) if (ref.id === toId) return evidence;
      return undefined;
    },

    reachableFrom: (containerId) => Array.from(walk(containerId), ({ ref }) => ref),
    current: (container) => [...nodes.values()].findLast(({ ref }) => serviceKey(ref) === serviceKey(container))?.ref,
    networksOf: (containerId) => [...(nodes.get(containerId)?.networks.keys() ?? [])],
    edges: () => [...nodes.keys()].flatMap(dependenciesOf),
    observed: () => [...observedEdges.values()],

    restore(edges) {
      for (const edge of edges) observedEdges.set(`${edge.from} ${edge.to}`, edge);
    },
  };

  function namesInEnvironment(a: Node, b: Node): boolean {
    const names = [b.ref.name, b.ref.service, ...[...b.networks.values()].flatMap(({ aliases }) => [...aliases])];
    return names.some((name) => a.environmentHosts.has(digest(name.toLowerCase())));
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}

/** cyrb53 of bryc (public domain): 53 bits, so that names do not collide by accident. */
function digest(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    a = Math.imul(a ^ char, 2654435761);
    b = Math.imul(b ^ char, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
