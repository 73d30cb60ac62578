/** Dialogs that change groups: name, note, merge, move. */

import type { Act, Group } from "../data/api";
import { countImages, perform } from "../data/acting";
import { chosen, fixed, groupOf, groups, scope, select, selectedRows, selection } from "../data/state";
import { closeDialog } from "./open_dialog";
import { moveTo } from "./GroupList";
import { GroupMark } from "./GroupMark";
import { Field, Form, Modal } from "./Modal";

export function NameDialog({ group }: { group: Group }) {
  const send = ({ name = "" }: Record<string, string>) => {
    closeDialog();
    void perform({ kind: "name", group: group.id, name }, `${group.name} is now called ${name}.`);
  };
  return (
    <Modal title={`Name ${group.name}`} close={closeDialog}>
      <Form button="Name" send={send}>
        <Field label="Name" name="name" value={group.name} required list="known-names" />
        <KnownNames />
      </Form>
    </Modal>
  );
}

/** Names that may be meant: those of the classes. */
function KnownNames() {
  return (
    <datalist id="known-names">
      {(fixed.result.classes ?? []).map((name) => (
        <option value={name} />
      ))}
    </datalist>
  );
}

export function NoteDialog({ group }: { group: Group }) {
  const send = ({ note = "" }: Record<string, string>) => {
    closeDialog();
    void perform({ kind: "note", group: group.id, note }, `The note of ${group.name} is kept.`);
  };
  return (
    <Modal title={`Note on ${group.name}`} close={closeDialog}>
      <Form button="Keep" send={send}>
        <label class="field">
          Note
          <textarea name="note" rows={5} maxLength={2000} defaultValue={group.note} autoFocus />
        </label>
      </Form>
    </Modal>
  );
}

export function MergeDialog() {
  const send = (values: Record<string, string>) => {
    const merged = groups.value.filter((group) => values[group.id]);
    if (merged.length < 2) return;
    closeDialog();
    const name = values["name"] ? { name: values["name"] } : {};
    chosen.value = new Set([merged[0]!.id]);
    void perform(
      { kind: "merge", groups: merged.map((group) => group.id), ...name },
      `${merged.map((group) => group.name).join(" and ")} are one group now.`,
    );
  };
  return (
    <Modal title="Merge groups" close={closeDialog}>
      <Form button="Merge" send={send}>
        <fieldset class="ticks">
          <legend>Groups to merge (two or more)</legend>
          {groups.value.map((group) => (
            <label key={group.id} class="tick">
              <input type="checkbox" name={group.id} defaultChecked={chosen.value.has(group.id)} />
              <GroupMark group={group} /> {group.name} <small>{countImages(group.images)}</small>
            </label>
          ))}
        </fieldset>
        <Field
          label="Name of the merged group"
          name="name"
          list="known-names"
          hint="Left empty, it keeps the name of the first one."
        />
        <KnownNames />
      </Form>
    </Modal>
  );
}

/** The selected images' only group; undefined if they are of several. */
function onlyGroup(rows: number[]): Group | undefined {
  const first = groupOf(rows[0] ?? -1);
  return rows.every((row) => groupOf(row)?.id === first?.id) ? first : undefined;
}

export function MoveDialog() {
  const rows = selectedRows();
  const own = onlyGroup(rows);
  const go = (group: Group) => {
    closeDialog();
    void moveTo(group);
  };
  const found = async ({ name = "" }: Record<string, string>) => {
    closeDialog();
    const act: Act =
      own && rows.length < own.images
        ? { kind: "split", group: own.id, parts: [rows], names: [name] }
        : { kind: "move", rows, group: "new", name };
    if (await perform(act, `${countImages(rows.length)} are the new group ${name}.`)) {
      select([]);
      scope.value = null;
    }
  };
  // A digit means the same group everywhere: its place in the list of all groups.
  const first = groups.value.find((group) => group.id !== own?.id);
  const key = (event: KeyboardEvent) => {
    const group = /^[1-9]$/.test(event.key) ? groups.value[Number(event.key) - 1] : undefined;
    if (!group || group.id === own?.id || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    go(group);
  };
  return (
    <Modal title={`Move ${countImages(selection.value.count)}`} close={closeDialog}>
      <div class="targets" role="group" aria-label="Into a group" onKeyDown={key}>
        {groups.value.map((group, place) => (
          <button
            key={group.id}
            class="group"
            autoFocus={group === first}
            disabled={group.id === own?.id}
            onClick={() => go(group)}
          >
            <GroupMark group={group} />
            <span class="group-name">{group.name}</span>
            {place < 9 && <kbd>{place + 1}</kbd>}
          </button>
        ))}
      </div>
      <Form button="Make a new group" send={(values) => void found(values)}>
        <label class="field">
          Or into a new group called
          <input name="name" required maxLength={200} autocomplete="off" list="known-names" />
        </label>
        <KnownNames />
      </Form>
    </Modal>
  );
}
