import type { ReactElement, ReactNode } from 'react';
import { isPlainClick, navigate } from '../lib/router.ts';
import { type IconName, iconPath } from '../ui/icons.tsx';
import { type Edge, type GraphLayout, layoutGraph, NODE, type NodeSize } from './graph-layout.ts';

export interface GraphEdge extends Edge {
  /** How the dependency is known. */
  readonly evidence?: string;
}

/** How a node looks besides its name. */
export interface NodeLook {
  /** A second line. */
  readonly note?: string;
  readonly icon?: IconName;
  readonly tone?: 'bad' | 'warn' | 'accent';
  /** Makes it a link. */
  readonly href?: string;
  readonly title: string;
}

const PAD = 8;
/** Letters that fit into a node of the usual width. */
const LETTERS = 17;
/** An icon takes the place of this many letters. */
const ICON_LETTERS = 2;

/** Who depends on whom, from left to right. A table with the same facts belongs beside it. */
export function DependencyGraph({
  edges,
  others,
  label,
  lookOf,
  size = NODE,
  wordOf,
}: {
  readonly edges: readonly GraphEdge[];
  /** Nodes that may have no edge. */
  readonly others?: readonly string[];
  /** What the picture shows, for those who do not see it. */
  readonly label: string;
  readonly lookOf: (id: string) => NodeLook;
  readonly size?: NodeSize;
  /** Written on an edge. */
  readonly wordOf?: (edge: GraphEdge) => string;
}): ReactElement {
  const { nodes, edges: placed, width, height } = layoutGraph(edges, size, others);
  const looks = nodes.map((node) => ({ ...node, look: lookOf(node.id) }));
  const hasLinks = looks.some(({ look }) => look.href !== undefined);
  return (
    // A picture that is wider than the page scrolls, also with the keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className="graph-box" tabIndex={0} aria-label="Dependency graph">
      <svg
        className="graph"
        width={width + 2 * PAD}
        height={height + 2 * PAD}
        viewBox={`${-PAD} ${-PAD} ${width + 2 * PAD} ${height + 2 * PAD}`}
        role={hasLinks ? 'group' : 'img'}
        aria-label={label}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path className="arrow" d="M0 0.500 7.500 4 0 7.500Z" />
          </marker>
        </defs>
        {placed.map(({ edge, points }) => (
          <path
            key={`${edge.from} ${edge.to} ${edge.evidence}`}
            className={`edge${edge.evidence === 'observed' ? ' observed' : ''}`}
            d={curve(points, size)}
            markerEnd="url(#arrow)"
          >
            <title>{`${edge.from} depends on ${edge.to}${edge.evidence === undefined ? '' : ` (${edge.evidence})`}`}</title>
          </path>
        ))}
        {wordOf === undefined ? null : (
          // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a group of an SVG cannot have the focus
          <g aria-hidden="true">
            {placed.map(({ edge, points: [start, next] }) =>
              start && next ? (
                <text
                  key={`${edge.from} ${edge.to} ${edge.evidence}`}
                  className="edge-word"
                  x={(start.x + next.x) / 2}
                  y={(start.y + next.y) / 2 - 4}
                  textAnchor="middle"
                >
                  {wordOf(edge)}
                </text>
              ) : null,
            )}
          </g>
        )}
        {looks.map(({ id, x, y, look }) => (
          <NodeLink key={id} href={look.href} label={look.title}>
            <g className={`node ${look.tone ?? ''}`} transform={`translate(${x} ${y})`}>
              <title>{look.title}</title>
              <rect width={size.width} height={size.height} rx="8" />
              {look.icon === undefined ? null : (
                <path className="mark" d={iconPath(look.icon)} transform="translate(8 8) scale(.8)" />
              )}
              <text x={look.icon === undefined ? 12 : 30} y={look.note === undefined ? size.height / 2 + 4.5 : 20}>
                {shorten(id, look.icon === undefined ? LETTERS : LETTERS - ICON_LETTERS)}
              </text>
              {look.note === undefined ? null : (
                <text className="note" x="12" y={size.height - 9}>
                  {shorten(look.note, LETTERS + ICON_LETTERS + 2)}
                </text>
              )}
            </g>
          </NodeLink>
        ))}
      </svg>
    </section>
  );
}

function NodeLink({
  href,
  label,
  children,
}: {
  readonly href: string | undefined;
  readonly label: string;
  readonly children: ReactNode;
}): ReactNode {
  if (href === undefined) return children;
  return (
    <a
      href={href}
      aria-label={label}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        navigate(href);
      }}
    >
      {children}
    </a>
  );
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Straight where it passes a column, curved between columns. */
function curve(points: GraphLayout<GraphEdge>['edges'][number]['points'], { gapX }: NodeSize): string {
  return points.reduce((path, { x, y }, index) => {
    const before = points[index - 1];
    if (!before) return `M${x} ${y}`;
    if (before.y === y) return `${path}L${x} ${y}`;
    const bend = (x - before.x) / 2 || gapX / 2;
    return `${path}C${before.x + bend} ${before.y} ${x - bend} ${y} ${x} ${y}`;
  }, '');
}
