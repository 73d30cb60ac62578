/** The wall of pictures of all images that are shown; only those on the screen are drawn. */

import { useEffect, useRef } from "preact/hooks";
import {
  chosen,
  filters,
  focused,
  opened,
  order,
  scope,
  select,
  selection,
  shown,
  tileSide,
} from "../data/state";
import { clickTile, goTo, nextPlace, toggle } from "./keys";
import { Tile } from "./Tile";
import { useWindow } from "./window";

const GAP = 8;
const CAPTION = 22;

/** How many tiles fit side by side, and how large each is, so that they fill the width. */
function layOut(width: number): { across: number; side: number; height: number } {
  const across = Math.max(1, Math.floor((width + GAP) / (tileSide.value + GAP)));
  const side = Math.max(40, Math.floor((width - (across - 1) * GAP) / across));
  return { across, side, height: Math.round(side * 0.8) + CAPTION };
}

function rowAt(event: Event): number | null {
  const tile = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
  return tile ? Number(tile.dataset["row"]) : null;
}

/** Takes the selected images along, or the one that is dragged. */
function drag(event: DragEvent): void {
  const row = rowAt(event);
  if (row === null || !event.dataTransfer) return;
  if (!selection.value.mask[row]) select([row]);
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", `${selection.value.count}`);
}

export function Wall() {
  const rows = shown.value;
  const seen = useWindow((width) => {
    const { across, height } = layOut(width);
    return { lines: Math.ceil(rows.length / across), lineHeight: height + GAP };
  });
  const { across, side, height } = layOut(seen.width);
  const lines = Math.ceil(rows.length / across);

  const place = focused.value === null ? -1 : rows.indexOf(focused.value);
  useEffect(() => {
    if (place >= 0) seen.scrollToLine(Math.floor(place / across));
  }, [place, across]);
  const last = useRef(-1);
  useEffect(() => {
    last.current = -1;
    if (seen.box.current) seen.box.current.scrollTop = 0;
  }, [chosen.value, filters.value, scope.value, order.value]);
  // After an act that took the focused image away, its successor has the focus.
  useEffect(() => {
    if (place >= 0) last.current = place;
    else if (focused.value !== null && last.current >= 0) {
      focused.value = rows[Math.min(last.current, rows.length - 1)] ?? null;
    }
  }, [place, rows]);

  const key = (event: KeyboardEvent) => {
    if (event.altKey) return;
    const page = Math.max(1, Math.floor(seen.height / (height + GAP)));
    const next = nextPlace(event.key, Math.max(place, 0), across, page, rows.length);
    if (next !== null) goTo(rows, place < 0 && event.key.startsWith("Arrow") ? 0 : next, event.shiftKey);
    else if (event.key === " " && focused.value !== null) toggle(focused.value);
    else if (event.key === "Enter" && focused.value !== null) opened.value = focused.value;
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) select(rows);
    else if (event.key === "Escape" && selection.value.count) select([]);
    else return;
    event.preventDefault();
  };

  const tiles = [];
  for (let index = seen.first * across; index < Math.min((seen.last + 1) * across, rows.length); index++) {
    const row = rows[index]!;
    const spot = {
      x: (index % across) * (side + GAP),
      y: Math.floor(index / across) * (height + GAP),
      side,
      height,
    };
    tiles.push(
      <Tile
        key={row}
        row={row}
        position={index}
        count={rows.length}
        place={spot}
        wanted={seen.wants(Math.floor(index / across))}
      />,
    );
  }
  return (
    <div
      ref={seen.box}
      class="wall"
      role="listbox"
      tabIndex={0}
      aria-multiselectable
      aria-label="Images. Arrows move, Space selects, Enter opens."
      aria-activedescendant={place >= 0 ? `tile-${focused.value}` : undefined}
      onKeyDown={key}
      onClick={(event) => {
        const row = rowAt(event);
        if (row !== null) clickTile(rows, row, event);
      }}
      onDblClick={(event) => (opened.value = rowAt(event) ?? opened.value)}
      onDragStart={drag}
    >
      <div class="lines" style={{ height: `${lines * (height + GAP)}px` }}>
        {tiles}
      </div>
    </div>
  );
}
