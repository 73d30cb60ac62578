/** From the map's coordinates to the screen's and back. */

import type { Points } from "./points";

export interface Camera {
  x: number;
  y: number;
  /** CSS pixels for one unit of the map. */
  scale: number;
  width: number;
  height: number;
}

const MARGIN = 28;

/** A camera that shows all points. */
export function fit(points: Points, width: number, height: number): Camera {
  const { left, bottom, cell, columns, lines } = points.box;
  const [wide, high] = [columns * cell, lines * cell];
  const scale = Math.min(Math.max(width - 2 * MARGIN, 40) / wide, Math.max(height - 2 * MARGIN, 40) / high);
  return { x: left + wide / 2, y: bottom + high / 2, scale, width, height };
}

export function toScreen(camera: Camera, x: number, y: number): [number, number] {
  return [
    (x - camera.x) * camera.scale + camera.width / 2,
    camera.height / 2 - (y - camera.y) * camera.scale,
  ];
}

export function toMap(camera: Camera, x: number, y: number): [number, number] {
  return [
    (x - camera.width / 2) / camera.scale + camera.x,
    (camera.height / 2 - y) / camera.scale + camera.y,
  ];
}

/** Zooms so that what is at a place of the screen stays there. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number, least: number): Camera {
  const scale = Math.min(Math.max(camera.scale * factor, least * 0.5), least * 400);
  const [mapX, mapY] = toMap(camera, x, y);
  return {
    ...camera,
    scale,
    x: mapX - (x - camera.width / 2) / scale,
    y: mapY + (y - camera.height / 2) / scale,
  };
}

export function pan(camera: Camera, right: number, down: number): Camera {
  return { ...camera, x: camera.x - right / camera.scale, y: camera.y + down / camera.scale };
}
