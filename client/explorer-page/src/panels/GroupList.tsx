/** The groups: what is looked at, and where images are dropped. */

import { useSignal } from "@preact/signals";
import type { Group } from "../data/api";
import { countImages, perform } from "../data/acting";
import { chosen, fixed, groups, select, selectedRows, selection, snapshot, tab } from "../data/state";
import { dialog } from "./open_dialog";
import { GroupMark } from "./GroupMark";

/** Chooses a group alone, or adds it to those chosen and takes it out again. */
function choose(id: string, more: boolean): void {
  const next = new Set(more ? chosen.value : []);
  if (chosen.value.has(id) && (more || chosen.value.size === 1)) next.delete(id);
  else next.add(id);
  chosen.value = next;
}

/** Moves the selected images into a group. */
export async function moveTo(group: Group): Promise<void> {
  const rows = selectedRows();
  if (!rows.length) return;
  if (
    await perform(
      { kind: "move", rows, group: group.id },
      `${countImages(rows.length)} moved to ${group.name}.`,
    )
  )
    select([]);
}

export function GroupList() {
  const total = fixed.columns.rows;
  const most = Math.max(1, ...groups.value.map((group) => group.images));
  return (
    <section class="groups" aria-label="Groups">
      <header class="panel-head">
        <h2>Groups</h2>
      </header>
      <button
        class="group all"
        aria-pressed={chosen.value.size === 0}
        onClick={() => (chosen.value = new Set())}
      >
        <span class="group-name">All images</span>
        <span class="count">{total.toLocaleString("en")}</span>
      </button>
      <ul>
        {groups.value.map((group) => (
          <Line key={group.id} group={group} most={most} />
        ))}
      </ul>
      {chosen.value.size >= 2 ? (
        <button class="primary block" onClick={() => (dialog.value = { kind: "merge" })}>
          Merge {chosen.value.size} groups…
        </button>
      ) : (
        <p class="hint">Tick two groups to merge them. Drag images onto a group to move them.</p>
      )}
      {fixed.result.imagesText && <p class="notice">{fixed.result.imagesText}</p>}
      {snapshot.value.state.warnings.map((warning) => (
        <p class="notice">{warning}</p>
      ))}
    </section>
  );
}

function Line({ group, most }: { group: Group; most: number }) {
  const over = useSignal(false);
  const pressed = chosen.value.has(group.id);
  return (
    <li
      class={over.value ? "over" : ""}
      onDragOver={(event) => {
        if (!selection.value.count) return;
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        over.value = false;
        void moveTo(group);
      }}
    >
      <button
        class="group"
        aria-pressed={pressed}
        title={group.note || undefined}
        onClick={(event) => {
          choose(group.id, event.ctrlKey || event.metaKey);
          if (!event.ctrlKey && !event.metaKey) tab.value = "images";
        }}
      >
        <GroupMark group={group} />
        <span class="group-name">
          {group.name}
          {group.note && <small> note</small>}
        </span>
        <span class="count">{group.images.toLocaleString("en")}</span>
        <meter class="share" min={0} max={most} value={group.images} aria-hidden="true" />
      </button>
      <input
        type="checkbox"
        aria-label={`Choose ${group.name} together with others`}
        checked={pressed}
        onChange={() => choose(group.id, true)}
      />
    </li>
  );
}
