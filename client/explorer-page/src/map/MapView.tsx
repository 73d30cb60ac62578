/** The map of all images: pan, zoom, a lasso, the picture at a point. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { lassoing } from "../data/state";
import { Gestures } from "./gestures";
import { MapLabels } from "./MapLabels";
import { MapLegend } from "./MapLegend";
import { MapTools } from "./MapTools";
import { PointedPicture } from "./PointedPicture";
import { Scene } from "./scene";

export function MapView() {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scene = useMemo(() => new Scene(), []);
  const gestures = useMemo(() => new Gestures(scene), []);
  useEffect(() => scene.attach(frame.current!, canvas.current!), []);

  return (
    <section class={lassoing.value ? "map lassoing" : "map"} aria-label="Map">
      <MapTools showAll={() => scene.showAll()} zoom={(factor) => gestures.zoomMiddle(factor)} />
      <div ref={frame} class="map-frame" {...gestures.handlers()}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label="Map of all images. Near images look alike to the model. The button Table gives the groups in numbers."
          aria-describedby="map-keys"
        />
        <p id="map-keys" class="unseen">
          Arrow keys move the map, plus and minus zoom, 0 shows all, Enter opens the image nearest to the
          middle.
        </p>
        <MapLabels scene={scene} />
        <MapLegend />
        <Lasso scene={scene} />
        <PointedPicture scene={scene} />
      </div>
    </section>
  );
}

function Lasso({ scene }: { scene: Scene }) {
  const line = scene.lasso.value.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return (
    <svg class="lasso" aria-hidden="true">
      <polygon points={line} />
    </svg>
  );
}
