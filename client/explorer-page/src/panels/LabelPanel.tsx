/** Labels given by hand, and what follows from them for the rest. */

import { useSignal } from "@preact/signals";
import { type Propagation, read, Refusal } from "../data/api";
import { complain, countImages, perform, tell } from "../data/acting";
import { classColour } from "../data/colours";
import { NO_FILTERS } from "../data/filters";
import {
  chosen,
  colourBy,
  dark,
  filters,
  isSpread,
  markOfLabel,
  membership,
  order,
  scope,
  snapshot,
  suggestions,
  tab,
} from "../data/state";

const WAIT_MILLISECONDS = 400;

export function LabelPanel() {
  const working = useSignal("");
  const { labelValues, labels, propagated } = snapshot.value.state;
  const counts = new Map<number, number>();
  membership.value.labels.forEach((label, row) => {
    if (label >= 0 && !isSpread(row)) counts.set(label, (counts.get(label) ?? 0) + 1);
  });
  const suggest = async () => {
    try {
      suggestions.value = await waitForSuggestions((text) => (working.value = text));
      if (suggestions.value) tell("The suggestions are ready.");
    } catch (error) {
      await complain(error);
    }
    working.value = "";
  };
  return (
    <details class="panel labels">
      <summary>
        Labels {labels > 0 && <span class="badge">{(labels - propagated).toLocaleString("en")}</span>}
      </summary>
      {labels === 0 && (
        <p class="hint">
          Select images and press Label, or the key L. From a few labels of each kind, the rest can be
          suggested.
        </p>
      )}
      <ul class="label-counts">
        {labelValues.map((value, index) => (
          <li key={value}>
            <span class="dot" style={{ background: classColour(markOfLabel(index), dark.value) }} />
            {value} <span class="count">{(counts.get(index) ?? 0).toLocaleString("en")}</span>
          </li>
        ))}
      </ul>
      {propagated > 0 && (
        <p class="hint">{countImages(propagated)} labelled by suggestion, in italics on the wall.</p>
      )}
      {labels > 0 && !suggestions.value?.ready && (
        <button class="block" disabled={working.value !== ""} onClick={() => void suggest()}>
          Suggest labels for the rest
        </button>
      )}
      <p class="hint" aria-live="polite">
        {working.value}
      </p>
      {suggestions.value?.ready && <Suggested found={suggestions.value} />}
    </details>
  );
}

async function waitForSuggestions(say: (text: string) => void): Promise<Propagation> {
  for (;;) {
    const found = await read<Propagation>("propagation");
    if (found.ready) return found;
    if (found.error) throw new Refusal(0, found.error);
    say(found.text);
    await new Promise((done) => setTimeout(done, WAIT_MILLISECONDS));
  }
}

function Suggested({ found }: { found: Propagation }) {
  const least = useSignal(0);
  const hand = membership.value.labels;
  const rows = found.labels.flatMap((label, row) =>
    label >= 0 && (hand[row]! < 0 || isSpread(row)) ? [row] : [],
  );
  const byDoubt = rows.sort((a, b) => found.certainty[a]! - found.certainty[b]!);
  const certaintyAt = (place: number) => found.certainty[byDoubt[place] ?? -1]?.toFixed(2) ?? "";
  const show = (wanted: number[], title: string) => {
    chosen.value = new Set();
    filters.value = NO_FILTERS;
    scope.value = { rows: Uint32Array.from(wanted), title };
    order.value = "asked";
    tab.value = "images";
  };
  return (
    <div class="suggested">
      <p>
        Suggested for {countImages(byDoubt.length)}. Certainty (0 to 1): lowest {certaintyAt(0)}, median{" "}
        {certaintyAt(byDoubt.length >> 1)}.
      </p>
      <button class="block" onClick={() => show(found.ask, "Worth asking next")}>
        Show {found.ask.length} worth asking next
      </button>
      <button class="block" onClick={() => show(byDoubt, "Suggested")}>
        Show all, the least certain first
      </button>
      <button class="block" onClick={() => (colourBy.value = "label")}>
        Colour the map by label
      </button>
      <button class="block" onClick={() => (colourBy.value = "certainty")}>
        Colour the map by certainty
      </button>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void perform({ kind: "propagate", certainty: least.value }, "The rest is labelled as suggested.");
        }}
      >
        <label class="choice">
          Certainty of at least
          <input
            type="number"
            min={0}
            max={1}
            step={0.05}
            value={least.value}
            onInput={(event) => (least.value = event.currentTarget.valueAsNumber || 0)}
          />
        </label>
        <button class="primary block">
          Label the rest so:{" "}
          {countImages(byDoubt.filter((row) => found.certainty[row]! >= least.value).length)}
        </button>
      </form>
    </div>
  );
}
