/** Volumes as strips: the scans of each in their order, those outside the filters pale. */

import { useMemo } from "preact/hooks";
import { countImages } from "../data/acting";
import { wordAt } from "../data/columns";
import { volumes } from "../data/volumes";
import {
  colourOfGroup,
  describe,
  fixed,
  focused,
  groupOf,
  groups,
  membership,
  opened,
  shown,
} from "../data/state";
import { clickTile } from "./keys";
import { Picture } from "./Picture";
import { useWindow } from "./window";

const STRIP_HEIGHT = 138;

export function Volumes() {
  const all = volumes();
  const codes = fixed.columns.byName.get("volume")!.numbers;
  const rows = shown.value;
  const [kept, mask] = useMemo(() => {
    const found = new Set<number>();
    const visible = new Uint8Array(fixed.columns.rows);
    for (const row of rows) {
      visible[row] = 1;
      if (codes[row]! >= 0) found.add(codes[row]!);
    }
    return [[...found], visible];
  }, [rows]);
  const seen = useWindow(() => ({ lines: kept.length, lineHeight: STRIP_HEIGHT }));
  const strips = [];
  for (let line = seen.first; line <= seen.last; line++) {
    const code = kept[line];
    if (code !== undefined)
      strips.push(<Strip key={code} rows={all.get(code) ?? []} top={line * STRIP_HEIGHT} mask={mask} />);
  }
  return (
    <div ref={seen.box} class="wall" role="list" aria-label="Volumes">
      <div class="lines" style={{ height: `${kept.length * STRIP_HEIGHT}px` }}>
        {strips}
      </div>
    </div>
  );
}

function Strip({ rows, top, mask }: { rows: number[]; top: number; mask: Uint8Array }) {
  const first = rows[0]!;
  const facts = ["volume", "patient", "eye"]
    .map((name) => wordAt(fixed.columns, name, first))
    .filter(Boolean);
  const own = Uint32Array.from(rows);
  return (
    <section class="strip" role="listitem" style={{ transform: `translateY(${top}px)` }}>
      <h3>
        {facts.join(" · ")}{" "}
        <small>
          {countImages(rows.length)}: {tellGroups(rows)}
        </small>
      </h3>
      <div class="scans">
        {rows.map((row) => (
          <button
            key={row}
            class={["scan", mask[row] ? "" : "outside", focused.value === row ? "focused" : ""].join(" ")}
            style={{ borderBottomColor: colourOfGroup(groupOf(row)) }}
            aria-label={describe(row)}
            onClick={(event) => {
              if (event.detail === 0) opened.value = row;
              else clickTile(own, row, event);
            }}
            onDblClick={() => (opened.value = row)}
          >
            <Picture row={row} side="96" />
          </button>
        ))}
      </div>
    </section>
  );
}

function tellGroups(rows: number[]): string {
  const counts = new Map<number, number>();
  for (const row of rows)
    counts.set(membership.value.groups[row]!, (counts.get(membership.value.groups[row]!) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([place, count]) => `${groups.value[place]?.name ?? "?"} ${count}`)
    .join(", ");
}
