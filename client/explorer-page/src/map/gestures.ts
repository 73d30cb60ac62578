/** What pointer and keyboard do to the map. */

import { lassoing, pointed } from "../data/state";
import { pan, zoomAt } from "./camera";
import type { Scene } from "./scene";

const STILL_PIXELS = 5;
const STEP_PIXELS = 60;

export class Gestures {
  private readonly fingers = new Map<number, [number, number]>();
  private start: [number, number] | null = null;
  private moved = false;

  constructor(private readonly scene: Scene) {}

  handlers() {
    return {
      onPointerDown: (event: PointerEvent) => this.press(event),
      onPointerMove: (event: PointerEvent) => this.move(event),
      onPointerUp: (event: PointerEvent) => this.release(event),
      onPointerCancel: (event: PointerEvent) => this.release(event),
      onPointerLeave: () => (pointed.value = null),
      onDblClick: (event: MouseEvent) => this.scene.open(...place(event)),
      onWheel: (event: WheelEvent) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0018)), ...place(event));
      },
      onKeyDown: (event: KeyboardEvent) => this.key(event),
    };
  }

  private zoom(factor: number, x: number, y: number): void {
    const camera = this.scene.camera.peek();
    if (camera) this.scene.camera.value = zoomAt(camera, factor, x, y, this.scene.wholeScale);
  }

  zoomMiddle(factor: number): void {
    const camera = this.scene.camera.peek();
    if (camera) this.zoom(factor, camera.width / 2, camera.height / 2);
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, place(event));
    this.start = place(event);
    this.moved = false;
    if (lassoing.value || event.shiftKey) this.scene.lasso.value = [place(event)];
  }

  private move(event: PointerEvent): void {
    const [x, y] = place(event);
    const before = this.fingers.get(event.pointerId);
    if (!before) return void this.scene.point(x, y);
    this.fingers.set(event.pointerId, [x, y]);
    if (this.start && Math.hypot(x - this.start[0], y - this.start[1]) > STILL_PIXELS) this.moved = true;
    if (!this.moved) return;
    pointed.value = null;
    const camera = this.scene.camera.peek();
    if (this.scene.lasso.value.length) this.scene.lasso.value = [...this.scene.lasso.value, [x, y]];
    else if (this.fingers.size === 2) this.pinch(event.pointerId, before);
    else if (camera) this.scene.camera.value = pan(camera, x - before[0], y - before[1]);
  }

  private pinch(pointer: number, before: [number, number]): void {
    const other = [...this.fingers].find(([id]) => id !== pointer)?.[1];
    const now = this.fingers.get(pointer);
    if (!other || !now) return;
    const apart = (place: [number, number]) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    this.zoom(apart(now) / Math.max(apart(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  private release(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.scene.lasso.value.length > 2) this.scene.takeLasso();
    else if (!this.moved && event.type === "pointerup") {
      this.scene.lasso.value = [];
      this.scene.click(...place(event), event.ctrlKey || event.metaKey || event.shiftKey);
    } else this.scene.lasso.value = [];
  }

  private key(event: KeyboardEvent): void {
    const camera = this.scene.camera.peek();
    if (!camera || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [STEP_PIXELS, 0],
      ArrowRight: [-STEP_PIXELS, 0],
      ArrowUp: [0, STEP_PIXELS],
      ArrowDown: [0, -STEP_PIXELS],
    };
    const step = steps[event.key];
    if (step) this.scene.camera.value = pan(camera, ...step);
    else if (event.key === "+" || event.key === "=") this.zoomMiddle(1.4);
    else if (event.key === "-") this.zoomMiddle(1 / 1.4);
    else if (event.key === "0") this.scene.showAll();
    else if (event.key === "Enter") this.scene.open(camera.width / 2, camera.height / 2, Infinity);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function place(event: MouseEvent): [number, number] {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
