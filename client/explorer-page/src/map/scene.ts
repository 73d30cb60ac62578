/** The map's points, camera and painter, kept up to date with what is shown. */

import { type Signal, computed, effect, signal } from "@preact/signals";
import { countImages, tell } from "../data/acting";
import {
  dark,
  fixed,
  focused,
  groups,
  lassoing,
  mapKind,
  membership,
  opened,
  pointed,
  scope,
  select,
  shown,
  tab,
} from "../data/state";
import { type Camera, fit, toMap, toScreen } from "./camera";
import { parseColour, readLooks } from "./looks";
import { type Painter, openPainter } from "./painter";
import { type Points, findInside, findMiddles, findNearest, layGrid, mixRows } from "./points";

const REACH = 14;

function readPoints(kind: string): Points {
  const numbers = (axis: string) => fixed.columns.byName.get(`${kind}_${axis}`)?.numbers as Float32Array;
  return layGrid(numbers("x"), numbers("y"));
}

function readInk() {
  const unit = (colour: string) => parseColour(colour).map((part) => part / 255) as [number, number, number];
  return dark.value
    ? { ink: unit("#ffffff"), faint: unit("#4a535c") }
    : { ink: unit("#000000"), faint: unit("#b9c1c9") };
}

export class Scene {
  readonly camera: Signal<Camera | null> = signal(null);
  readonly lasso: Signal<[number, number][]> = signal([]);
  readonly points = computed(() => readPoints(mapKind.value));
  readonly middles = computed(() =>
    findMiddles(this.points.value, membership.value.groups, groups.value.length),
  );
  private readonly shownMask = computed(() => {
    const mask = new Uint8Array(fixed.columns.rows);
    for (const row of shown.value) mask[row] = 1;
    return mask;
  });
  private painter?: Painter;
  private due = 0;
  private whole = 1;

  /** Draws on a canvas as large as its frame, until the answer is called. */
  attach(frame: HTMLElement, canvas: HTMLCanvasElement): () => void {
    let stops = this.draw(frame, canvas);
    const stop = () => stops.forEach((end) => end());
    const observer = new ResizeObserver(() => this.resize(frame, canvas));
    observer.observe(frame);
    // A graphics card can be taken away, as when a computer sleeps: all that it held must be given again.
    const lost = (event: Event) => event.preventDefault();
    const restored = () => {
      stop();
      stops = this.draw(frame, canvas);
    };
    canvas.addEventListener("webglcontextlost", lost);
    canvas.addEventListener("webglcontextrestored", restored);
    return () => {
      observer.disconnect();
      canvas.removeEventListener("webglcontextlost", lost);
      canvas.removeEventListener("webglcontextrestored", restored);
      stop();
    };
  }

  /** Gives a painter the points and their looks, now and whenever they change. */
  private draw(frame: HTMLElement, canvas: HTMLCanvasElement): (() => void)[] {
    const painter = openPainter(canvas);
    this.painter = painter;
    frame.dataset["painter"] = painter.kind;
    const mixed = mixRows(fixed.columns.rows);
    return [
      effect(() => {
        painter.setPoints(this.points.value, mixed);
        this.showAll();
      }),
      effect(() => {
        painter.setLooks(readLooks());
        this.repaint();
      }),
      effect(() => {
        if (this.camera.value && dark.value !== null) this.repaint();
      }),
    ];
  }

  private resize(frame: HTMLElement, canvas: HTMLCanvasElement): void {
    const { clientWidth, clientHeight } = frame;
    if (!clientWidth || !clientHeight) return;
    const ratio = Math.min(devicePixelRatio, 2);
    canvas.width = Math.round(clientWidth * ratio);
    canvas.height = Math.round(clientHeight * ratio);
    this.frameSize = [clientWidth, clientHeight];
    this.showAll();
  }

  private frameSize: [number, number] = [0, 0];

  showAll(): void {
    if (!this.frameSize[0]) return;
    const camera = fit(this.points.peek(), ...this.frameSize);
    this.whole = camera.scale;
    this.camera.value = camera;
  }

  /** The scale at which all points are seen. */
  get wholeScale(): number {
    return this.whole;
  }

  private repaint(): void {
    cancelAnimationFrame(this.due);
    this.due = requestAnimationFrame(() => {
      const camera = this.camera.peek();
      if (camera) this.painter?.paint({ camera, ...readInk() });
    });
  }

  /** Where an image is on the screen; null if it has no place. */
  placeOf(row: number): [number, number] | null {
    if (!this.camera.value) return null;
    const { x, y } = this.points.value;
    const place = toScreen(this.camera.value, x[row]!, y[row]!);
    return place.every(Number.isFinite) ? place : null;
  }

  private nearest(x: number, y: number, reach = REACH): number | null {
    const camera = this.camera.peek();
    if (!camera) return null;
    const mask = this.shownMask.value;
    return findNearest(
      this.points.value,
      toMap(camera, x, y),
      reach / camera.scale,
      (row) => mask[row] === 1,
    );
  }

  point(x: number, y: number): void {
    const row = this.nearest(x, y);
    if (row !== pointed.peek()?.row) pointed.value = row === null ? null : { row, on: "map" };
  }

  click(x: number, y: number, more: boolean): void {
    const row = this.nearest(x, y);
    if (row !== null) focused.value = row;
    if (row !== null) select([row], more ? "add" : "only");
    else if (!more) select([]);
  }

  open(x: number, y: number, reach = REACH): void {
    opened.value = this.nearest(x, y, reach) ?? opened.value;
  }

  /** Takes what the lasso went around: selects it, and shows it alone. */
  takeLasso(): void {
    const camera = this.camera.peek();
    const polygon = this.lasso.value.map(([x, y]) => toMap(camera!, x, y));
    this.lasso.value = [];
    lassoing.value = false;
    const rows = findInside(this.points.value, shown.value, polygon);
    if (!rows.length) return tell("No image lies inside the lasso.");
    select(rows);
    scope.value = { rows: Uint32Array.from(rows), title: "Lasso" };
    tab.value = "images";
    tell(`${countImages(rows.length)} selected by the lasso.`);
  }
}
