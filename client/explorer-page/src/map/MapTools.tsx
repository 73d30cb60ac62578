/** What stands over the map: its kind, its colours, lasso and zoom. */

import { dialog } from "../panels/open_dialog";
import { Icon } from "../panels/Icon";
import { colourBy, fixed, lassoing, mapKind, suggestions } from "../data/state";

const KINDS: Record<string, string> = { pca: "PCA", umap: "UMAP" };

interface Props {
  showAll: () => void;
  zoom: (factor: number) => void;
}

export function MapTools({ showAll, zoom }: Props) {
  const has = (name: string) => fixed.columns.byName.has(name);
  const kinds = ["umap", "pca"].filter((kind) => has(`${kind}_x`));
  return (
    <div class="tools" role="toolbar" aria-label="Map">
      <label>
        <span class="unseen">Colour</span>
        <select
          value={colourBy.value}
          onChange={(event) => (colourBy.value = event.currentTarget.value as typeof colourBy.value)}
        >
          <option value="group">Colour: group</option>
          {has("class") && <option value="class">Colour: class</option>}
          <option value="label">Colour: label</option>
          {has("silhouette") && <option value="silhouette">Colour: silhouette</option>}
          {suggestions.value?.ready && <option value="certainty">Colour: certainty</option>}
        </select>
      </label>
      {kinds.length > 1 && (
        <label>
          <span class="unseen">Map</span>
          <select value={mapKind.value} onChange={(event) => (mapKind.value = event.currentTarget.value)}>
            {kinds.map((kind) => (
              <option value={kind}>{KINDS[kind]}</option>
            ))}
          </select>
        </label>
      )}
      <span class="grow" />
      <span class="icons">
        <button class="link" onClick={() => (dialog.value = { kind: "groups" })}>
          Table
        </button>
        <button
          class="icon"
          aria-pressed={lassoing.value}
          title="Lasso: draw around images (or hold Shift and drag)"
          aria-label="Lasso"
          onClick={() => (lassoing.value = !lassoing.value)}
        >
          <Icon name="lasso" />
        </button>
        <button class="icon" title="Zoom in" aria-label="Zoom in" onClick={() => zoom(1.4)}>
          <Icon name="plus" />
        </button>
        <button class="icon" title="Zoom out" aria-label="Zoom out" onClick={() => zoom(1 / 1.4)}>
          <Icon name="minus" />
        </button>
        <button class="icon" title="Show all" aria-label="Show all" onClick={showAll}>
          <Icon name="fit" />
        </button>
      </span>
    </div>
  );
}
