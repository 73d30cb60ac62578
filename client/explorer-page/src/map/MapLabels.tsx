/** The names of the groups, over their middles. */

import { chosen, colourOfGroup, groups } from "../data/state";
import { toScreen } from "./camera";
import type { Scene } from "./scene";

const MOST_LABELS = 24;

export function MapLabels({ scene }: { scene: Scene }) {
  const camera = scene.camera.value;
  if (!camera) return null;
  const largest = groups.value
    .map((group, place) => ({ group, middle: scene.middles.value[place]! }))
    .filter(
      ({ group, middle }) =>
        middle?.every(Number.isFinite) && (!chosen.value.size || chosen.value.has(group.id)),
    )
    .sort((a, b) => b.group.images - a.group.images)
    .slice(0, MOST_LABELS);
  return (
    <div class="map-labels" aria-hidden="true">
      {largest.map(({ group, middle }) => {
        const [x, y] = toScreen(camera, ...middle);
        if (x < 0 || y < 0 || x > camera.width || y > camera.height) return null;
        const transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) translate(-50%, -50%)`;
        return (
          <span key={group.id} style={{ transform, borderColor: colourOfGroup(group) }}>
            {group.name}
          </span>
        );
      })}
    </div>
  );
}
