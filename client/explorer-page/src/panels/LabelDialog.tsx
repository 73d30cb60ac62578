/** Gives the selected images a label, or takes it away. */

import { countImages, perform } from "../data/acting";
import { classColour } from "../data/colours";
import { dark, fixed, groups, markOfLabel, selectedRows, selection, snapshot } from "../data/state";
import { closeDialog } from "./open_dialog";
import { Form, Modal } from "./Modal";

/** Labels that are likely meant: those given so far, then classes, then names of groups. */
function likelyLabels(): string[] {
  const named = groups.value.filter((group) => group.named).map((group) => group.name);
  return [...new Set([...snapshot.value.state.labelValues, ...(fixed.result.classes ?? []), ...named])].slice(
    0,
    12,
  );
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
      <Form button="Label" send={({ label = "" }) => give(label)}>
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
