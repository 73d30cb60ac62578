/** Colours and shapes of groups and classes: those of the report, so that both read alike. */

import type { Group } from "./api";

const CLASSES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const LIGHT = ["#112299", "#bb8877", "#771100", "#8888ee", "#bb3300", "#885577", "#5555cc", "#441144"];
const DARK = ["#4488ee", "#ffbb66", "#ff7799", "#bbaaff", "#999900", "#00ffee", "#aa5544", "#776699"];
const NEUTRAL = { light: "#858b92", dark: "#8a9199" };

/** Shapes by number, as the map's shader draws them. */
export const SHAPES = ["circle", "square", "diamond", "up", "down", "cross", "bar"] as const;

const PATHS: Record<(typeof SHAPES)[number], string> = {
  circle: "M8 1.5a6.5 6.5 0 1 0 .01 0z",
  square: "M2 2h12v12H2z",
  diamond: "M8 .5 15.5 8 8 15.5.5 8z",
  up: "M8 1.5 15 14H1z",
  down: "M8 14.5 1 2h14z",
  cross: "M5.5 1h5v4.5H15v5h-4.5V15h-5v-4.5H1v-5h4.5z",
  bar: "M1 5h14v6H1z",
};

/** The number that decides a group's colour and shape; -1 for noise. It never changes, whatever is done. */
export function markOf(group: Group, clusters: number): number {
  if (group.id === "noise") return -1;
  const number = Number(group.id.slice(1));
  if (Number.isNaN(number)) return -1;
  return group.id.startsWith("c") ? number : clusters + number - 1;
}

export function groupColour(mark: number, dark: boolean): string {
  const palette = dark ? DARK : LIGHT;
  return mark < 0 ? neutral(dark) : palette[mark % palette.length]!;
}

export function classColour(index: number, dark: boolean): string {
  return index < 0 ? neutral(dark) : CLASSES[index % CLASSES.length]!;
}

export function neutral(dark: boolean): string {
  return dark ? NEUTRAL.dark : NEUTRAL.light;
}

export function shapePath(mark: number): string {
  return PATHS[SHAPES[mark < 0 ? 0 : mark % SHAPES.length]!];
}

export function shapeNumber(mark: number): number {
  return mark < 0 ? 0 : mark % SHAPES.length;
}

/** A colour of a scale from 0 to 1 that reads the same with every kind of colour blindness (cividis). */
export function scaleColour(share: number): string {
  const stops = [
    [0, 34, 78],
    [87, 92, 109],
    [165, 156, 116],
    [254, 232, 56],
  ];
  if (Number.isNaN(share)) return "#888888";
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  const mixed = stops[low]!.map((value, index) => value + (place - low) * (stops[low + 1]![index]! - value));
  return `#${mixed.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
