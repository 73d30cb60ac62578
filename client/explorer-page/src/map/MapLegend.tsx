/** What the colours of the map mean, where the names on it do not say it. */

import { classColour, scaleColour, shapePath } from "../data/colours";
import { colourBy, dark, fixed, markOfLabel, snapshot } from "../data/state";

const STEPS = 9;
const SCALES: Record<string, [string, string, string]> = {
  silhouette: ["Silhouette", "-0.2", "0.6"],
  certainty: ["Certainty", "0", "1"],
};

export function MapLegend() {
  const kind = colourBy.value;
  if (kind === "group") return null;
  const scale = SCALES[kind];
  if (scale) return <Scale words={scale} />;
  const markOf = kind === "class" ? (index: number) => index : markOfLabel;
  const values =
    kind === "class" ? (fixed.columns.byName.get("class")?.values ?? []) : snapshot.value.state.labelValues;
  return (
    <ul class="legend" aria-label={kind === "class" ? "Classes" : "Labels"}>
      {values.map((value, index) => (
        <li key={value}>
          <svg class="group-mark" viewBox="0 0 16 16" aria-hidden="true">
            <path d={shapePath(markOf(index))} fill={classColour(markOf(index), dark.value)} />
          </svg>
          {value}
        </li>
      ))}
      <li class="hint">grey: unknown</li>
    </ul>
  );
}

function Scale({ words: [title, low, high] }: { words: [string, string, string] }) {
  return (
    <p class="legend">
      {title} {low}
      <span class="scale" aria-hidden="true">
        {Array.from({ length: STEPS }, (_, step) => (
          <span key={step} style={{ background: scaleColour(step / (STEPS - 1)) }} />
        ))}
      </span>
      {high}
    </p>
  );
}
