/** Which container depends on which, and the evidence for it. */
import { type ContainerRef, type EdgeEvidence, serviceKey, type Topology } from '../../domain/containers.ts';
import { dropOldest, fingerprintOf, Index } from '../../lib/bounded.ts';
import type { KnownAddress, ObservedDependency } from '../ports/store.ts';

export interface Edge {
  readonly from: ContainerRef;
  readonly to: ContainerRef;
  readonly evidence: EdgeEvidence;
}

export interface DependencyGraph {
  /**
   * Adds what inspect reports. Call it when a container is first seen and after every start. `startedAt`: since when it
   * has its addresses, epoch ms. Returns whether an address was new.
   */
  learn(container: ContainerRef, topology: Topology, startedAt: number): boolean;
  /** Marks a container as removed. It stays in the graph, because errors continue to name it. */
  removed(containerId: string): void;
  /** Edges from this container, one per dependency, each with the strongest evidence. */
  dependenciesOf(containerId: string): readonly Edge[];
  /**
   * The containers that a host in an error record of `from` refers to: several if a service has replicas, a removed one
   * only if no other is left. `at`: when the record was printed; another container may have had the address then.
   */
  resolve(from: ContainerRef, host: string, at: number): readonly ContainerRef[];
  /** Remembers that an error record of `from` named `to`. */
  observe(from: ContainerRef, to: ContainerRef, at: number): void;
  /** Whether the address is in a network of this container, so that it belongs to a container, known or not. */
  isInOwnNetwork(containerId: string, address: string): boolean;
  /** Those of the names, lower case, that occur as a host in the container's environment. */
  namesInEnvironment(containerId: string, names: readonly string[]): readonly string[];
  /** The first edge's evidence on a path of at most MAX_PATH edges; undefined if there is none. */
  evidenceOfPath(fromId: string, toId: string): EdgeEvidence | undefined;
  /** Containers within MAX_PATH edges from this one, the nearest first. */
  reachableFrom(containerId: string): readonly ContainerRef[];
  /** The containers of this one's service that were not removed; the container itself if there is none. */
  current(container: ContainerRef): readonly ContainerRef[];
  /** Whether it shares a network with another container that it could depend on. */
  hasNeighbours(containerId: string): boolean;
  /** Networks that the container was ever seen on, the newest last. */
  networksOf(containerId: string): readonly string[];
  edges(): readonly Edge[];
  observed(): readonly ObservedDependency[];
  /** Of containers that were not removed. */
  addresses(): readonly KnownAddress[];
  /** What an earlier run of the agent knew. To be called before `learn`. */
  restore(edges: readonly ObservedDependency[], addresses: readonly KnownAddress[]): void;
}

export const MAX_PATH = 3;
const MAX_CONTAINERS = 5_000;
const MAX_OBSERVED = 10_000;
/** Addresses of stopped containers are kept, because clients still name them. */
const MAX_ADDRESSES = 10_000;
/** Per container. Limits memory if a container is moved between networks again and again. */
const MAX_NETWORKS = 32;

/** On these networks, containers cannot resolve each other's names. */
const UNNAMED_NETWORKS: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);
/** Per address: containers that start together may swap addresses. */
const OWNERS_KEPT = 3;
/** How long a client may use an address after it looked it up. */
const ADDRESS_KEPT_MS = 2 * 60_000;

interface Owner {
  readonly id: string;
  readonly since: number;
}

/**
 * Network name → the first two numbers of the address, if it was ever known: the engine's networks are /16 or smaller.
 */
type Networks = ReadonlyMap<string, string | undefined>;

interface Node {
  readonly ref: ContainerRef;
  readonly networks: Networks;
  readonly names: ReadonlySet<number>;
  readonly topology: Pick<Topology, 'sharesNetworkOf' | 'links' | 'dependsOn'>;
  /** Values of variables are not kept, only fingerprints of the hosts in them. */
  readonly environmentHosts: ReadonlySet<number>;
  removed: boolean;
}

