import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutGraph, NODE } from '../../../src/web/charts/graph-layout.ts';

const node = fc.constantFrom(...'abcdefghijkl');
const edges = fc.array(fc.record({ from: node, to: node }), { maxLength: 30 });

describe('the layout of the dependency graph', () => {
  it('puts each container left of those that it depends on', () => {
    const { nodes } = layoutGraph([
      { from: 'web', to: 'api' },
      { from: 'api', to: 'db' },
      { from: 'web', to: 'db' },
    ]);
    const x = (id: string) => nodes.find((each) => each.id === id)?.x ?? Number.NaN;
    expect(x('web')).toBeLessThan(x('api'));
    expect(x('api')).toBeLessThan(x('db'));
  });

  it('leads a long edge around the containers between its ends', () => {
    const { nodes, edges: placed } = layoutGraph([
      { from: 'web', to: 'api' },
      { from: 'api', to: 'db' },
      { from: 'web', to: 'db' },
    ]);
    const api = nodes.find(({ id }) => id === 'api');
    const long = placed.find(({ edge }) => edge.from === 'web' && edge.to === 'db');
    expect(long?.points).toHaveLength(4);
    for (const { y } of long?.points.slice(1, -1) ?? []) {
      expect(y < (api?.y ?? 0) || y > (api?.y ?? 0) + NODE.height).toBe(true);
    }
  });

  it('has a place for a container without a dependency', () => {
    const { nodes } = layoutGraph([{ from: 'api', to: 'db' }], NODE, ['db', 'cron']);
    expect(nodes.map(({ id }) => id)).toEqual(['api', 'cron', 'db']);
    expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(3);
  });

  it('places every container once and none on another, also where they depend on each other in a circle', () => {
    fc.assert(
      fc.property(edges, (given) => {
        const { nodes, edges: placed, width, height } = layoutGraph(given);
        const between = given.filter(({ from, to }) => from !== to);
        expect(nodes.map(({ id }) => id).sort()).toEqual([...new Set(between.flatMap((e) => [e.from, e.to]))].sort());
        expect(placed).toHaveLength(between.length);
        for (const a of nodes) {
          expect(a.x).toBeGreaterThanOrEqual(0);
          expect(a.x + NODE.width).toBeLessThanOrEqual(width);
          expect(a.y).toBeGreaterThanOrEqual(0);
          expect(a.y + NODE.height).toBeLessThanOrEqual(height);
          for (const b of nodes) {
            if (a.id < b.id && a.x === b.x) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(NODE.height);
          }
        }
      }),
    );
  });

  it('is empty without edges', () => {
    expect(layoutGraph([])).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  });
});
