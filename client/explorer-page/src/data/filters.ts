/** Which images are shown, and in which order. */

import { type Columns, type Membership, SPREAD, UNUSABLE } from "./columns";

export interface Filters {
  /** Codes to keep, by column; a column that is absent keeps all. */
  codes: Record<string, number[]>;
  silhouette: [number, number] | null;
  outliers: boolean;
  duplicates: boolean;
  unusable: "with" | "without" | "only";
  labelled: "all" | "hand" | "spread" | "without";
}

export const NO_FILTERS: Filters = {
  codes: {},
  silhouette: null,
  outliers: false,
  duplicates: false,
  unusable: "with",
  labelled: "all",
};

export type Order = "typical" | "doubtful" | "far" | "file" | "patient" | "asked";

type Test = (row: number) => boolean;

function codeTests(columns: Columns, filters: Filters): Test[] {
  const tests: Test[] = [];
  for (const [name, codes] of Object.entries(filters.codes)) {
    const numbers = columns.byName.get(name)?.numbers;
    if (!numbers || !codes.length) continue;
    const kept = new Set(codes);
    tests.push((row) => kept.has(numbers[row] as number));
  }
  return tests;
}

function propertyTests(columns: Columns, filters: Filters): Test[] {
  const tests: Test[] = [];
  const numbers = (name: string) => columns.byName.get(name)?.numbers;
  const [silhouette, outlier] = [numbers("silhouette"), numbers("outlier")];
  const duplicate = numbers("duplicate");
  if (filters.silhouette && silhouette) {
    const [low, high] = filters.silhouette;
    tests.push((row) => silhouette[row]! >= low && silhouette[row]! <= high);
  }
  if (filters.outliers && outlier) tests.push((row) => outlier[row] === 1);
  if (filters.duplicates && duplicate) tests.push((row) => duplicate[row] === 1);
  return tests;
}

function stateTests(membership: Membership, groups: Set<number>, filters: Filters): Test[] {
  const tests: Test[] = [];
  const { flags, labels } = membership;
  if (groups.size) tests.push((row) => groups.has(membership.groups[row]!));
  if (filters.unusable !== "with") {
    const wanted = filters.unusable === "only" ? UNUSABLE : 0;
    tests.push((row) => (flags[row]! & UNUSABLE) === wanted);
  }
  if (filters.labelled !== "all") {
    const kind = (row: number) => (labels[row]! < 0 ? "without" : flags[row]! & SPREAD ? "spread" : "hand");
    tests.push((row) => kind(row) === filters.labelled);
  }
  return tests;
}

/** The rows that pass every filter, in the order of the file. */
export function keepRows(
  columns: Columns,
  membership: Membership,
  groups: Set<number>,
  filters: Filters,
  scope: Uint32Array | null,
): Uint32Array {
  const tests = [
    ...stateTests(membership, groups, filters),
    ...codeTests(columns, filters),
    ...propertyTests(columns, filters),
  ];
  const kept = new Uint32Array(scope ? scope.length : columns.rows);
  let count = 0;
  for (let index = 0; index < kept.length; index++) {
    const row = scope ? scope[index]! : index;
    if (tests.every((test) => test(row))) kept[count++] = row;
  }
  return kept.subarray(0, count);
}

/** Sorts rows; rows with an unknown value come last, ties stay in the order of the file. */
export function orderRows(rows: Uint32Array, columns: Columns, order: Order): Uint32Array {
  if (order === "file" || order === "asked") return rows;
  const name = order === "patient" ? "patient" : order === "far" ? "distance" : "silhouette";
  const numbers = columns.byName.get(name)?.numbers;
  if (!numbers) return rows;
  const sign = order === "typical" || order === "far" ? -1 : 1;
  const unknown = order === "patient" ? (value: number) => value < 0 : Number.isNaN;
  const keys = new Float64Array(columns.rows);
  for (const row of rows) keys[row] = unknown(numbers[row]!) ? Infinity : sign * numbers[row]!;
  return rows.slice().sort((a, b) => keys[a]! - keys[b]! || a - b);
}

/** How many filters are in force. */
export function countFilters(filters: Filters): number {
  const codes = Object.values(filters.codes).filter((kept) => kept.length).length;
  const others = [
    filters.silhouette !== null,
    filters.outliers,
    filters.duplicates,
    filters.unusable !== "with",
    filters.labelled !== "all",
  ];
  return codes + others.filter(Boolean).length;
}
