import type { ListedContainer } from '../domain/containers.ts';
import { createDependencyGraph, type Edge } from '../pipeline/correlate/graph.ts';
import type { ContainerControl } from '../pipeline/ports/engine.ts';
import { alignedRows } from './aligned-rows.ts';

/** The dependencies between containers that the engine's data shows. Omits containers that cannot be inspected. */
export async function readDependencies(
  engine: Pick<ContainerControl, 'inspect'>,
  listed: readonly ListedContainer[],
): Promise<readonly Edge[]> {
  const graph = createDependencyGraph();
  for (const { ref } of listed) {
    const facts = await engine.inspect(ref.id).catch(() => undefined);
    if (facts !== undefined) graph.learn(ref, facts.topology, facts.startedAt);
  }
  return graph.edges();
}

export function dependencyTable(edges: readonly Edge[]): string {
  if (edges.length === 0) return 'none known; errors that name another container add to them\n';
  const rows = alignedRows(edges.map(({ from, to, evidence }) => [from.name, `needs ${to.name}`, `(${evidence})`]));
  return `${rows.join('\n')}\n`;
}
