import { describe, expect, it } from 'vitest';
import type { Edge } from '../../../src/pipeline/correlate/graph.ts';
import { createDependantsOf } from '../../../src/pipeline/diagnose/dependants.ts';
import { aContainer } from '../../support/domain.ts';

const edge = (from: string, to: string): Edge => ({
  from: aContainer({ id: from, name: from }),
  to: aContainer({ id: to, name: to }),
  evidence: 'compose',
});

describe('the dependants of a container', () => {
  it('are found over three edges, the nearest first, also in a cycle', () => {
    const edges = [edge('d', 'c'), edge('b', 'a'), edge('c', 'b'), edge('a', 'b'), edge('e', 'd'), edge('x', 'y')];
    const dependantsOf = createDependantsOf({ edges: () => edges }, { monotonic: () => 0 });
    expect(dependantsOf('a').map(({ container, distance }) => [container.name, distance])).toEqual([
      ['b', 1],
      ['c', 2],
      ['d', 3],
    ]);
    expect(dependantsOf('nobody')).toEqual([]);
  });

  it('are read from the graph once a second at most', () => {
    let now = 0;
    let reads = 0;
    const edges = () => {
      reads += 1;
      return [edge('b', 'a')];
    };
    const dependantsOf = createDependantsOf({ edges }, { monotonic: () => now });
    dependantsOf('a');
    now = 1_000;
    dependantsOf('a');
    expect(reads).toBe(1);
    now = 1_001;
    dependantsOf('a');
    expect(reads).toBe(2);
  });
});
