/** The picture of the image at the pointer. */

import { describe, groupOf, nameOf, pointed } from "../data/state";
import { Picture } from "../wall/Picture";
import type { Scene } from "./scene";

const WIDTH = 168;
const HEIGHT = 176;

export function PointedPicture({ scene }: { scene: Scene }) {
  const row = pointed.value?.row ?? null;
  const place = row === null ? null : scene.placeOf(row);
  const camera = scene.camera.value;
  if (row === null || !place || !camera) return null;
  const pin = (
    <span class="pin" style={{ transform: `translate(${place[0]}px, ${place[1]}px)` }} aria-hidden="true" />
  );
  if (pointed.value?.on !== "map") return pin;
  const left = place[0] + WIDTH + 16 < camera.width ? place[0] + 12 : place[0] - WIDTH - 12;
  const top = Math.min(Math.max(place[1] - HEIGHT / 2, 4), Math.max(camera.height - HEIGHT - 4, 4));
  return (
    <>
      {pin}
      <figure class="pointed" style={{ transform: `translate(${left}px, ${top}px)` }}>
        <Picture key={row} row={row} side="192" />
        <figcaption title={describe(row)}>
          <strong>{groupOf(row)?.name}</strong>
          <span>{nameOf(row)}</span>
        </figcaption>
      </figure>
    </>
  );
}
