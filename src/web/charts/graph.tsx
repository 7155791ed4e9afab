import type { ReactElement } from 'react';
import { iconPath } from '../ui/icons.tsx';
import { type Edge, type GraphLayout, layoutGraph, NODE } from './graph-layout.ts';

export interface GraphEdge extends Edge {
  /** How the dependency is known. */
  readonly evidence: string;
}

const PAD = 8;

/** Who depends on whom, from left to right. `troubled` nodes have an open incident. */
export function DependencyGraph({
  edges,
  troubled,
}: {
  readonly edges: readonly GraphEdge[];
  readonly troubled: ReadonlySet<string>;
}): ReactElement {
  const { nodes, edges: placed, width, height } = layoutGraph(edges);
  return (
    // A picture that is wider than the page scrolls, also with the keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className="graph-box" tabIndex={0} aria-label="Dependency graph">
      <svg
        className="graph"
        width={width + 2 * PAD}
        height={height + 2 * PAD}
        viewBox={`${-PAD} ${-PAD} ${width + 2 * PAD} ${height + 2 * PAD}`}
        role="img"
        aria-label={`${nodes.length} services and ${edges.length} dependencies between them; the table below has the same facts`}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path className="arrow" d="M0 0.500 7.500 4 0 7.500Z" />
          </marker>
        </defs>
        {placed.map(({ edge: { from, to, evidence }, points }) => (
          <path
            key={`${from} ${to}`}
            className={`edge${evidence === 'observed' ? ' observed' : ''}`}
            d={curve(points)}
            markerEnd="url(#arrow)"
          >
            <title>{`${from} depends on ${to} (${evidence})`}</title>
          </path>
        ))}
        {nodes.map(({ id, x, y }) => (
          <g key={id} className={troubled.has(id) ? 'node troubled' : 'node'} transform={`translate(${x} ${y})`}>
            <title>{troubled.has(id) ? `${id}: has an open incident` : id}</title>
            <rect width={NODE.width} height={NODE.height} rx="8" />
            {troubled.has(id) ? (
              <path className="mark" d={iconPath('medium')} transform="translate(8 8) scale(.8)" />
            ) : null}
            <text x={troubled.has(id) ? 30 : 12} y={NODE.height / 2 + 4.5}>
              {id.length > 17 ? `${id.slice(0, 16)}…` : id}
            </text>
          </g>
        ))}
      </svg>
    </section>
  );
}

/** Straight where it passes a column, curved between columns. */
function curve(points: GraphLayout<GraphEdge>['edges'][number]['points']): string {
  return points.reduce((path, { x, y }, index) => {
    const before = points[index - 1];
    if (!before) return `M${x} ${y}`;
    if (before.y === y) return `${path}L${x} ${y}`;
    const bend = (x - before.x) / 2 || NODE.gapX / 2;
    return `${path}C${before.x + bend} ${before.y} ${x - bend} ${y} ${x} ${y}`;
  }, '');
}
