/** Labels given by hand, and what follows from them for the rest. */

import { useSignal } from "@preact/signals";
import { read, type Propagation } from "../data/api";
import { complain, countImages, perform, tell } from "../data/acting";
import { classColour } from "../data/colours";
import { colourBy, dark, membership, order, scope, snapshot, suggestions, tab } from "../data/state";

const WAIT_MILLISECONDS = 400;

export function LabelPanel() {
  const working = useSignal("");
  const { labelValues, labels } = snapshot.value.state;
  const counts = new Map<number, number>();
  for (const label of membership.value.labels) if (label >= 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  const suggest = async () => {
    try {
      suggestions.value = await waitForSuggestions((text) => (working.value = text));
      if (suggestions.value) tell(suggestions.value.text || "The suggestions are ready.");
    } catch (error) {
      await complain(error);
    }
    working.value = "";
  };
  return (
    <details class="panel labels">
      <summary>Labels {labels > 0 && <span class="badge">{labels}</span>}</summary>
      {labels === 0 && <p class="hint">Select images and press Label, or the key L. From a few labels of each kind, the rest can be suggested.</p>}
      <ul class="label-counts">
        {labelValues.map((value, index) => (
          <li key={value}>
            <span class="dot" style={{ background: classColour(index, dark.value) }} />
            {value} <span class="count">{(counts.get(index) ?? 0).toLocaleString("en")}</span>
          </li>
        ))}
      </ul>
      {labels > 0 && !suggestions.value?.ready && (
        <button class="block" disabled={working.value !== ""} onClick={() => void suggest()}>Suggest labels for the rest</button>
      )}
      <p class="hint" aria-live="polite">{working.value}</p>
      {suggestions.value?.ready && <Suggested found={suggestions.value} />}
    </details>
  );
}

async function waitForSuggestions(say: (text: string) => void): Promise<Propagation> {
  for (;;) {
    const found = await read<Propagation>("propagation");
    if (found.ready) return found;
    say(found.text);
    await new Promise((done) => setTimeout(done, WAIT_MILLISECONDS));
  }
}

function Suggested({ found }: { found: Propagation }) {
  const sure = found.certainty.filter((value) => value >= 0.9).length;
  const show = (rows: number[], title: string) => {
    scope.value = { rows: Uint32Array.from(rows), title };
    order.value = "asked";
    tab.value = "images";
  };
  const doubtful = () => {
    const rows = found.labels.flatMap((label, row) => (label >= 0 && found.certainty[row]! < 0.9 ? [row] : []));
    show(rows.sort((a, b) => found.certainty[a]! - found.certainty[b]!), "Uncertain suggestions");
  };
  return (
    <div class="suggested">
      <p>{found.text}</p>
      <p>{countImages(sure)} with a certainty of 0.9 or more.</p>
      <button class="block" onClick={() => show(found.ask, "Worth asking next")}>Show {found.ask.length} worth asking next</button>
      <button class="block" onClick={doubtful}>Show the uncertain ones</button>
      <button class="block" onClick={() => (colourBy.value = "certainty")}>Colour the map by certainty</button>
      <button class="primary block" onClick={() => void perform({ kind: "propagate" }, "The rest is labelled as suggested.")}>
        Label the rest so
      </button>
    </div>
  );
}
