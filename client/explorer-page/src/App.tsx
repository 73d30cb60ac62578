/** The whole page, and the keys that work anywhere on it. */

import { useEffect } from "preact/hooks";
import { catchUp, complain, load, redo, undo } from "./data/acting";
import { chosen, opened, select, selection, tab, toast, view } from "./data/state";
import { LargeView } from "./large/LargeView";
import { MapView } from "./map/MapView";
import { dialog } from "./panels/open_dialog";
import { Dialogs } from "./panels/Dialogs";
import { FilterPanel } from "./panels/FilterPanel";
import { GroupList } from "./panels/GroupList";
import { LabelPanel } from "./panels/LabelPanel";
import { Notices } from "./panels/Notices";
import { TopBar } from "./panels/TopBar";
import { toggleUnusable, WallHead } from "./panels/WallHead";
import { Table } from "./wall/Table";
import { Volumes } from "./wall/Volumes";
import { Wall } from "./wall/Wall";
import { shown } from "./data/state";

const TABS = { groups: "Groups", map: "Map", images: "Images" } as const;

function onKey(event: KeyboardEvent): void {
  const typing =
    event.target instanceof HTMLElement &&
    event.target.closest("input:not([type=checkbox], [type=range]), textarea, select");
  if (typing) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
    event.preventDefault();
    void (event.shiftKey || key === "y" ? redo() : undo());
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.value || opened.value !== null) return;
  const some = selection.value.count > 0;
  if (key === "m" && some) dialog.value = { kind: "move" };
  else if (key === "l" && some) dialog.value = { kind: "label" };
  else if (key === "u" && some) void toggleUnusable();
  else if (key === "n" && chosen.value.size === 1)
    dialog.value = { kind: "name", group: [...chosen.value][0]! };
  else if (key === "?") dialog.value = { kind: "help" };
  else if (key === "escape" && some) select([]);
  else return;
  event.preventDefault();
}

export function App() {
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    addEventListener("focus", catchUp);
    return () => {
      document.removeEventListener("keydown", onKey);
      removeEventListener("focus", catchUp);
    };
  }, []);
  return (
    <>
      <a class="skip" href="#images">
        To the images
      </a>
      <TopBar />
      <main class="columns" data-tab={tab.value}>
        <div class="side">
          <GroupList />
          <FilterPanel />
          <LabelPanel />
        </div>
        <MapView />
        <section class="images" id="images" aria-label="Images">
          <WallHead />
          {shown.value.length === 0 ? (
            <Nothing />
          ) : view.value === "table" ? (
            <Table />
          ) : view.value === "volumes" ? (
            <Volumes />
          ) : (
            <Wall />
          )}
        </section>
      </main>
      <nav class="tabs" aria-label="Parts of the page">
        {(Object.keys(TABS) as (keyof typeof TABS)[]).map((kind) => (
          <button key={kind} aria-pressed={tab.value === kind} onClick={() => (tab.value = kind)}>
            {TABS[kind]}
          </button>
        ))}
      </nav>
      <LargeView />
      <Dialogs />
      <Notices layer="page" />
    </>
  );
}

function Nothing() {
  return <p class="nothing">No image passes these filters. Clear a filter above, or choose another group.</p>;
}

export async function start(draw: () => void): Promise<void> {
  try {
    await load();
    draw();
  } catch (error) {
    await complain(error);
    document.body.textContent = toast.value?.text ?? "";
  }
}
