/** Loading the result, and every act with its answer. */

import { signal } from "@preact/signals";
import { type Act, Refusal, type Result, type State, read, readBytes, send } from "./api";
import { parseColumns, parseMembership } from "./columns";
import {
  chosen,
  colourBy,
  fixed,
  groups,
  mapKind,
  said,
  select,
  snapshot,
  suggestions,
  toast,
} from "./state";

const WHO = "octcluster-explorer-who";

/** Who is at work, as the person typed it. */
export const who = signal(remembered());
/** An act that waits until the person has said who they are. */
export const waiting = signal<(() => void) | null>(null);

function remembered(): string {
  try {
    return localStorage.getItem(WHO) ?? "";
  } catch {
    return "";
  }
}

export function nameYourself(name: string): void {
  who.value = name.trim();
  try {
    localStorage.setItem(WHO, who.value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

/** Asks for all that the page needs, at once. */
export async function load(): Promise<void> {
  const [result, columns, state] = await Promise.all([
    read<Result>("result"),
    readBytes("columns"),
    read<State>("state"),
  ]);
  fixed.result = result;
  fixed.columns = parseColumns(columns);
  for (const cluster of fixed.columns.byName.get("cluster")?.numbers ?? []) {
    fixed.clusters = Math.max(fixed.clusters, cluster + 1);
  }
  if (result.identified) fixed.names = await read<string[]>("names");
  mapKind.value = fixed.columns.byName.has("umap_x") ? "umap" : "pca";
  await take(state);
  select([]);
}

/** Takes a new state, with the place of each image in it. */
async function take(state: State): Promise<void> {
  const bytes = await readBytes(`membership?version=${state.version}`);
  snapshot.value = {
    state: { ...state, labelValues: state.labelValues ?? [] },
    membership: parseMembership(bytes, fixed.columns.rows),
  };
  const known = new Set(groups.value.map((group) => group.id));
  const still = [...chosen.value].filter((id) => known.has(id));
  if (still.length !== chosen.value.size) chosen.value = new Set(still);
}

async function reload(): Promise<void> {
  await take(await read<State>("state"));
}

export function tell(text: string, kind: "done" | "trouble" = "done", undo = false): void {
  toast.value = { text, kind, undo };
  // The same sentence twice in a row is spoken twice.
  said.value = said.value === text ? `${text} ` : text;
}

export async function complain(error: unknown): Promise<void> {
  const refusal = error instanceof Refusal ? error : new Refusal(0, String(error));
  tell(refusal.message, "trouble");
  if (refusal.status === 409) await reload().catch(() => undefined);
}

async function post(path: string, body: object): Promise<boolean> {
  if (!who.value) {
    waiting.value = () => void post(path, body);
    return false;
  }
  try {
    const version = snapshot.value.state.version;
    const { state } = await send<{ state: State }>(path, { who: who.value, version, ...body });
    await take(state);
    suggestions.value = null;
    if (colourBy.value === "certainty") colourBy.value = "label";
    return true;
  } catch (error) {
    await complain(error);
    return false;
  }
}

/** An act may take away the button that had the focus: the keyboard goes on at the wall. */
function keepFocus(): void {
  if (document.activeElement === document.body) document.querySelector<HTMLElement>(".wall")?.focus();
}

/** Another window may have done something meanwhile. */
export async function catchUp(): Promise<void> {
  try {
    const state = await read<State>("state");
    if (state.version !== snapshot.value.state.version) await take(state);
  } catch {
    // The next act tells that the explorer does not answer.
  }
}

/** Does an act; its sentence is shown with a way back. */
export async function perform(act: Act, sentence: string): Promise<boolean> {
  if (!who.value) {
    return new Promise((done) => {
      waiting.value = () => done(perform(act, sentence));
    });
  }
  const done = await post("acts", { act });
  if (done) tell(sentence, "done", true);
  requestAnimationFrame(keepFocus);
  return done;
}

export async function undo(): Promise<void> {
  const text = snapshot.value.state.undoText;
  if (!snapshot.value.state.canUndo) return tell("There is nothing to undo.");
  if (await post("undo", {})) tell(`Undone: ${text}`);
}

export async function redo(): Promise<void> {
  const text = snapshot.value.state.redoText;
  if (!snapshot.value.state.canRedo) return tell("There is nothing to redo.");
  if (await post("redo", {})) tell(`Done again: ${text}`);
}

export function countImages(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;
}
