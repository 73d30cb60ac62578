/** The columns of the images: one value a row, as the server packs them. */

export type Numbers = Float32Array | Int32Array | Uint8Array;

export interface Column {
  name: string;
  numbers: Numbers;
  /** The words that the numbers stand for; undefined for a column of numbers. */
  values?: string[];
}

export interface Columns {
  rows: number;
  byName: Map<string, Column>;
}

interface Header {
  rows: number;
  columns: { name: string; kind: "f4" | "i4" | "u1"; offset: number; values?: string[] }[];
}

const ARRAYS = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };

/** Reads the header and lays typed arrays over the bytes behind it. */
export function parseColumns(bytes: ArrayBuffer): Columns {
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Header;
  const byName = new Map<string, Column>();
  for (const { name, kind, offset, values } of header.columns) {
    const numbers = new ARRAYS[kind](bytes, 4 + length + offset, header.rows);
    byName.set(name, values ? { name, numbers, values } : { name, numbers });
  }
  return { rows: header.rows, byName };
}

/** The word of a row in a column of codes; empty if the column or the value is unknown. */
export function wordAt(columns: Columns, name: string, row: number): string {
  const column = columns.byName.get(name);
  const code = column?.numbers[row];
  if (!column?.values || code === undefined || code < 0) return "";
  return column.values[code] ?? "";
}

/** The number of a row; NaN if the column or the value is unknown. */
export function numberAt(columns: Columns, name: string, row: number): number {
  return columns.byName.get(name)?.numbers[row] ?? NaN;
}

export interface Membership {
  groups: Int32Array;
  flags: Uint8Array;
  labels: Int32Array;
}

/** Where each row is: its group, whether it is unusable, its label given by hand. */
export function parseMembership(bytes: ArrayBuffer, rows: number): Membership {
  const groups = new Int32Array(bytes, 0, rows);
  const flags = new Uint8Array(bytes, 4 * rows, rows);
  // The labels begin behind single bytes, so rarely at a multiple of four.
  const labels = new Int32Array(bytes.slice(5 * rows, 9 * rows));
  return { groups, flags, labels };
}

/** Bits of the flags: an unusable image, and a label that came from others. */
export const UNUSABLE = 1;
export const SPREAD = 2;
