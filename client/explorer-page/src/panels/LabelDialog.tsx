/** Gives the selected images a label, or takes it away. */

import { useSignal } from "@preact/signals";
import { countImages, perform } from "../data/acting";
import { classColour } from "../data/colours";
import { dark, fixed, groups, markOfLabel, selectedRows, selection, snapshot } from "../data/state";
import { closeDialog } from "./open_dialog";
import { Form, Modal } from "./Modal";

const MOST_LABELS = 12;

/** Labels that are likely meant: those given so far, then classes, then names of groups; of words that differ in letters alone, the first. */
function likelyLabels(): string[] {
  const named = groups.value.filter((group) => group.named).map((group) => group.name);
  const all = [...snapshot.value.state.labelValues, ...(fixed.result.classes ?? []), ...named];
  const seen = new Set<string>();
  const fresh = all.filter((label) => !seen.has(label.toLowerCase()) && seen.add(label.toLowerCase()));
  return fresh.slice(0, MOST_LABELS);
}

/** The colour of a label that may not be given yet; unknown ones are grey. */
function colourOf(label: string): number {
  const given = snapshot.value.state.labelValues.indexOf(label);
  return given >= 0 ? markOfLabel(given) : (fixed.result.classes ?? []).indexOf(label);
}

export function LabelDialog() {
  const give = (label: string | null) => {
    const rows = selectedRows();
    closeDialog();
    const words = label === null ? "have no label any more" : `labelled ${label}`;
    void perform({ kind: "label", rows, label }, `${countImages(rows.length)} ${words}.`);
  };
  const likely = likelyLabels();
  const [typed, alike] = [useSignal(""), useSignal("")];
  /** The same word in other letters is a slip more often than a finding of its own. */
  const giveTyped = (label: string) => {
    const other = likely.find((one) => one !== label && one.toLowerCase() === label.toLowerCase());
    if (!other || typed.value === label) return give(label);
    typed.value = label;
    alike.value = other;
  };
  const key = (event: KeyboardEvent) => {
    const label = /^[1-9]$/.test(event.key) ? likely[Number(event.key) - 1] : undefined;
    if (!label || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    give(label);
  };
  return (
    <Modal title={`Label ${countImages(selection.value.count)}`} close={closeDialog}>
      <div class="targets" role="group" aria-label="Known labels" onKeyDown={key}>
        {likely.map((label, place) => (
          <button key={label} class="group" autoFocus={place === 0} onClick={() => give(label)}>
            <span class="dot" style={{ background: classColour(colourOf(label), dark.value) }} />
            <span class="group-name">{label}</span>
            {place < 9 && <kbd>{place + 1}</kbd>}
          </button>
        ))}
      </div>
      <Form
        button={alike.value ? `Label ${typed.value} all the same` : "Label"}
        send={({ label = "" }) => giveTyped(label)}
      >
        {alike.value && (
          <p class="notice" role="alert">
            There is{" "}
            <button type="button" class="link" onClick={() => give(alike.value)}>
              {alike.value}
            </button>{" "}
            already.
          </p>
        )}
        <label class="field">
          Label
          <input name="label" required maxLength={200} autocomplete="off" autoFocus={!likely.length} />
        </label>
      </Form>
      <button class="link" onClick={() => give(null)}>
        Take the label away
      </button>
    </Modal>
  );
}
