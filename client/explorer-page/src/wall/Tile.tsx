/** One image of the wall. */

import { useRef } from "preact/hooks";
import { sideFor } from "../data/api";
import {
  colourOfGroup,
  describe,
  focused,
  groupOf,
  isSpread,
  isUnusable,
  labelOf,
  nameOf,
  pointed,
  selection,
} from "../data/state";
import { Icon } from "../panels/Icon";
import { Picture } from "./Picture";
import { tellMarks } from "./Table";

interface Props {
  row: number;
  position: number;
  count: number;
  place: { x: number; y: number; side: number; height: number };
  wanted: boolean;
}

export function Tile({ row, position, count, place, wanted }: Props) {
  // A picture that was asked for once stays, however fast one scrolls on.
  const asked = useRef(false);
  const pictured = asked.current || wanted;
  asked.current = pictured;
  const chosen = selection.value.mask[row] === 1;
  const unusable = isUnusable(row);
  const label = labelOf(row);
  const classes = ["tile", chosen && "selected", focused.value === row && "focused", unusable && "unusable"];
  return (
    <div
      id={`tile-${row}`}
      class={classes.filter(Boolean).join(" ")}
      role="option"
      aria-selected={chosen}
      aria-label={describe(row)}
      aria-setsize={count}
      aria-posinset={position + 1}
      data-row={row}
      draggable
      style={{
        transform: `translate(${place.x}px, ${place.y}px)`,
        width: `${place.side}px`,
        height: `${place.height}px`,
      }}
      onPointerEnter={() => (pointed.value = { row, on: "wall" })}
      onPointerLeave={() => (pointed.value = null)}
    >
      {pictured ? <Picture row={row} side={sideFor(place.side)} /> : <span class="picture" />}
      <span class="mark" style={{ background: colourOfGroup(groupOf(row)) }} />
      <span class="check" data-check aria-hidden="true">
        <Icon name="check" />
      </span>
      <span class="caption" aria-hidden="true">
        <span class="name">{nameOf(row)}</span>
        {unusable && <em>unusable</em>}
        {label && <b class={isSpread(row) ? "spread" : ""}>{label}</b>}
        {!label && !unusable && <i>{tellMarks(row)}</i>}
      </span>
    </div>
  );
}
