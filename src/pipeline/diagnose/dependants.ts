/** Which containers depend on a container, directly or through others. */
import type { ContainerRef } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import { type DependencyGraph, type Edge, MAX_PATH } from '../correlate/graph.ts';

export interface Dependant {
  readonly container: ContainerRef;
  /** Edges on the shortest path. */
  readonly distance: number;
}

/** The nearest first. */
export type DependantsOf = (containerId: string) => readonly Dependant[];

/** The graph is read from the other end, which takes all of its edges; when hundreds of containers fail, only once. */
const CACHED_MS = 1_000;

export function createDependantsOf(
  graph: Pick<DependencyGraph, 'edges'>,
  clock: Pick<Clock, 'monotonic'>,
): DependantsOf {
  let readAt = Number.NEGATIVE_INFINITY;
  let byTarget = new Map<string, Edge[]>();

  const edgesTo = (id: string): readonly Edge[] => {
    if (clock.monotonic() - readAt > CACHED_MS) {
      byTarget = Map.groupBy(graph.edges(), ({ to }) => to.id);
      readAt = clock.monotonic();
    }
    return byTarget.get(id) ?? [];
  };

  return (containerId) => {
    const seen = new Set([containerId]);
    const found: Dependant[] = [];
    let level = [containerId];
    for (let distance = 1; distance <= MAX_PATH && level.length > 0; distance++) {
      const next: string[] = [];
      for (const { from } of level.flatMap(edgesTo)) {
        if (seen.has(from.id)) continue;
        seen.add(from.id);
        next.push(from.id);
        found.push({ container: from, distance });
      }
      level = next;
    }
    return found;
  };
}
