/** The places of the images on the map, and who is near a place. */

export interface Points {
  x: Float32Array;
  y: Float32Array;
  /** Rows of each cell of a grid over the map: those of cell c are order[starts[c] .. starts[c + 1]]. */
  starts: Uint32Array;
  order: Uint32Array;
  box: { left: number; bottom: number; cell: number; columns: number; lines: number };
}

const CELLS = 160;

/** Lays a grid over the points, so that the nearest one is found without looking at all. */
export function layGrid(x: Float32Array, y: Float32Array): Points {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < x.length; row++) {
    if (!Number.isFinite(x[row]!)) continue;
    left = Math.min(left, x[row]!);
    right = Math.max(right, x[row]!);
    bottom = Math.min(bottom, y[row]!);
    top = Math.max(top, y[row]!);
  }
  if (left > right) [left, right, bottom, top] = [0, 1, 0, 1];
  const cell = Math.max(right - left, top - bottom, 1e-9) / CELLS;
  const columns = Math.floor((right - left) / cell) + 1;
  const lines = Math.floor((top - bottom) / cell) + 1;
  const box = { left, bottom, cell, columns, lines };
  const cells = new Int32Array(x.length);
  const starts = new Uint32Array(columns * lines + 1);
  for (let row = 0; row < x.length; row++) {
    cells[row] = Number.isFinite(x[row]!) ? cellAt(box, x[row]!, y[row]!) : -1;
    if (cells[row]! >= 0) starts[cells[row]! + 1]!++;
  }
  for (let index = 0; index < columns * lines; index++) starts[index + 1]! += starts[index]!;
  const next = starts.slice();
  const order = new Uint32Array(x.length);
  cells.forEach((place, row) => place >= 0 && (order[next[place]!++] = row));
  return { x, y, starts, order, box };
}

function cellAt(box: Points["box"], x: number, y: number): number {
  const column = Math.min(Math.floor((x - box.left) / box.cell), box.columns - 1);
  const line = Math.min(Math.floor((y - box.bottom) / box.cell), box.lines - 1);
  return line * box.columns + column;
}

/** The nearest row within a distance that passes a test; null if there is none. */
export function findNearest(
  points: Points,
  [x, y]: [number, number],
  reach: number,
  passes: (row: number) => boolean,
): number | null {
  const { box, starts, order } = points;
  const clamp = (value: number, most: number) => Math.min(Math.max(Math.floor(value), 0), most - 1);
  const first = clamp((x - reach - box.left) / box.cell, box.columns);
  const last = clamp((x + reach - box.left) / box.cell, box.columns);
  let [best, nearest] = [reach * reach, null as number | null];
  const top = clamp((y + reach - box.bottom) / box.cell, box.lines);
  for (let line = clamp((y - reach - box.bottom) / box.cell, box.lines); line <= top; line++) {
    const end = starts[line * box.columns + last + 1]!;
    for (let index = starts[line * box.columns + first]!; index < end; index++) {
      const row = order[index]!;
      const distance = (points.x[row]! - x) ** 2 + (points.y[row]! - y) ** 2;
      if (distance < best && passes(row)) [best, nearest] = [distance, row];
    }
  }
  return nearest;
}

/** Those of the rows that lie inside a polygon. */
export function findInside(points: Points, rows: Uint32Array, polygon: [number, number][]): number[] {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  const inside: number[] = [];
  for (const row of rows) {
    const [x, y] = [points.x[row]!, points.y[row]!];
    if (x < left || x > right || y < bottom || y > top) continue;
    if (isInside(xs, ys, x, y)) inside.push(row);
  }
  return inside;
}

function isInside(xs: number[], ys: number[], x: number, y: number): boolean {
  let odd = false;
  for (let at = 0, before = xs.length - 1; at < xs.length; before = at++) {
    const crosses = ys[at]! > y !== ys[before]! > y;
    if (crosses && x < ((xs[before]! - xs[at]!) * (y - ys[at]!)) / (ys[before]! - ys[at]!) + xs[at]!)
      odd = !odd;
  }
  return odd;
}

/** A shuffled order of all rows, the same each time, so that no group is drawn over all others. */
export function mixRows(count: number): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  let seed = 12345;
  for (let last = count - 1; last > 0; last--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const other = seed % (last + 1);
    [rows[last], rows[other]] = [rows[other]!, rows[last]!];
  }
  return rows;
}

/** The middle of each group by medians; a few thousand of its images are enough. */
export function findMiddles(points: Points, places: Int32Array, count: number): [number, number][] {
  const rows: number[][] = Array.from({ length: count }, () => []);
  const step = Math.max(1, Math.floor(places.length / 40_000));
  for (let row = 0; row < places.length; row += step) {
    if (places[row]! >= 0 && Number.isFinite(points.x[row]!)) rows[places[row]!]?.push(row);
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;
  return rows.map((own) => [
    median(own.map((row) => points.x[row]!)),
    median(own.map((row) => points.y[row]!)),
  ]);
}
