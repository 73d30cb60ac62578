/** What was done or refused, seen and spoken; in the uppermost dialog, since all below it is out of reach. */

import { useEffect } from "preact/hooks";
import { undo, waiting } from "../data/acting";
import { opened, said, toast } from "../data/state";
import { Icon } from "./Icon";
import { dialog } from "./open_dialog";

const TOAST_MILLISECONDS = 8000;

type Layer = "page" | "large" | "modal";

function findUppermost(): Layer {
  if (dialog.value || waiting.value) return "modal";
  return opened.value === null ? "page" : "large";
}

export function Notices({ layer }: { layer: Layer }) {
  if (findUppermost() !== layer) return null;
  return (
    <>
      <Toast />
      <div class="unseen" role="status" aria-live="polite">
        {said.value}
      </div>
    </>
  );
}

function Toast() {
  const shown = toast.value;
  useEffect(() => {
    if (!shown || shown.kind === "trouble") return;
    const timer = setTimeout(() => (toast.value = null), TOAST_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [shown]);
  if (!shown) return null;
  return (
    <div class={`toast ${shown.kind}`}>
      <span>{shown.text}</span>
      {shown.undo && <button onClick={() => void undo()}>Undo</button>}
      <button class="icon" aria-label="Dismiss" onClick={() => (toast.value = null)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
