/** How each point looks: its colour, its shape, and whether it is shown or selected. */

import {
  colourBy,
  colourOfRow,
  fixed,
  groups,
  isUnusable,
  markOfGroup,
  markOfLabel,
  membership,
  selection,
  shown,
  snapshot,
  suggestions,
} from "../data/state";
import { shapeNumber } from "../data/colours";
import { FAINT, type Looks, PLAIN, SELECTED } from "./painter";

export function parseColour(colour: string): [number, number, number] {
  const number = Number.parseInt(colour.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** What decides the shapes while classes or labels are coloured; null: the groups do. */
function readCodes(): ((row: number) => number) | null {
  const classes = fixed.columns.byName.get("class")?.numbers;
  const { labels } = membership.value;
  const given = suggestions.value?.ready ? suggestions.value.labels : null;
  if (colourBy.value === "class" && classes) return (row) => classes[row]!;
  const marks = snapshot.value.state.labelValues.map((_, label) => markOfLabel(label));
  if (colourBy.value === "label")
    return (row) => marks[labels[row]! >= 0 ? labels[row]! : (given?.[row] ?? -1)] ?? -1;
  return null;
}

export function readLooks(): Looks {
  const { rows } = fixed.columns;
  const colours = new Uint8Array(4 * rows);
  const stages = new Uint8Array(rows).fill(FAINT);
  const colourOf = colourOfRow();
  const parsed = new Map<string, [number, number, number]>();
  const shapes = groups.value.map((group) => shapeNumber(markOfGroup(group)));
  const codes = readCodes();
  const places = membership.value.groups;
  for (let row = 0; row < rows; row++) {
    const name = colourOf(row);
    let parts = parsed.get(name);
    if (!parts) parsed.set(name, (parts = parseColour(name)));
    colours.set(parts, 4 * row);
    colours[4 * row + 3] = codes ? shapeNumber(codes(row)) : (shapes[places[row]!] ?? 0);
  }
  for (const row of shown.value) stages[row] = isUnusable(row) ? FAINT : PLAIN;
  selection.value.mask.forEach((bit, row) => {
    if (bit) stages[row] = SELECTED;
  });
  return { colours, stages };
}
