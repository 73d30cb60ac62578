/** Dialogs to read: history, exports, the table of groups, keys. */

import { useSignal } from "@preact/signals";
import { type Exported, send } from "../data/api";
import { redo, undo } from "../data/acting";
import { numberAt } from "../data/columns";
import { NO_FILTERS } from "../data/filters";
import { chosen, filters, fixed, groups, membership, scope, snapshot } from "../data/state";
import { closeDialog } from "./open_dialog";
import { GroupMark } from "./GroupMark";
import { Modal } from "./Modal";

export function HistoryDialog() {
  const { history, canUndo, canRedo } = snapshot.value.state;
  const lines = [...history].sort((a, b) => b.number - a.number);
  return (
    <Modal title="History" close={closeDialog} wide>
      <p class="buttons left">
        <button disabled={!canUndo} onClick={() => void undo()}>
          Undo the last act
        </button>
        <button disabled={!canRedo} onClick={() => void redo()}>
          Redo
        </button>
      </p>
      {lines.length === 0 && (
        <p>Nothing was done yet. The run itself is never changed: acts are kept in a file beside it.</p>
      )}
      {lines.length > 0 && (
        <div class="scroll">
          <table class="history">
            <thead>
              <tr>
                <th scope="col">No.</th>
                <th scope="col">What</th>
                <th scope="col">Who</th>
                <th scope="col">When</th>
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.number} class={line.undone ? "undone" : ""}>
                  <td class="number">{line.number}</td>
                  <td>
                    {line.undone ? <s>{line.text}</s> : line.text}
                    {line.undone && <small> undone</small>}
                  </td>
                  <td>{line.who}</td>
                  <td>
                    <time dateTime={line.when}>{showTime(line.when)}</time>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Modal>
  );
}

function showTime(when: string): string {
  const date = new Date(when);
  return Number.isNaN(date.getTime())
    ? when
    : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

const EXPORTS = [
  [
    "labels.csv",
    "Labels",
    "image, label and patient, as octcluster run --labels takes them. Unusable images are left out.",
  ],
  ["names.json", "Names", "the names of the groups by cluster, for reports and for octcluster assign."],
  ["coco.json", "COCO", "images and their groups as COCO JSON, which FiftyOne reads, too."],
  ["unusable.csv", "Unusable", "the images marked as unusable, which the other files leave out."],
] as const;

/** Writes the files beside the result; a download is offered only where names of files may be sent. */
export function ExportsDialog() {
  const told = useSignal("");
  const write = async () => {
    try {
      told.value = (await send<Exported>("exports", {})).text;
    } catch (error) {
      told.value = (error as Error).message;
    }
  };
  return (
    <Modal title="Export" close={closeDialog}>
      <ul class="exports">
        {EXPORTS.filter(([file]) => file !== "unusable.csv" || snapshot.value.state.unusable > 0).map(
          ([file, title, words]) => (
            <li key={file}>
              {fixed.result.identified || file === "names.json" ? (
                <a class="button" href={`api/exports/${file}`} download={file}>
                  {title}
                </a>
              ) : (
                <strong>{title}</strong>
              )}
              <span>
                <code>{file}</code>: {words}
              </span>
            </li>
          ),
        )}
      </ul>
      {!fixed.result.identified && (
        <p class="hint">
          The files name images, so they are not sent to this page: they are written beside the result.
        </p>
      )}
      <p role="status">{told.value}</p>
      <p class="buttons">
        <button class="primary" onClick={() => void write()}>
          Write the files beside the result
        </button>
      </p>
    </Modal>
  );
}

export function GroupsDialog() {
  const silhouette = fixed.columns.byName.has("silhouette");
  const classes = fixed.columns.byName.get("class");
  const sums = groups.value.map(() => ({ sum: 0, known: 0, classes: new Map<number, number>() }));
  membership.value.groups.forEach((place, row) => {
    const own = sums[place];
    if (!own) return;
    const value = silhouette ? numberAt(fixed.columns, "silhouette", row) : NaN;
    if (Number.isFinite(value)) [own.sum, own.known] = [own.sum + value, own.known + 1];
    const code = classes?.numbers[row] ?? -1;
    if (code >= 0) own.classes.set(code, (own.classes.get(code) ?? 0) + 1);
  });
  const show = (group: string, code: number | null) => {
    chosen.value = new Set([group]);
    scope.value = null;
    filters.value = code === null ? NO_FILTERS : { ...NO_FILTERS, codes: { class: [code] } };
    closeDialog();
  };
  const sorted = (counts: Map<number, number>) => [...counts].sort((a, b) => b[1] - a[1]);
  return (
    <Modal title="The groups in numbers" close={closeDialog} wide>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col" class="number">
                Images
              </th>
              <th scope="col" class="number">
                Share
              </th>
              {silhouette && (
                <th scope="col" class="number">
                  Mean silhouette
                </th>
              )}
              {classes && <th scope="col">Classes</th>}
              <th scope="col">Note</th>
            </tr>
          </thead>
          <tbody>
            {groups.value.map((group, place) => (
              <tr key={group.id}>
                <th scope="row">
                  <GroupMark group={group} />{" "}
                  <button class="link" onClick={() => show(group.id, null)}>
                    {group.name}
                  </button>
                </th>
                <td class="number">{group.images.toLocaleString("en")}</td>
                <td class="number">{((100 * group.images) / Math.max(fixed.columns.rows, 1)).toFixed(1)}%</td>
                {silhouette && (
                  <td class="number">
                    {sums[place]!.known ? (sums[place]!.sum / sums[place]!.known).toFixed(2) : ""}
                  </td>
                )}
                {classes && (
                  <td>
                    {sorted(sums[place]!.classes).map(([code, count]) => (
                      <button key={code} class="link" onClick={() => show(group.id, code)}>
                        {classes.values?.[code]} {count.toLocaleString("en")}
                      </button>
                    ))}
                  </td>
                )}
                <td>{group.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Modal>
  );
}

const KEYS = [
  ["Arrows, Page up and down, Home, End", "go through the images"],
  ["Space", "selects an image, or takes it out"],
  ["Shift with arrows or a click", "selects all between"],
  ["Ctrl A, Escape", "selects all that are shown, none"],
  ["Enter, double click", "opens an image"],
  ["M", "moves the selected images; then 1 to 9 for the group"],
  ["L", "labels them; then 1 to 9 for the label"],
  ["U", "marks them as unusable, or as usable again"],
  ["N", "names the chosen group"],
  ["Ctrl Z, Ctrl Shift Z", "undoes, redoes"],
  ["On the map: arrows, + and −, 0", "move, zoom, show all"],
  ["On the map: Shift and drag", "draws a lasso"],
  ["In the large view: ← and →, + and −, 0", "the image before and after, zoom"],
  ["In the large view: ↑ and ↓", "the scan before and after in its volume"],
] as const;

export function HelpDialog() {
  return (
    <Modal title="Help" close={closeDialog} wide>
      <p>
        The run is never changed: what you do is kept in a file beside it, and each act can be undone.{" "}
        {fixed.result.researchUseOnly} Nothing leaves this machine.{" "}
        <a href="licences.txt" target="_blank" rel="noreferrer">
          Licences
        </a>{" "}
        of what this page contains.
      </p>
      <table class="keys">
        <caption>Keys</caption>
        <tbody>
          {KEYS.map(([keys, words]) => (
            <tr key={keys}>
              <th scope="row">{keys}</th>
              <td>{words}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
