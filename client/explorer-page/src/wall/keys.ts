/** How keyboard and pointer go through a list of images and select some. */

import { focused, opened, select, selection } from "../data/state";

/** Where a range that Shift extends began. */
let anchor: number | null = null;

/** The place that a key leads to; null for other keys. */
export function nextPlace(
  key: string,
  place: number,
  across: number,
  page: number,
  count: number,
): number | null {
  const steps: Record<string, number> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: across,
    ArrowUp: -across,
    PageDown: page * across,
    PageUp: -page * across,
    Home: -Infinity,
    End: Infinity,
  };
  const step = steps[key];
  if (step === undefined) return null;
  return Math.min(Math.max(place + step, 0), count - 1);
}

export function selectRange(rows: Uint32Array, from: number, to: number): void {
  select(rows.subarray(Math.min(from, to), Math.max(from, to) + 1));
}

/** Goes to a row; with Shift everything from the anchor to it is selected. */
export function goTo(rows: Uint32Array, place: number, extend: boolean): void {
  const row = rows[place];
  if (row === undefined) return;
  if (extend && anchor !== null) {
    const start = rows.indexOf(anchor);
    if (start >= 0) selectRange(rows, start, place);
  } else anchor = row;
  focused.value = row;
}

export function toggle(row: number): void {
  anchor = row;
  focused.value = row;
  select([row], selection.value.mask[row] ? "remove" : "add");
}

/** A click or a tap on a tile: as file managers do it with a mouse, as photo apps do it with a finger. */
export function clickTile(rows: Uint32Array, row: number, event: MouseEvent): void {
  const touch = (event as PointerEvent).pointerType === "touch";
  const onCheck = (event.target as HTMLElement).closest("[data-check]") !== null;
  if (onCheck || event.ctrlKey || event.metaKey) return toggle(row);
  if (event.shiftKey) return goTo(rows, rows.indexOf(row), true);
  if (touch && !selection.value.count) {
    opened.value = row;
    return;
  }
  if (touch) return toggle(row);
  anchor = row;
  focused.value = row;
  select([row]);
}
