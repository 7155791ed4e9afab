import { describe, expect, it } from 'vitest';
import type { Topology } from '../../../src/domain/containers.ts';
import { createDependencyGraph, type DependencyGraph } from '../../../src/pipeline/correlate/graph.ts';
import { growth, LINEAR } from '../../support/growth.ts';
import { onNetwork, service } from './support.ts';

const db = service('db');
const api = service('api');
const web = service('web');

function graphOf(...containers: readonly (readonly [ReturnType<typeof service>, Topology])[]) {
  const graph = createDependencyGraph();
  for (const [container, topology] of containers) graph.learn(container, topology, 0);
  return graph;
}

const edgesFrom = (graph: ReturnType<typeof graphOf>, id: string) =>
  graph.dependenciesOf(id).map(({ to, evidence }) => [to.name, evidence]);

describe('the dependency graph', () => {
  it.each<readonly [string, Partial<Topology>]>([
    ['compose', { dependsOn: ['db'] }],
    ['network', { sharesNetworkOf: db.id }],
    ['network', { links: [db.name] }],
    ['environment', { environmentHosts: ['db'] }],
    ['environment', { environmentHosts: [db.name] }],
  ])('knows a dependency by %s: %j', (evidence, over) => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3', over)]);
    expect(edgesFrom(graph, api.id)).toEqual([[db.name, evidence]]);
    expect(graph.dependenciesOf(db.id)).toEqual([]);
  });

  it('names the strongest evidence', () => {
    const both = { dependsOn: ['db'], environmentHosts: ['db'] };
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3', both)]);
    graph.observe(api, db, 0);
    expect(edgesFrom(graph, api.id)).toEqual([[db.name, 'compose']]);
  });

  it('finds a dependency by an alias', () => {
    const aliased = { ...onNetwork(''), networks: [{ name: 'shop_default', address: '', aliases: ['postgres'] }] };
    const graph = graphOf([db, aliased], [api, onNetwork('172.18.0.3', { environmentHosts: ['postgres'] })]);
    expect(edgesFrom(graph, api.id)).toEqual([[db.name, 'environment']]);
  });

  it('has no edge for a shared network or project alone, or for an environment host on another network', () => {
    const elsewhere = onNetwork('172.19.0.3', { environmentHosts: ['db'] }, 'other');
    expect(edgesFrom(graphOf([db, onNetwork('172.18.0.2')], [api, elsewhere]), api.id)).toEqual([]);
    expect(edgesFrom(graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]), api.id)).toEqual([]);
  });

  it('does not confuse services of other projects with those of its own', () => {
    const other = service('db', 'blog');
    const graph = graphOf(
      [other, onNetwork('172.18.0.4')],
      [db, onNetwork('172.18.0.2')],
      [api, onNetwork('172.18.0.3', { dependsOn: ['db'], environmentHosts: ['db'] })],
    );
    expect(edgesFrom(graph, api.id)).toEqual([[db.name, 'compose']]);
    expect(graph.resolve(api, 'db', 0)).toEqual([db]);
  });

  it('resolves all replicas of a service, and not the container itself', () => {
    const second = service('db', 'shop', { id: 'db-2', name: 'shop-db-2' });
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [second, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    expect(graph.resolve(api, 'db', 0)).toEqual([db, second]);
    expect(graph.resolve(api, 'api', 0)).toEqual([]);
  });

  it('resolves an address that the container had before it was killed', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    graph.learn(db, onNetwork(''), 0);
    expect(graph.resolve(api, '172.18.0.2', 100)).toEqual([db]);
  });

  it('resolves an address that has just changed its owner to a dependency, otherwise to the earlier owner', () => {
    const needsWeb = onNetwork('172.18.0.3', { dependsOn: ['web'] });
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [web, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    graph.learn(web, onNetwork('172.18.0.2'), 1_000_000);
    expect(graph.resolve(api, '172.18.0.2', 1_005_000)).toEqual([db]);
    graph.learn(api, needsWeb, 0);
    expect(graph.resolve(api, '172.18.0.2', 1_005_000)).toEqual([web]);
  });

  it('resolves an address to the container that had it at the time', () => {
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [web, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    graph.learn(web, onNetwork('172.18.0.2'), 1_000_000);
    graph.learn(db, onNetwork('172.18.0.4'), 1_000_010);
    expect(graph.resolve(api, '172.18.0.2', 900_000)).toEqual([db]);
    expect(graph.resolve(api, '172.18.0.2', 1_500_000)).toEqual([web]);
  });

  it('takes an address for its owner, also just after the owner restarted', () => {
    const graph = graphOf(
      [web, onNetwork('172.18.0.2')],
      [db, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    graph.learn(db, onNetwork('172.18.0.2'), 1_000_000);
    graph.learn(db, onNetwork('172.18.0.2'), 9_000_000);
    expect(graph.resolve(api, '172.18.0.2', 9_000_001)).toEqual([db]);
  });

  it('takes an address for its new owner if the container that had it before is not known', () => {
    const graph = createDependencyGraph();
    graph.restore([], [{ containerId: db.id, network: 'shop_default', address: '172.18.0.2', since: 0 }]);
    graph.learn(web, onNetwork('172.18.0.2'), 1_000_000);
    graph.learn(api, onNetwork('172.18.0.3'), 0);
    expect(graph.resolve(api, '172.18.0.2', 1_000_001)).toEqual([web]);
    expect(graph.addresses().map(({ containerId }) => containerId)).toEqual([web.id, api.id]);
  });

  it('remembers the last three owners of an address', () => {
    const graph = graphOf([api, onNetwork('172.18.0.3', { dependsOn: ['db'] })]);
    const owners = [db, web, service('cache'), service('mail')];
    const learn = (count: number) => {
      for (const [i, owner] of owners.slice(0, count).entries()) graph.learn(owner, onNetwork('172.18.0.2'), i);
    };
    learn(3);
    expect(graph.resolve(api, '172.18.0.2', 9)).toEqual([db]);
    learn(4);
    expect(graph.resolve(api, '172.18.0.2', 9)).toEqual([web]);
  });

  it('resolves the name of a container with its network', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    expect(graph.resolve(api, 'shop-db-1.shop_default', 0)).toEqual([db]);
    expect(graph.resolve(api, 'db.example.com', 0)).toEqual([]);
    expect(graph.resolve(api, 'shop-db-1-shop_default', 0)).toEqual([]);
    const aliased = { ...onNetwork(''), networks: [{ name: 'local', address: '', aliases: ['mysql.local'] }] };
    const local = graphOf([db, aliased], [api, onNetwork('172.18.0.3', {}, 'local')]);
    expect(local.resolve(api, 'mysql.local', 0)).toEqual([db]);
    expect(graph.resolve(api, 'nothing.shop_default', 0)).toEqual([]);
  });

  it('resolves a container that was disconnected from its network', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    graph.learn(db, { ...onNetwork(''), networks: [] }, 0);
    expect(graph.resolve(api, 'db', 0)).toEqual([db]);
    expect(graph.networksOf(db.id)).toEqual(['shop_default']);
  });

  it('resolves a removed container only until another takes its place', () => {
    const depends = onNetwork('172.18.0.3', { dependsOn: ['db'] });
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, depends]);
    graph.removed(db.id);
    expect(graph.resolve(api, 'db', 0)).toEqual([db]);
    expect(graph.reachableFrom(api.id)).toEqual([db]);
    expect(graph.edges()).toEqual([]);
    const next = service('db', 'shop', { id: 'db-new' });
    graph.learn(next, onNetwork('172.18.0.5'), 0);
    expect(graph.resolve(api, 'db', 0)).toEqual([next]);
    expect(graph.current(db)).toEqual([next]);
    expect(graph.edges().map(({ to }) => to.id)).toEqual(['db-new']);
  });

  it('follows paths of at most three edges, the nearest containers first, and survives a cycle', () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((name) => service(name));
    const graph = graphOf(
      ...names.map((container, i) => {
        const next = names[(i + 1) % names.length]?.service ?? '';
        return [container, onNetwork(`172.18.0.${i + 2}`, { dependsOn: [next] })] as const;
      }),
    );
    expect(graph.reachableFrom('shop-a-1').map((one) => one.service)).toEqual(['b', 'c', 'd']);
    expect(graph.evidenceOfPath('shop-a-1', 'shop-d-1')).toBe('compose');
    expect(graph.evidenceOfPath('shop-a-1', 'shop-e-1')).toBeUndefined();
  });

  it('keeps observed dependencies across a restart of the agent', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    graph.observe(api, db, 7);
    expect(graph.observed()).toEqual([{ from: 'shop/api', to: 'shop/db', lastSeenAt: 7 }]);
    const later = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    later.restore(graph.observed(), []);
    expect(edgesFrom(later, api.id)).toEqual([[db.name, 'observed']]);
  });

  it('keeps addresses and networks across a restart of the agent, also of a container that has ended since', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    const later = createDependencyGraph();
    later.restore([], graph.addresses());
    later.learn(db, { ...onNetwork(''), networks: [] }, 0);
    later.learn(api, onNetwork('172.18.0.3'), 0);
    expect(later.resolve(api, '172.18.0.2', 5)).toEqual([db]);
    expect(later.networksOf(db.id)).toEqual(['shop_default']);
    expect(later.isInOwnNetwork(db.id, '172.18.0.9')).toBe(true);
  });

  it('does not keep addresses of removed containers, and reports which are new', () => {
    const graph = createDependencyGraph();
    expect(graph.learn(db, onNetwork('172.18.0.2'), 0)).toBe(true);
    expect(graph.learn(db, onNetwork('172.18.0.2'), 9)).toBe(false);
    expect(graph.learn(db, onNetwork('172.18.0.7'), 9)).toBe(true);
    expect(graph.learn(db, onNetwork(''), 9)).toBe(false);
    graph.removed(db.id);
    expect(graph.addresses()).toEqual([]);
  });

  it('distinguishes addresses in its own networks from others', () => {
    const graph = graphOf([api, onNetwork('172.18.0.3')]);
    expect(graph.isInOwnNetwork(api.id, '172.18.0.99')).toBe(true);
    expect(graph.isInOwnNetwork(api.id, '203.0.113.1')).toBe(false);
  });

  it('has no neighbours on the default bridge', () => {
    const bridge = (address: string) => onNetwork(address, {}, 'bridge');
    expect(graphOf([db, bridge('172.17.0.2')], [api, bridge('172.17.0.3')]).hasNeighbours(api.id)).toBe(false);
    expect(graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]).hasNeighbours(api.id)).toBe(true);
  });

  it('does not reach a container from itself in a cycle', () => {
    const graph = graphOf(
      [db, onNetwork('172.18.0.2', { dependsOn: ['api'] })],
      [api, onNetwork('172.18.0.3', { dependsOn: ['db'] })],
    );
    expect(graph.reachableFrom(api.id)).toEqual([db]);
  });

  it('has no compose dependency without a project', () => {
    const alone = { project: undefined };
    const graph = graphOf(
      [service('db', 'shop', alone), onNetwork('172.18.0.2')],
      [service('api', 'shop', alone), onNetwork('172.18.0.3', { dependsOn: ['db'] })],
    );
    expect(graph.dependenciesOf(api.id)).toEqual([]);
  });

  it('knows nothing of a container that it has not learned', () => {
    const graph = createDependencyGraph();
    graph.removed('x');
    expect(graph.dependenciesOf('x')).toEqual([]);
    expect(graph.resolve(api, 'db', 0)).toEqual([]);
    expect(graph.isInOwnNetwork('x', '172.18.0.1')).toBe(false);
    expect(graph.hasNeighbours('x')).toBe(false);
    expect(graph.networksOf('x')).toEqual([]);
    expect(graph.reachableFrom('x')).toEqual([]);
    expect(graph.current(api)).toEqual([api]);
  });

  it('has no edge from a service to itself', () => {
    const second = service('api', 'shop', { id: 'api-2', name: 'shop-api-2' });
    const own = onNetwork('172.18.0.3', { dependsOn: ['api'], links: ['shop-api-2'], environmentHosts: ['api'] });
    const graph = graphOf([api, own], [second, onNetwork('172.18.0.4')]);
    expect(graph.dependenciesOf(api.id)).toEqual([]);
    expect(graph.resolve(api, '172.18.0.3', 0)).toEqual([]);
    expect(graph.resolve(api, '172.18.0.4', 0)).toEqual([]);
  });

  it('follows a container that gets another service', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3', { dependsOn: ['db'] })]);
    graph.learn({ ...db, service: 'store' }, onNetwork('172.18.0.2'), 0);
    expect(graph.dependenciesOf(api.id)).toEqual([]);
  });

  it('resolves names in the network of another container for one that shares it', () => {
    const shared = { ...onNetwork(''), networks: [], sharesNetworkOf: api.id };
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')], [web, shared]);
    expect(graph.resolve(web, 'db', 0)).toEqual([db]);
    expect(graph.resolve(web, '172.18.0.2', 0)).toEqual([db]);
    expect(graph.networksOf(web.id)).toEqual(['shop_default']);
  });

  it('resolves a name of several services to the one of its project, even on another network', () => {
    const other = service('db', 'blog');
    const elsewhere = onNetwork('172.19.0.2', {}, 'back');
    const graph = graphOf([other, onNetwork('172.18.0.4')], [db, elsewhere], [api, onNetwork('172.18.0.3')]);
    expect(graph.resolve(api, 'db', 0)).toEqual([db]);
    expect(graphOf([other, onNetwork('172.18.0.4')], [api, onNetwork('172.18.0.3')]).resolve(api, 'db', 0)).toEqual([
      other,
    ]);
  });

  it('reaches a container of another project only on a shared network or by a link', () => {
    const other = service('cache', 'blog');
    const elsewhere = onNetwork('172.19.0.2', {}, 'back');
    const linked = onNetwork('172.18.0.3', { links: [other.name] });
    expect(graphOf([other, elsewhere], [api, onNetwork('172.18.0.3')]).resolve(api, 'cache', 0)).toEqual([]);
    expect(edgesFrom(graphOf([other, elsewhere], [api, linked]), api.id)).toEqual([[other.name, 'network']]);
    const noProject = { ...service('cache'), project: undefined };
    const alone = { ...api, project: undefined };
    expect(graphOf([noProject, elsewhere], [alone, onNetwork('172.18.0.3')]).resolve(alone, 'cache', 0)).toEqual([]);
  });

  it.each([
    [1_000_000 - 1, [db]],
    [1_000_000, [db]],
    [1_000_000 + 119_999, [db]],
    [1_000_000 + 120_000, [web]],
  ])('takes an address for its earlier owner until two minutes after the change: at %d', (at, owner) => {
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [web, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    graph.learn(web, onNetwork('172.18.0.2'), 1_000_000);
    expect(graph.resolve(api, '172.18.0.2', at)).toEqual(owner);
  });

  it('does not take an address for a container that got it only later, even for a dependency', () => {
    const needsWeb = onNetwork('172.18.0.3', { dependsOn: ['web'] });
    const graph = graphOf([db, onNetwork('172.18.0.2')], [web, onNetwork('172.18.0.4')], [api, needsWeb]);
    graph.learn(web, onNetwork('172.18.0.2'), 1_000_000);
    expect(graph.resolve(api, '172.18.0.2', 999_999)).toEqual([db]);
    expect(graph.resolve(api, '172.18.0.2', 1_000_000)).toEqual([web]);
    const late = createDependencyGraph();
    late.learn(api, onNetwork('172.18.0.3'), 0);
    late.learn(db, onNetwork('172.18.0.2'), 5_000);
    expect(late.resolve(api, '172.18.0.2', 1)).toEqual([db]);
  });

  it('remembers the networks of a container, the newest last, but not without limit', () => {
    const graph = graphOf([api, onNetwork('172.18.0.3', {}, 'a')]);
    graph.learn(api, onNetwork('172.19.0.3', {}, 'b'), 0);
    graph.learn(api, onNetwork('', {}, 'a'), 0);
    expect(graph.networksOf(api.id)).toEqual(['b', 'a']);
    expect(graph.isInOwnNetwork(api.id, '172.18.9.9')).toBe(true);
    for (let i = 0; i < 40; i++) graph.learn(api, onNetwork('172.20.0.3', {}, `n${i}`), 0);
    expect(graph.networksOf(api.id)).toHaveLength(32);
    expect(graph.networksOf(api.id).at(-1)).toBe('n39');
  });

  it('compares the first two numbers of an address', () => {
    const graph = graphOf([api, onNetwork('172.18.0.3')]);
    expect(graph.isInOwnNetwork(api.id, '17.218.0.3')).toBe(false);
    expect(graph.isInOwnNetwork(api.id, '172.180.0.3')).toBe(false);
  });

  it('finds each container once on several paths', () => {
    const graph = graphOf(
      [service('d'), onNetwork('172.18.0.5')],
      [service('b'), onNetwork('172.18.0.3', { dependsOn: ['d'] })],
      [service('c'), onNetwork('172.18.0.4', { environmentHosts: ['d'] })],
      [service('a'), onNetwork('172.18.0.2', { dependsOn: ['b', 'c'] })],
    );
    expect(graph.reachableFrom('shop-a-1').map((one) => one.service)).toEqual(['b', 'c', 'd']);
    expect(graph.evidenceOfPath('shop-c-1', 'shop-d-1')).toBe('environment');
  });

  it('keeps several observed dependencies, the last observed one last, with its time', () => {
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [api, onNetwork('172.18.0.3')],
      [web, onNetwork('172.18.0.4')],
    );
    graph.observe(api, db, 1);
    graph.observe(web, db, 2);
    graph.observe(api, db, 3);
    expect(graph.observed().map(({ from, lastSeenAt }) => [from, lastSeenAt])).toEqual([
      ['shop/web', 2],
      ['shop/api', 3],
    ]);
  });

  it('has neighbours if another service that exists is on a network with names', () => {
    const two = (over: Topology['networks'], other = db) => {
      const graph = graphOf([other, { ...onNetwork(''), networks: over }], [api, { ...onNetwork(''), networks: over }]);
      return graph;
    };
    const network = (name: string) => ({ name, address: '', aliases: [] });
    expect(two([network('bridge'), network('shop_default')]).hasNeighbours(api.id)).toBe(true);
    for (const name of ['host', 'none', 'bridge']) expect(two([network(name)]).hasNeighbours(api.id)).toBe(false);
    const replica = service('api', 'shop', { id: 'api-2', name: 'shop-api-2' });
    expect(two([network('shop_default')], replica).hasNeighbours(api.id)).toBe(false);
    const gone = two([network('shop_default')]);
    gone.removed(db.id);
    expect(gone.hasNeighbours(api.id)).toBe(false);
  });

  it('resolves only the last of several removed replicas', () => {
    const second = service('db', 'shop', { id: 'db-2', name: 'shop-db-2' });
    const graph = graphOf(
      [db, onNetwork('172.18.0.2')],
      [second, onNetwork('172.18.0.4')],
      [api, onNetwork('172.18.0.3')],
    );
    for (const { id } of [db, second]) graph.removed(id);
    expect(graph.resolve(api, 'db', 0)).toEqual([second]);
    expect(graph.current(db)).toEqual([second]);
  });

  it('is bounded', () => {
    const graph = createDependencyGraph();
    for (let i = 0; i < 12_000; i++) {
      const container = service(`s${i}`);
      graph.learn(container, onNetwork(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, { dependsOn: [`s${i - 1}`] }), i);
      graph.observe(container, db, i);
    }
    expect(graph.edges().length).toBeLessThanOrEqual(5_000);
    expect(graph.observed()).toHaveLength(10_000);
    expect(graph.networksOf('shop-s6999-1')).toEqual([]);
    expect(graph.networksOf('shop-s7000-1')).toEqual(['shop_default']);
  });

  it('forgets the oldest observed dependencies and addresses', () => {
    const graph = graphOf([db, onNetwork('172.18.0.2')], [api, onNetwork('172.18.0.3')]);
    const observe = (from: ReturnType<typeof service>) => graph.observe(from, db, 0);
    observe(api);
    for (let i = 1; i < 10_000; i++) {
      observe(service(`s${i}`));
      if (i < 9_999) graph.learn(web, onNetwork(`10.0.${i >> 8}.${i & 255}`), i);
    }
    expect(edgesFrom(graph, api.id)).toEqual([[db.name, 'observed']]);
    graph.learn(db, onNetwork('172.18.0.2'), 9);
    expect(graph.addresses()).toHaveLength(10_000);
    observe(service('last'));
    graph.learn(web, onNetwork('10.1.0.0'), 9);
    expect(edgesFrom(graph, api.id)).toEqual([]);
    expect(graph.addresses()).toHaveLength(10_000);
    expect(graph.resolve(api, '172.18.0.2', 9)).toEqual([db]);
    expect(graph.resolve(db, '172.18.0.3', 9)).toEqual([]);
  });

  it('is searched in linear time if all containers depend on five others', () => {
    const graphs = new Map<number, DependencyGraph>();
    for (const size of [125, 500]) {
      const graph = createDependencyGraph();
      for (let i = 0; i < size; i++) {
        const dependsOn = [1, 2, 3, 4, 5].map((step) => `s${(i + step * 7) % size}`);
        graph.learn(service(`s${i}`), onNetwork(`172.18.${i >> 8}.${i & 255}`, { dependsOn }), 0);
      }
      graphs.set(size, graph);
    }
    const search = (size: number) => {
      for (let i = 0; i < 50; i++) graphs.get(size)?.reachableFrom(`shop-s${i}-1`);
    };
    expect(growth(500, search)).toBeLessThan(LINEAR);
  });
});
