/** Which lines of a long list are on the screen: only those are drawn. */

import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const STILL_MILLISECONDS = 50;
const MARGIN_LINES = 2;

export interface Window {
  box: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  first: number;
  last: number;
  /** Whether the list stands still, so that pictures are worth asking for. */
  still: boolean;
  scrollToLine: (line: number) => void;
}

/** Follows the scrolling of a box whose lines all have one height, which may depend on its width. */
export function useWindow(measureLines: (width: number) => { lines: number; lineHeight: number }): Window {
  const box = useRef<HTMLDivElement | null>(null);
  const place = useSignal({ top: 0, width: 0, height: 0, still: true });

  useEffect(() => {
    const element = box.current!;
    let timer = 0;
    let before = 0;
    const measure = (still: boolean) => {
      const { scrollTop: top, clientWidth, clientHeight: height } = element;
      const style = getComputedStyle(element);
      const width = clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      place.value = { top, width, height, still };
    };
    const scrolled = () => {
      const far = Math.abs(element.scrollTop - before) > element.clientHeight;
      before = element.scrollTop;
      measure(!far && place.peek().still);
      clearTimeout(timer);
      timer = window.setTimeout(() => measure(true), STILL_MILLISECONDS);
    };
    const observer = new ResizeObserver(() => measure(true));
    observer.observe(element);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      element.removeEventListener("scroll", scrolled);
    };
  }, []);

  const { top, width, height, still } = place.value;
  const { lines, lineHeight } = measureLines(width);
  const first = Math.max(0, Math.floor(top / lineHeight) - MARGIN_LINES);
  const last = Math.min(lines - 1, Math.ceil((top + height) / lineHeight) + MARGIN_LINES);
  const scrollToLine = (line: number) => {
    const element = box.current;
    if (!element) return;
    const start = line * lineHeight;
    if (start < element.scrollTop) element.scrollTop = start;
    else if (start + lineHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = start + lineHeight - element.clientHeight;
  };
  return { box, width, height, first, last, still, scrollToLine };
}
