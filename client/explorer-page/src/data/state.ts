/** What the page knows: the result, what was done to it, and what is looked at. */

import { computed, signal } from "@preact/signals";
import type { Group, Propagation, Result, State } from "./api";
import { type Columns, type Membership, SPREAD, UNUSABLE, numberAt, wordAt } from "./columns";
import { classColour, groupColour, markOf, neutral, scaleColour } from "./colours";
import { type Filters, NO_FILTERS, type Order, keepRows, orderRows } from "./filters";

export interface Snapshot {
  state: State;
  membership: Membership;
}

/** The result never changes; it is there before the page is drawn. */
export const fixed: { result: Result; columns: Columns; names: string[]; clusters: number } = {
  result: {} as Result,
  columns: { rows: 0, byName: new Map() },
  names: [],
  clusters: 0,
};

export const snapshot = signal<Snapshot>({
  state: {
    version: 0,
    groups: [],
    unusable: 0,
    labels: 0,
    propagated: 0,
    labelValues: [],
    canUndo: false,
    canRedo: false,
    undoText: "",
    redoText: "",
    history: [],
    warnings: [],
  },
  membership: { groups: new Int32Array(0), flags: new Uint8Array(0), labels: new Int32Array(0) },
});

export const groups = computed(() => snapshot.value.state.groups);
export const membership = computed(() => snapshot.value.membership);

/** Ids of the groups that are looked at; none: all. */
export const chosen = signal<ReadonlySet<string>>(new Set());
export const filters = signal<Filters>(NO_FILTERS);
/** A set of images that is looked at alone, such as a lasso, with its name. */
export const scope = signal<{ rows: Uint32Array; title: string } | null>(null);
export const order = signal<Order>("typical");
export const view = signal<"pictures" | "volumes" | "table">("pictures");
export const tileSide = signal(112);
export const colourBy = signal<"group" | "class" | "label" | "silhouette" | "certainty">("group");
export const mapKind = signal("pca");
export const tab = signal<"groups" | "map" | "images">("images");
export const suggestions = signal<Propagation | null>(null);
/** The image that the keyboard or the pointer is at. */
export const focused = signal<number | null>(null);
export const pointed = signal<{ row: number; on: "map" | "wall" } | null>(null);
export const opened = signal<number | null>(null);
export const said = signal("");
export const toast = signal<{ text: string; kind: "done" | "trouble"; undo: boolean } | null>(null);
export const lassoing = signal(false);
export const busy = signal("");

const darkQuery = matchMedia("(prefers-color-scheme: dark)");
export const dark = signal(darkQuery.matches);
darkQuery.addEventListener("change", () => {
  dark.value = darkQuery.matches;
});

const chosenPlaces = computed(() => {
  const places = new Set<number>();
  groups.value.forEach((group, place) => chosen.value.has(group.id) && places.add(place));
  return places;
});

/** The images that are shown, in the order chosen. */
export const shown = computed(() => {
  const kept = keepRows(
    fixed.columns,
    membership.value,
    chosenPlaces.value,
    filters.value,
    scope.value?.rows ?? null,
  );
  return orderRows(kept, fixed.columns, order.value);
});

export interface Selection {
  mask: Uint8Array;
  count: number;
}

export const selection = signal<Selection>({ mask: new Uint8Array(0), count: 0 });

/** Selected images alone, in the order of the file. */
export function selectedRows(): number[] {
  const rows: number[] = [];
  selection.value.mask.forEach((bit, row) => bit && rows.push(row));
  return rows;
}

export function select(rows: Iterable<number>, how: "only" | "add" | "remove" = "only"): void {
  const mask = how === "only" ? new Uint8Array(fixed.columns.rows) : selection.value.mask.slice();
  for (const row of rows) mask[row] = how === "remove" ? 0 : 1;
  let count = 0;
  for (const bit of mask) count += bit;
  selection.value = { mask, count };
}

export function groupOf(row: number): Group | undefined {
  return groups.value[membership.value.groups[row] ?? -1];
}

export function isUnusable(row: number): boolean {
  return ((membership.value.flags[row] ?? 0) & UNUSABLE) !== 0;
}

/** Whether an image has a label that nobody gave it by hand. */
export function isSpread(row: number): boolean {
  return ((membership.value.flags[row] ?? 0) & SPREAD) !== 0;
}

export function labelOf(row: number): string {
  return snapshot.value.state.labelValues[membership.value.labels[row] ?? -1] ?? "";
}

/** What an image is called: its file if names may be shown, else its number. */
export function nameOf(row: number): string {
  return fixed.names[row] ?? `image ${row}`;
}

/** The number that decides a label's colour and shape: that of the class of the same name, if there is one. */
export function markOfLabel(label: number): number {
  const values = snapshot.value.state.labelValues;
  const classes = fixed.result.classes ?? [];
  const value = values[label];
  if (value === undefined) return -1;
  const known = classes.indexOf(value);
  if (known >= 0) return known;
  return classes.length + values.slice(0, label).filter((other) => !classes.includes(other)).length;
}

export function markOfGroup(group: Group | undefined): number {
  return group ? markOf(group, fixed.clusters) : -1;
}

export function colourOfGroup(group: Group | undefined): string {
  return groupColour(markOfGroup(group), dark.value);
}

/** A sentence about an image for those who cannot see it. */
export function describe(row: number): string {
  const parts = [nameOf(row), groupOf(row)?.name ?? ""];
  for (const name of ["class", "patient", "eye"]) {
    const word = wordAt(fixed.columns, name, row);
    if (word) parts.push(name === "patient" ? word : `${name} ${word}`);
  }
  if (labelOf(row)) parts.push(`labelled ${labelOf(row)}${isSpread(row) ? " by suggestion" : ""}`);
  if (isUnusable(row)) parts.push("unusable");
  if (numberAt(fixed.columns, "outlier", row) === 1) parts.push("outlier");
  return parts.filter(Boolean).join(", ");
}

/** The colour of each image on the map, by what the user wants to see. */
export function colourOfRow(): (row: number) => string {
  const [night, { columns }] = [dark.value, fixed];
  const codes = columns.byName.get("class")?.numbers;
  const silhouette = columns.byName.get("silhouette")?.numbers;
  const { groups: places, labels } = membership.value;
  const certainty = suggestions.value?.certainty;
  switch (colourBy.value) {
    case "class":
      return (row) => classColour(codes?.[row] ?? -1, night);
    case "label": {
      const given = suggestions.value?.ready ? suggestions.value.labels : null;
      const marks = snapshot.value.state.labelValues.map((_, label) => markOfLabel(label));
      return (row) =>
        classColour(marks[labels[row]! >= 0 ? labels[row]! : (given?.[row] ?? -1)] ?? -1, night);
    }
    case "silhouette":
      return (row) => scaleColour(((silhouette?.[row] ?? NaN) + 0.2) / 0.8);
    case "certainty":
      return (row) => (certainty ? scaleColour(certainty[row] ?? NaN) : neutral(night));
    default: {
      const colours = groups.value.map((group) => colourOfGroup(group));
      return (row) => colours[places[row]!] ?? neutral(night);
    }
  }
}
