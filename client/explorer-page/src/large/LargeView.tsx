/** One image large, with pan and zoom, what is known of it, and those that are most like it. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { numberAt, wordAt } from "../data/columns";
import {
  describe,
  fixed,
  focused,
  groupOf,
  isUnusable,
  labelOf,
  nameOf,
  opened,
  select,
  shown,
} from "../data/state";
import { scanBeside, volumes } from "../data/volumes";
import { dialog } from "../panels/open_dialog";
import { GroupMark } from "../panels/GroupMark";
import { Icon } from "../panels/Icon";
import { Notices } from "../panels/Notices";
import { toggleUnusable } from "../panels/WallHead";
import { showNumber, tellMarks } from "../wall/Table";
import { Neighbours } from "./Neighbours";
import { Stage } from "./Stage";

export function LargeView() {
  const row = opened.value;
  return row === null ? null : <Open row={row} />;
}

function Open({ row }: { row: number }) {
  const box = useRef<HTMLDialogElement>(null);
  const zoom = useSignal(1);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current!.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  const place = useComputed(() => shown.value.indexOf(opened.value ?? -1));
  const go = (step: number) => {
    const next = shown.value[place.value + step];
    if (next === undefined) return;
    focused.value = next;
    opened.value = next;
  };
  const goInVolume = (step: number) => {
    opened.value = scanBeside(row, step) ?? row;
  };
  const close = () => (opened.value = null);
  const act = (kind: "move" | "label") => {
    select([row]);
    dialog.value = { kind };
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.value) return;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => go(-1),
      ArrowRight: () => go(1),
      ArrowUp: () => goInVolume(-1),
      ArrowDown: () => goInVolume(1),
      "+": () => (zoom.value = Math.min(zoom.value * 1.5, 16)),
      "=": () => (zoom.value = Math.min(zoom.value * 1.5, 16)),
      "-": () => (zoom.value = Math.max(zoom.value / 1.5, 1)),
      "0": () => (zoom.value = 1),
      m: () => act("move"),
      l: () => act("label"),
      u: () => void toggleUnusable([row]),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  return (
    <dialog
      ref={box}
      class="large"
      aria-label={describe(row)}
      onKeyDown={key}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="large-body">
        <Stage row={row} zoom={zoom} />
        <aside>
          <header>
            <h2>{nameOf(row)}</h2>
            <button
              class="icon"
              aria-label="Image before"
              title="Image before (←)"
              disabled={place.value <= 0}
              onClick={() => go(-1)}
            >
              <Icon name="left" />
            </button>
            <button
              class="icon"
              aria-label="Image after"
              title="Image after (→)"
              disabled={place.value + 1 >= shown.value.length}
              onClick={() => go(1)}
            >
              <Icon name="right" />
            </button>
            <button class="icon" aria-label="Close" title="Close (Escape)" autoFocus onClick={close}>
              <Icon name="close" />
            </button>
          </header>
          <Facts row={row} />
          <p class="buttons left">
            <button onClick={() => act("move")}>Move…</button>
            <button onClick={() => act("label")}>Label…</button>
            <button onClick={() => void toggleUnusable([row])}>
              {isUnusable(row) ? "Usable" : "Unusable"}
            </button>
          </p>
          <Neighbours row={row} />
        </aside>
      </div>
      <p class="unseen" aria-live="polite">
        {describe(row)}
      </p>
      <Notices layer="large" />
    </dialog>
  );
}

const FACTS = ["class", "patient", "eye", "visit", "device", "volume"] as const;

function Facts({ row }: { row: number }) {
  const group = groupOf(row);
  const words = FACTS.map((name) => [name, wordAt(fixed.columns, name, row)] as const).filter(
    ([, word]) => word,
  );
  const volume = numberAt(fixed.columns, "volume", row);
  const [scan, count] = [numberAt(fixed.columns, "scan", row), volumes().get(volume)?.length ?? 0];
  const silhouette = showNumber(numberAt(fixed.columns, "silhouette", row));
  return (
    <dl class="facts">
      <div>
        <dt>group</dt>
        <dd>
          {group && <GroupMark group={group} />} {group?.name}
        </dd>
      </div>
      {labelOf(row) && (
        <div>
          <dt>label</dt>
          <dd>{labelOf(row)}</dd>
        </div>
      )}
      {words.map(([name, word]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{word}</dd>
        </div>
      ))}
      {volume >= 0 && (
        <div>
          <dt>scan</dt>
          <dd>
            {scan} of {count}
          </dd>
        </div>
      )}
      {silhouette && (
        <div>
          <dt>silhouette</dt>
          <dd>{silhouette}</dd>
        </div>
      )}
      {tellMarks(row) && (
        <div>
          <dt>marks</dt>
          <dd>{tellMarks(row)}</dd>
        </div>
      )}
    </dl>
  );
}