export function createDependencyGraph(): DependencyGraph {
  const nodes = new Map<string, Node>();
  const byName = new Index<number, Node>();
  const byService = new Index<string, Node>();
  /** `network address` → the containers that had it, the newest last. */
  const addresses = new Map<string, readonly Owner[]>();
  /** Networks of containers in an earlier run of the agent, as in Node. */
  const earlierNetworks = new Map<string, Networks>();
  /** From service key to service keys. */
  const observed = new Map<string, ObservedDependency>();
  const observedFrom = new Index<string, string>();

  const drop = (node: Node): void => {
    nodes.delete(node.ref.id);
    byService.delete(serviceKey(node.ref), node);
    for (const name of node.names) byName.delete(name, node);
  };

  const add = (node: Node): void => {
    const before = nodes.get(node.ref.id);
    if (before !== undefined) drop(before);
    nodes.set(node.ref.id, node);
    byService.add(serviceKey(node.ref), node);
    for (const name of node.names) byName.add(name, node);
    for (const oldest of nodes.values()) {
      if (nodes.size <= MAX_CONTAINERS) break;
      drop(oldest);
    }
  };

  const networkOwner = ({ topology: { sharesNetworkOf: id } }: Node): Node | undefined =>
    id === undefined ? undefined : nodes.get(id);

  const networksOf = (node: Node): Networks => (networkOwner(node) ?? node).networks;

  const isPresent = (id: string): boolean => nodes.get(id)?.removed === false;

  const shareNetwork = (a: Node, b: Node): boolean => {
    const others = networksOf(b);
    for (const name of networksOf(a).keys()) if (others.has(name)) return true;
    return false;
  };

  const sameProject = (a: Node, b: Node): boolean => a.ref.project !== undefined && a.ref.project === b.ref.project;
  const sameService = (a: Node, b: Node): boolean => serviceKey(a.ref) === serviceKey(b.ref);

  const ofService = (key: string): readonly Node[] => presentOrLast([...byService.get(key)]);

  /**
   * The containers that `a` means by a name, given as its fingerprint. If several services have the name: the one in the
   * project of `a`, otherwise one that `a` can reach.
   */
  const meant = (a: Node, name: number): readonly Node[] => {
    const others = [...byName.get(name)].filter((b) => !sameService(a, b));
    const ranked = [
      others.filter((b) => sameProject(a, b) && shareNetwork(a, b)),
      others.filter((b) => sameProject(a, b)),
      others.filter((b) => shareNetwork(a, b) || a.topology.links.includes(b.ref.name)),
    ];
    return presentOrLast(ranked.find((group) => group.length > 0) ?? []);
  };

  const dependenciesOf = (containerId: string): readonly Edge[] => {
    const a = nodes.get(containerId);
    if (a === undefined) return [];
    const found = new Map<Node, EdgeEvidence>();
    // In the order of EDGE_EVIDENCE, so that the strongest evidence stays.
    const note = (group: Iterable<Node>, evidence: EdgeEvidence): void => {
      for (const b of group) if (!sameService(a, b) && !found.has(b)) found.set(b, evidence);
    };
    const { project } = a.ref;
    if (project !== undefined) {
      for (const service of a.topology.dependsOn) note(ofService(serviceKey({ project, service })), 'compose');
    }
    const owner = networkOwner(a);
    if (owner !== undefined) note([owner], 'network');
    for (const link of a.topology.links) note(meant(a, fingerprintOf(link.toLowerCase())), 'network');
    for (const host of a.environmentHosts) {
      const reachable = meant(a, host).filter((b) => shareNetwork(a, b));
      note(reachable, 'environment');
    }
    for (const service of observedFrom.get(serviceKey(a.ref))) note(ofService(service), 'observed');
    return Array.from(found, ([b, evidence]) => ({ from: a.ref, to: b.ref, evidence }));
  };

  /**
   * The container that an error of `a` means by an address. If the address has changed its owner just before, that is a
   * dependency of `a`, otherwise the earlier owner, because clients cache addresses.
   */
  const ownerOf = (a: Node, owners: readonly Owner[], at: number): Node | undefined => {
    const last = owners.findLastIndex(({ since }) => since <= at - ADDRESS_KEPT_MS);
    const known = owners
      .slice(Math.max(0, last))
      .flatMap(({ id, since }, i) => (i > 0 && since > at ? [] : [nodes.get(id)]));
    const candidates = known.filter((node) => node !== undefined);
    const needed = new Set(dependenciesOf(a.ref.id).map(({ to }) => to.id));
    return candidates.find(({ ref }) => needed.has(ref.id)) ?? candidates[0];
  };

  /** Breadth first: each reachable container with the evidence of the first edge on its path. */
  const reach = function* (containerId: string): Generator<{ ref: ContainerRef; evidence: EdgeEvidence }> {
    const seen = new Set([containerId]);
    const found: { readonly id: string; readonly depth: number; readonly first?: EdgeEvidence }[] = [
      { id: containerId, depth: 0 },
    ];
    for (const { id, depth, first } of found) {
      if (depth === MAX_PATH) return;
      for (const edge of dependenciesOf(id)) {
        if (seen.has(edge.to.id)) continue;
        seen.add(edge.to.id);
        const evidence = first ?? edge.evidence;
        found.push({ id: edge.to.id, depth: depth + 1, first: evidence });
        yield { ref: edge.to, evidence };
      }
    }
  };

  const remember = (edge: ObservedDependency): void => {
    const key = `${edge.from} ${edge.to}`;
    observed.delete(key);
    observed.set(key, edge);
    observedFrom.add(edge.from, edge.to);
    for (const [oldest, { from, to }] of observed) {
      if (observed.size <= MAX_OBSERVED) break;
      observed.delete(oldest);
      observedFrom.delete(from, to);
    }
  };

  /** Returns whether it is new. */
  const own = (network: string, address: string, owner: Owner): boolean => {
    const key = `${network} ${address}`;
    const before = addresses.get(key) ?? [];
    // A container that restarts with the same address has had it all the time.
    const isNew = before.at(-1)?.id !== owner.id;
    addresses.delete(key);
    addresses.set(key, isNew ? [...before, owner].slice(-OWNERS_KEPT) : before);
    dropOldest(addresses, MAX_ADDRESSES);
    return isNew;
  };

  return {
    learn(ref, topology, startedAt) {
      const { networks, sharesNetworkOf, links, dependsOn, environmentHosts } = topology;
      const before = nodes.get(ref.id);
      const names = new Set(before?.names);
      for (const name of [ref.name, ref.service, ...networks.flatMap(({ aliases }) => aliases)]) {
        names.add(fingerprintOf(name.toLowerCase()));
      }
      // Networks that it was on before are kept: others still try to reach it there.
      const prefixes = new Map(before?.networks ?? earlierNetworks.get(ref.id));
      let hasNewAddress = false;
      for (const { name, address } of networks) {
        const prefix = address === '' ? prefixes.get(name) : prefixOf(address);
        prefixes.delete(name);
        prefixes.set(name, prefix);
        dropOldest(prefixes, MAX_NETWORKS);
        if (address !== '' && own(name, address, { id: ref.id, since: startedAt })) hasNewAddress = true;
      }
      add({
        ref,
        networks: prefixes,
        names,
        topology: { sharesNetworkOf, links, dependsOn },
        environmentHosts: new Set(environmentHosts.map(fingerprintOf)),
        removed: false,
      });
      return hasNewAddress;
    },

    removed(containerId) {
      const node = nodes.get(containerId);
      if (node !== undefined) node.removed = true;
    },

    dependenciesOf,

    resolve(from, host, at) {
      const a = nodes.get(from.id);
      if (a === undefined) return [];
      for (const network of networksOf(a).keys()) {
        const owners = addresses.get(`${network} ${host}`);
        const owner = owners && ownerOf(a, owners, at);
        if (owner !== undefined) return sameService(owner, a) ? [] : [owner.ref];
      }
      // The engine's name server also resolves `name.network`.
      const short = [...networksOf(a).keys()].flatMap((network) =>
        host.endsWith(`.${network}`) ? [host.slice(0, -network.length - 1)] : [],
      );
      const found = [host, ...short].map((name) => meant(a, fingerprintOf(name))).find(({ length }) => length > 0);
      return (found ?? []).map(({ ref }) => ref);
    },

    observe: (from, to, at) => remember({ from: serviceKey(from), to: serviceKey(to), lastSeenAt: at }),

    isInOwnNetwork(containerId, address) {
      const node = nodes.get(containerId);
      return node !== undefined && [...networksOf(node).values()].includes(prefixOf(address));
    },

    namesInEnvironment: (id, names) => names.filter((name) => nodes.get(id)?.environmentHosts.has(fingerprintOf(name))),
    evidenceOfPath(fromId, toId) {
      for (const { ref, evidence } of reach(fromId)) if (ref.id === toId) return evidence;
      return undefined;
    },

    reachableFrom: (containerId) => Array.from(reach(containerId), ({ ref }) => ref),

    current(container) {
      const others = ofService(serviceKey(container));
      return others.length > 0 ? others.map(({ ref }) => ref) : [container];
    },

    hasNeighbours(containerId) {
      const a = nodes.get(containerId);
      if (a === undefined || [...networksOf(a).keys()].every((name) => UNNAMED_NETWORKS.has(name))) return false;
      for (const b of nodes.values()) if (!b.removed && !sameService(a, b) && shareNetwork(a, b)) return true;
      return false;
    },

    networksOf(containerId) {
      const node = nodes.get(containerId);
      return node === undefined ? [] : [...networksOf(node).keys()];
    },

    edges: () =>
      [...nodes.values()].flatMap(({ ref, removed }) =>
        removed ? [] : dependenciesOf(ref.id).filter(({ to }) => isPresent(to.id)),
      ),
    observed: () => [...observed.values()],
    addresses: () =>
      Array.from(addresses, ([key, owners]) => {
        const space = key.lastIndexOf(' ');
        const [network, address] = [key.slice(0, space), key.slice(space + 1)];
        const present = owners.filter(({ id }) => isPresent(id));
        return present.map(({ id, since }) => ({ containerId: id, network, address, since }));
      }).flat(),
    restore(edges, known) {
      edges.forEach(remember);
      for (const { containerId, network, address, since } of known) {
        own(network, address, { id: containerId, since });
        const networks = new Map(earlierNetworks.get(containerId));
        earlierNetworks.set(containerId, networks.set(network, prefixOf(address)));
      }
    },
  };
}

/** The containers that exist. If none does, the last one: it may be about to be replaced. */
function presentOrLast(nodes: readonly Node[]): readonly Node[] {
  const present = nodes.filter(({ removed }) => !removed);
  return present.length > 0 ? present : nodes.slice(-1);
}

/** `172.18.0.2` → `172.18`. */
function prefixOf(address: string): string {
  return address.split('.', 2).join('.');
}
