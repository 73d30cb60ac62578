/** The line at the top: what this is, the way back and forth, and what is done with the work. */

import { redo, undo, who, waiting } from "../data/acting";
import { fixed, snapshot } from "../data/state";
import { dialog } from "./open_dialog";
import { Icon } from "./Icon";

export function TopBar() {
  const { canUndo, canRedo, undoText, redoText } = snapshot.value.state;
  const { title, researchUseOnly, compare } = fixed.result;
  return (
    <header class="top">
      <h1>{title}</h1>
      <p class="research" title={researchUseOnly}>
        Research use only
      </p>
      <span class="grow" />
      <nav aria-label="Work">
        <button
          class="icon"
          disabled={!canUndo}
          title={canUndo ? `Undo: ${undoText}` : "Nothing to undo"}
          aria-label="Undo"
          onClick={() => void undo()}
        >
          <Icon name="undo" />
        </button>
        <button
          class="icon"
          disabled={!canRedo}
          title={canRedo ? `Redo: ${redoText}` : "Nothing to redo"}
          aria-label="Redo"
          onClick={() => void redo()}
        >
          <Icon name="redo" />
        </button>
        <button onClick={() => (dialog.value = { kind: "history" })}>History</button>
        {compare && <button onClick={() => (dialog.value = { kind: "compare" })}>Compare</button>}
        <button onClick={() => (dialog.value = { kind: "exports" })}>Export</button>
        <button onClick={() => (dialog.value = { kind: "help" })}>Help</button>
        <button
          class="who"
          title="Who is at work: the history keeps this name"
          onClick={() => (waiting.value = () => undefined)}
        >
          {who.value || "Your name"}
        </button>
      </nav>
    </header>
  );
}
