/** Which lines of a long list are on the screen: only those are drawn. */

import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const MARGIN_LINES = 2;
/** Scrolling is fast while jumps of more than a screen follow each other within this time. */
const FAST_MILLISECONDS = 80;
/** The lines around the screen get their pictures this long after the last scrolling. */
const AHEAD_MILLISECONDS = 250;

/** Which pictures are worth asking for: none while one rushes by, those on the screen, those around it, too. */
export type Pace = "fast" | "slow" | "still";

export interface Window {
  box: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  first: number;
  last: number;
  /** Whether the pictures of a line are worth asking for now. */
  wants: (line: number) => boolean;
  scrollToLine: (line: number) => void;
}

interface Place {
  top: number;
  width: number;
  height: number;
  pace: Pace;
}

function readPlace(element: HTMLElement, pace: Pace): Place {
  const style = getComputedStyle(element);
  const width = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return { top: element.scrollTop, width, height: element.clientHeight, pace };
}

/** Calls back with each new place of a box, and its pace; the answer ends that. */
function follow(element: HTMLElement, take: (place: Place) => void): () => void {
  let [timer, before, when] = [0, 0, 0];
  const later = (pace: Pace, wait: number) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      take(readPlace(element, pace));
      if (pace === "slow") later("still", AHEAD_MILLISECONDS);
    }, wait);
  };
  const scrolled = () => {
    const now = performance.now();
    const far = Math.abs(element.scrollTop - before) > element.clientHeight;
    const fast = far && now - when < FAST_MILLISECONDS;
    [before, when] = [element.scrollTop, now];
    take(readPlace(element, fast ? "fast" : "slow"));
    later(fast ? "slow" : "still", fast ? FAST_MILLISECONDS : AHEAD_MILLISECONDS);
  };
  const resized = () => {
    take(readPlace(element, "slow"));
    later("still", AHEAD_MILLISECONDS);
  };
  const observer = new ResizeObserver(resized);
  observer.observe(element);
  element.addEventListener("scroll", scrolled, { passive: true });
  return () => {
    clearTimeout(timer);
    observer.disconnect();
    element.removeEventListener("scroll", scrolled);
  };
}

/** Follows the scrolling of a box whose lines all have one height, which may depend on its width. */
export function useWindow(measureLines: (width: number) => { lines: number; lineHeight: number }): Window {
  const box = useRef<HTMLDivElement | null>(null);
  const seen = useSignal<Place>({ top: 0, width: 0, height: 0, pace: "slow" });
  useEffect(() => follow(box.current!, (place) => (seen.value = place)), []);

  const { top, width, height, pace } = seen.value;
  const { lines, lineHeight } = measureLines(width);
  const [begin, end] = [Math.floor(top / lineHeight), Math.ceil((top + height) / lineHeight)];
  const scrollToLine = (line: number) => {
    const element = box.current;
    if (!element) return;
    const start = line * lineHeight;
    if (start < element.scrollTop) element.scrollTop = start;
    else if (start + lineHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = start + lineHeight - element.clientHeight;
  };
  return {
    box,
    width,
    height,
    first: Math.max(0, begin - MARGIN_LINES),
    last: Math.min(lines - 1, end + MARGIN_LINES),
    wants: (line) => pace === "still" || (pace === "slow" && line >= begin && line <= end),
    scrollToLine,
  };
}
