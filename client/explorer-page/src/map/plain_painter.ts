/** Points on a plain canvas, for browsers without WebGL: round marks, the same places and colours. */

import { toScreen } from "./camera";
import { FAINT, type Looks, PLAIN, SELECTED, type Scene, pointSize } from "./painter";
import type { Points } from "./points";

interface Picture {
  points: Points;
  mixed: Uint32Array;
  looks: Looks;
  scene: Scene;
}

export function paintPlain(canvas: HTMLCanvasElement, { points, mixed, looks, scene }: Picture): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = canvas.width / Math.max(scene.camera.width, 1);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, scene.camera.width, scene.camera.height);
  const size = pointSize(mixed.length, scene.camera, points);
  const css = (parts: number[]) => `rgb(${parts.map((part) => Math.round(part * 255)).join(" ")})`;
  for (const stage of [FAINT, PLAIN, SELECTED]) {
    const half = (size + (stage === SELECTED ? 3 : 0)) / 2;
    context.globalAlpha = stage === FAINT ? 0.5 : 0.9;
    for (const row of mixed) {
      if (looks.stages[row] !== stage || !Number.isFinite(points.x[row]!)) continue;
      const [x, y] = toScreen(scene.camera, points.x[row]!, points.y[row]!);
      if (x < -half || y < -half || x > scene.camera.width + half || y > scene.camera.height + half) continue;
      const [red, green, blue] = looks.colours.subarray(4 * row);
      context.fillStyle = stage === FAINT ? css(scene.faint) : `rgb(${red} ${green} ${blue})`;
      context.fillRect(x - half, y - half, 2 * half, 2 * half);
      if (stage !== SELECTED) continue;
      context.strokeStyle = css(scene.ink);
      context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    }
  }
}
