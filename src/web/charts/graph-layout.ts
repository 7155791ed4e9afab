/** Places a dependency graph in columns: who depends on others on the left, what they depend on further right. */

export interface Edge {
  /** Depends on `to`. */
  readonly from: string;
  readonly to: string;
}

export interface PlacedNode {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

export interface GraphLayout {
  readonly nodes: readonly PlacedNode[];
  readonly width: number;
  readonly height: number;
}

export const NODE = { width: 148, height: 32, gapX: 64, gapY: 12 } as const;

/** Sweeps that order the columns by their neighbours. More change little. */
const SWEEPS = 6;

export function layoutGraph(edges: readonly Edge[]): GraphLayout {
  const ids = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].sort();
  const columns = toColumns(ids, edges);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const order = sweep % 2 === 0 ? [...columns.keys()] : [...columns.keys()].reverse();
    for (const index of order) columns[index] = byNeighbours(columns[index] ?? [], columns, edges);
  }
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const height = tallest * (NODE.height + NODE.gapY) - NODE.gapY;
  const nodes = columns.flatMap((column, index) => {
    const columnHeight = column.length * (NODE.height + NODE.gapY) - NODE.gapY;
    return column.map((id, row) => ({
      id,
      x: index * (NODE.width + NODE.gapX),
      y: (height - columnHeight) / 2 + row * (NODE.height + NODE.gapY),
    }));
  });
  return {
    nodes,
    width: Math.max(0, columns.length * (NODE.width + NODE.gapX) - NODE.gapX),
    height: Math.max(0, height),
  };
}

/** The column of a node is one right of its rightmost dependent. Edges that close a cycle do not count. */
function toColumns(ids: readonly string[], edges: readonly Edge[]): string[][] {
  const next = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of edges) if (from !== to) next.get(from)?.push(to);
  const finished: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const forward: Edge[] = [];
  for (const start of ids) {
    const stack: { id: string; targets: string[] }[] = [];
    const enter = (id: string) => {
      state.set(id, 'open');
      stack.push({ id, targets: [...(next.get(id) ?? [])] });
    };
    if (!state.has(start)) enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const to = top.targets.shift();
      if (to === undefined) {
        state.set(top.id, 'done');
        finished.push(top.id);
        stack.pop();
      } else if (state.get(to) !== 'open') {
        forward.push({ from: top.id, to });
        if (!state.has(to)) enter(to);
      }
    }
  }
  const column = new Map<string, number>();
  for (const id of finished.reverse()) {
    const at = column.get(id) ?? 0;
    column.set(id, at);
    for (const { from, to } of forward) if (from === id) column.set(to, Math.max(column.get(to) ?? 0, at + 1));
  }
  const columns: string[][] = [];
  for (const id of ids) {
    const at = column.get(id) ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at]?.push(id);
  }
  return columns;
}

function byNeighbours(column: string[], columns: readonly string[][], edges: readonly Edge[]): string[] {
  const position = new Map(columns.flatMap((ids) => ids.map((id, row) => [id, row / ids.length] as const)));
  const weight = new Map(
    column.map((id) => {
      const near = edges
        .filter(({ from, to }) => (from === id || to === id) && from !== to)
        .map(({ from, to }) => position.get(from === id ? to : from) ?? 0);
      return [id, near.length === 0 ? (position.get(id) ?? 0) : near.reduce((a, b) => a + b, 0) / near.length] as const;
    }),
  );
  return [...column].sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || (a < b ? -1 : 1));
}
