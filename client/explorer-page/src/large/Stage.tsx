/** The picture that is panned and zoomed. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { nameOf } from "../data/state";
import { Icon } from "../panels/Icon";
import { Picture } from "../wall/Picture";

const MOST_ZOOM = 16;

export function Stage({ row, zoom }: { row: number; zoom: Signal<number> }) {
  const offset = useSignal<[number, number]>([0, 0]);
  const bright = useSignal(1);
  const held = useRef(new Map<number, [number, number]>());
  useEffect(() => {
    zoom.value = 1;
    offset.value = [0, 0];
  }, [row]);
  useEffect(() => {
    if (zoom.value === 1) offset.value = [0, 0];
  }, [zoom.value]);

  const zoomTo = (next: number, x: number, y: number) => {
    const bounded = Math.min(Math.max(next, 1), MOST_ZOOM);
    const ratio = bounded / zoom.value;
    offset.value = [x - (x - offset.value[0]) * ratio, y - (y - offset.value[1]) * ratio];
    zoom.value = bounded;
  };
  /** Where the pointer is, from the middle of the stage. */
  const fromMiddle = (event: MouseEvent): [number, number] => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  const move = (event: PointerEvent) => {
    const before = held.current.get(event.pointerId);
    if (!before) return;
    const now = fromMiddle(event);
    held.current.set(event.pointerId, now);
    const other = [...held.current].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (place: [number, number]) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      zoomTo(
        zoom.value * (apart(now) / Math.max(apart(before), 1)),
        (now[0] + other[0]) / 2,
        (now[1] + other[1]) / 2,
      );
    } else if (zoom.value > 1) {
      offset.value = [offset.value[0] + now[0] - before[0], offset.value[1] + now[1] - before[1]];
    }
  };
  const release = (event: PointerEvent) => void held.current.delete(event.pointerId);
  return (
    <div
      class={zoom.value > 1 ? "stage zoomed" : "stage"}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        held.current.set(event.pointerId, fromMiddle(event));
      }}
      onPointerMove={move}
      onPointerUp={release}
      onPointerCancel={release}
      onWheel={(event) => {
        event.preventDefault();
        zoomTo(zoom.value * Math.exp(-event.deltaY * 0.002), ...fromMiddle(event));
      }}
      onDblClick={(event) => zoomTo(zoom.value > 1 ? 1 : 3, ...fromMiddle(event))}
    >
      <div
        class="moved"
        style={{
          transform: `translate(${offset.value[0]}px, ${offset.value[1]}px) scale(${zoom.value})`,
          filter: bright.value === 1 ? "" : `brightness(${bright.value})`,
        }}
      >
        <Picture key={row} row={row} side="full" alt={nameOf(row)} />
      </div>
      <div
        class="stage-tools"
        role="toolbar"
        aria-label="Picture"
        onPointerDown={(event) => event.stopPropagation()}
      >
        <button
          class="icon"
          aria-label="Zoom in"
          title="Zoom in (+)"
          onClick={() => zoomTo(zoom.value * 1.5, 0, 0)}
        >
          <Icon name="plus" />
        </button>
        <button
          class="icon"
          aria-label="Zoom out"
          title="Zoom out (−)"
          onClick={() => zoomTo(zoom.value / 1.5, 0, 0)}
        >
          <Icon name="minus" />
        </button>
        <output aria-live="polite">
          {zoom.value === 1 ? "fitted" : `${zoom.value.toFixed(2)} × fitted`}
        </output>
        <label>
          Brightness{" "}
          <input
            type="range"
            min={0.5}
            max={3}
            step={0.1}
            value={bright.value}
            onInput={(event) => (bright.value = event.currentTarget.valueAsNumber)}
          />
        </label>
      </div>
    </div>
  );
}
