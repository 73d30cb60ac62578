/** Which dialog is open. */

import { signal } from "@preact/signals";

export type Dialog =
  | { kind: "name"; group: string }
  | { kind: "note"; group: string }
  | { kind: "merge" }
  | { kind: "split"; group: string }
  | { kind: "move" }
  | { kind: "label" }
  | { kind: "history" }
  | { kind: "exports" }
  | { kind: "compare" }
  | { kind: "groups" }
  | { kind: "help" };

export const dialog = signal<Dialog | null>(null);

export function closeDialog(): void {
  dialog.value = null;
}
