import type { ReactElement } from 'react';
import { iconPath } from '../ui/icons.tsx';
import { type Edge, layoutGraph, NODE } from './graph-layout.ts';

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
  const { nodes, width, height } = layoutGraph(edges);
  const at = new Map(nodes.map((node) => [node.id, node]));
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
        {edges.map(({ from, to, evidence }) => {
          const a = at.get(from);
          const b = at.get(to);
          if (!a || !b || from === to) return null;
          const back = b.x <= a.x;
          const x1 = back ? a.x : a.x + NODE.width;
          const x2 = back ? b.x + NODE.width : b.x;
          const y1 = a.y + NODE.height / 2;
          const y2 = b.y + NODE.height / 2;
          const bend = Math.max(24, Math.abs(x2 - x1) / 2) * (back ? -1 : 1);
          return (
            <path
              key={`${from} ${to}`}
              className={`edge${evidence === 'observed' ? ' observed' : ''}`}
              d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
              markerEnd="url(#arrow)"
            >
              <title>{`${from} depends on ${to} (${evidence})`}</title>
            </path>
          );
        })}
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
