/** Places a dependency graph in columns: who depends on others on the left, what they depend on further right. */

export interface Edge {
  /** Depends on `to`. */
  readonly from: string;
  readonly to: string;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export interface GraphLayout<E extends Edge> {
  /** `x`, `y`: the upper left corner. */
  readonly nodes: readonly (Point & { readonly id: string })[];
  /** `points`: from the side of one node to the side of the other, around the nodes between them. */
  readonly edges: readonly { readonly edge: E; readonly points: readonly Point[] }[];
  readonly width: number;
  readonly height: number;
}

export interface NodeSize {
  readonly width: number;
  readonly height: number;
  /** Between columns, where the edges are. */
  readonly gapX: number;
  readonly gapY: number;
}

export const NODE: NodeSize = { width: 148, height: 32, gapX: 64, gapY: 12 };
/** The height that an edge takes where it passes a column. */
const LANE = 10;
/** Sweeps that order the columns by their neighbours. More change little. */
const SWEEPS = 8;

/** A node, or the place where a long edge passes a column. */
interface Cell {
  readonly key: string;
  readonly isNode: boolean;
}

/** `others`: nodes that are placed even without an edge. */
export function layoutGraph<E extends Edge>(
  given: readonly E[],
  size: NodeSize = NODE,
  others: readonly string[] = [],
): GraphLayout<E> {
  const edges = given.filter(({ from, to }) => from !== to);
  const ids = [...new Set([...edges.flatMap(({ from, to }) => [from, to]), ...others])].sort();
  const columnOf = assignColumns(ids, edges);
  const columns: Cell[][] = [];
  const put = (column: number, cell: Cell): void => {
    while (columns.length <= column) columns.push([]);
    columns[column]?.push(cell);
  };
  for (const id of ids) put(columnOf.get(id) ?? 0, { key: id, isNode: true });
  const routes = edges.map((edge) => {
    const start = columnOf.get(edge.from) ?? 0;
    const end = columnOf.get(edge.to) ?? 0;
    const keys: string[] = [edge.from];
    const step = Math.sign(end - start);
    for (let column = start + step; step !== 0 && column !== end; column += step) {
      const key = `${edge.from}\n${edge.to}\n${column}`;
      put(column, { key, isNode: false });
      keys.push(key);
    }
    return { edge, keys: [...keys, edge.to] };
  });
  const links = routes.flatMap(({ keys }) => keys.slice(1).map((to, index) => ({ from: keys[index] ?? '', to })));
  orderColumns(columns, links);

  const heights = columns.map((column) => heightOf(column, size));
  const height = Math.max(0, ...heights);
  const places = new Map<string, Point>();
  columns.forEach((column, index) => {
    let y = (height - (heights[index] ?? 0)) / 2;
    for (const { key, isNode } of column) {
      places.set(key, { x: index * (size.width + size.gapX), y });
      y += (isNode ? size.height : LANE) + size.gapY;
    }
  });
  const nodes = ids.map((id) => ({ id, ...(places.get(id) ?? { x: 0, y: 0 }) }));
  return {
    nodes,
    edges: routes.map(({ edge, keys }) => ({ edge, points: pointsOf(keys, places, size) })),
    width: Math.max(0, columns.length * (size.width + size.gapX) - size.gapX),
    height,
  };
}

function heightOf(column: readonly Cell[], { height, gapY }: NodeSize): number {
  return column.reduce((sum, { isNode }) => sum + (isNode ? height : LANE) + gapY, -gapY);
}

function pointsOf(keys: readonly string[], places: ReadonlyMap<string, Point>, size: NodeSize): readonly Point[] {
  const at = (key: string | undefined): Point => places.get(key ?? '') ?? { x: 0, y: 0 };
  const first = at(keys[0]);
  const last = at(keys.at(-1));
  const goesRight = last.x >= first.x;
  const passed = keys.slice(1, -1).flatMap((key) => {
    const { x, y } = at(key);
    const both = [
      { x, y: y + LANE / 2 },
      { x: x + size.width, y: y + LANE / 2 },
    ];
    return goesRight ? both : both.reverse();
  });
  return [
    { x: goesRight ? first.x + size.width : first.x, y: first.y + size.height / 2 },
    ...passed,
    { x: goesRight ? last.x : last.x + size.width, y: last.y + size.height / 2 },
  ];
}

/** The column of a node is one right of its rightmost dependant. Edges that close a cycle do not count. */
function assignColumns(ids: readonly string[], edges: readonly Edge[]): ReadonlyMap<string, number> {
  const targets = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of edges) targets.get(from)?.push(to);
  const state = new Map<string, 'open' | 'done'>();
  const forward = new Map<string, string[]>(ids.map((id) => [id, []]));
  const finished: string[] = [];
  for (const start of ids) {
    if (state.has(start)) continue;
    const stack = [{ id: start, rest: [...(targets.get(start) ?? [])] }];
    state.set(start, 'open');
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const to = top.rest.shift();
      if (to === undefined) {
        state.set(top.id, 'done');
        finished.push(top.id);
        stack.pop();
      } else if (state.get(to) !== 'open') {
        forward.get(top.id)?.push(to);
        if (state.has(to)) continue;
        state.set(to, 'open');
        stack.push({ id: to, rest: [...(targets.get(to) ?? [])] });
      }
    }
  }
  const column = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const id of finished.reverse()) {
    for (const to of forward.get(id) ?? []) column.set(to, Math.max(column.get(to) ?? 0, (column.get(id) ?? 0) + 1));
  }
  return column;
}

/** Sorts each column by the mean position of its neighbours, in both directions in turn. */
function orderColumns(columns: Cell[][], links: readonly Edge[]): void {
  const near = new Map<string, string[]>();
  for (const { from, to } of links) {
    near.set(from, [...(near.get(from) ?? []), to]);
    near.set(to, [...(near.get(to) ?? []), from]);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const order = [...columns.keys()];
    for (const index of sweep % 2 === 0 ? order : order.reverse()) {
      const position = new Map(
        columns.flatMap((cells) => cells.map(({ key }, row) => [key, (row + 0.5) / cells.length] as const)),
      );
      const weight = (key: string): number => {
        const neighbours = near.get(key) ?? [];
        return neighbours.reduce((sum, each) => sum + (position.get(each) ?? 0), 0) / Math.max(1, neighbours.length);
      };
      columns[index]?.sort((a, b) => weight(a.key) - weight(b.key) || (a.key < b.key ? -1 : 1));
    }
  }
}
