/** What the wall shows, and what can be done with it: with a group, or with the selected images. */

import { countImages, perform } from "../data/acting";
import type { Group } from "../data/api";
import {
  chosen,
  filters,
  fixed,
  groups,
  isUnusable,
  order,
  scope,
  select,
  selectedRows,
  selection,
  shown,
  tileSide,
  view,
} from "../data/state";
import { countFilters, NO_FILTERS, type Order } from "../data/filters";
import { ClassShares } from "./ClassShares";
import { dialog } from "./open_dialog";
import { GroupMark } from "./GroupMark";

export function WallHead() {
  const own = groups.value.filter((group) => chosen.value.has(group.id));
  return (
    <header class="wall-head">
      {own.length === 1 ? (
        <GroupHead group={own[0]!} />
      ) : (
        <h2>
          {own.length ? `${own.length} groups` : "All images"}{" "}
          <small>{countImages(shown.value.length)}</small>
        </h2>
      )}
      <ClassShares />
      <Chips />
      {selection.value.count > 0 ? <Selected /> : <ViewTools />}
    </header>
  );
}

function GroupHead({ group }: { group: Group }) {
  const open = (kind: "name" | "note" | "split") => () => (dialog.value = { kind, group: group.id });
  return (
    <>
      <div class="group-head">
        <h2>
          <GroupMark group={group} /> {group.name} <small>{countImages(shown.value.length)}</small>
        </h2>
        <span class="grow" />
        <button class="small" onClick={open("name")}>
          Name…
        </button>
        <button class="small" onClick={open("note")}>
          Note…
        </button>
        <button class="small" onClick={open("split")}>
          Split…
        </button>
        <button class="small" onClick={() => (dialog.value = { kind: "merge" })}>
          Merge…
        </button>
      </div>
      {group.note && <p class="note">{group.note}</p>}
    </>
  );
}

function Chips() {
  const count = countFilters(filters.value);
  if (!scope.value && !count) return null;
  return (
    <p class="chips">
      {scope.value && (
        <button class="chip" title="Show all again" onClick={() => (scope.value = null)}>
          {scope.value.title}: {countImages(scope.value.rows.length)} ×
        </button>
      )}
      {count > 0 && (
        <button class="chip" title="Clear all filters" onClick={() => (filters.value = NO_FILTERS)}>
          {count === 1 ? "1 filter" : `${count} filters`} ×
        </button>
      )}
    </p>
  );
}

/** Marks the selected images as unusable, or as usable again if all of them are. */
export async function toggleUnusable(rows = selectedRows()): Promise<void> {
  if (!rows.length) return;
  const unusable = !rows.every((row) => isUnusable(row));
  const words = unusable ? "marked as unusable" : "usable again";
  await perform({ kind: "unusable", rows, unusable }, `${countImages(rows.length)} ${words}.`);
}

function Selected() {
  const allUnusable = selectedRows().every((row) => isUnusable(row));
  const { mask, count } = selection.value;
  const hidden = count - shown.value.reduce((sum, row) => sum + mask[row]!, 0);
  return (
    <div class="tools chosen" role="toolbar" aria-label="Selected images">
      <strong>
        {countImages(count)} selected{hidden > 0 && `, ${hidden.toLocaleString("en")} of them not shown`}
      </strong>
      <button onClick={() => (dialog.value = { kind: "move" })}>Move…</button>
      <button onClick={() => (dialog.value = { kind: "label" })}>Label…</button>
      <button onClick={() => void toggleUnusable()}>{allUnusable ? "Usable" : "Unusable"}</button>
      <span class="grow" />
      <button class="link" onClick={() => select(shown.value)}>
        Select all shown
      </button>
      <button class="link" onClick={() => select([])}>
        Clear
      </button>
    </div>
  );
}

const VIEWS = { pictures: "Pictures", volumes: "Volumes", table: "Table" } as const;

function ViewTools() {
  const has = (name: string) => fixed.columns.byName.has(name);
  return (
    <div class="tools" role="toolbar" aria-label="View">
      <span class="segments" role="group" aria-label="Show as">
        {(Object.keys(VIEWS) as (keyof typeof VIEWS)[])
          .filter((kind) => kind !== "volumes" || has("volume"))
          .map((kind) => (
            <button key={kind} aria-pressed={view.value === kind} onClick={() => (view.value = kind)}>
              {VIEWS[kind]}
            </button>
          ))}
      </span>
      <label>
        <span class="unseen">Order</span>
        <select value={order.value} onChange={(event) => (order.value = event.currentTarget.value as Order)}>
          {has("silhouette") && <option value="typical">typical first</option>}
          {has("silhouette") && <option value="doubtful">doubtful first</option>}
          {has("distance") && <option value="far">far from the middle</option>}
          {has("patient") && <option value="patient">by patient</option>}
          <option value="file">as in the file</option>
          {order.value === "asked" && <option value="asked">as suggested</option>}
        </select>
      </label>
      {view.value === "pictures" && (
        <label class="size">
          <span class="unseen">Size</span>
          <input
            type="range"
            title="Size of the pictures"
            min={64}
            max={260}
            step={4}
            value={tileSide.value}
            onInput={(event) => (tileSide.value = event.currentTarget.valueAsNumber)}
          />
        </label>
      )}
      <span class="grow" />
      <button class="link" onClick={() => select(shown.value)}>
        Select all
      </button>
    </div>
  );
}
