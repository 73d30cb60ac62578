/** The dialog that is open, and the question who is at work. */

import { nameYourself, waiting, who } from "../data/acting";
import { groups } from "../data/state";
import { ComparisonDialog } from "../compare/ComparisonDialog";
import { MergeDialog, MoveDialog, NameDialog, NoteDialog } from "./group_dialogs";
import { closeDialog, dialog } from "./open_dialog";
import { ExportsDialog, GroupsDialog, HelpDialog, HistoryDialog } from "./reading_dialogs";
import { LabelDialog } from "./LabelDialog";
import { Field, Form, Modal } from "./Modal";
import { SplitDialog } from "./SplitDialog";

export function Dialogs() {
  if (waiting.value) return <WhoDialog />;
  const open = dialog.value;
  const group = open && "group" in open ? groups.value.find(({ id }) => id === open.group) : undefined;
  switch (open?.kind) {
    case "name":
      return group ? <NameDialog group={group} /> : null;
    case "note":
      return group ? <NoteDialog group={group} /> : null;
    case "split":
      return group ? <SplitDialog group={group} /> : null;
    case "merge":
      return <MergeDialog />;
    case "move":
      return <MoveDialog />;
    case "label":
      return <LabelDialog />;
    case "history":
      return <HistoryDialog />;
    case "exports":
      return <ExportsDialog />;
    case "groups":
      return <GroupsDialog />;
    case "help":
      return <HelpDialog />;
    case "compare":
      return <ComparisonDialog close={closeDialog} />;
    default:
      return null;
  }
}

function WhoDialog() {
  const send = ({ who: name }: Record<string, string>) => {
    const goOn = waiting.value;
    nameYourself(name ?? "");
    waiting.value = null;
    goOn?.();
  };
  return (
    <Modal title="Who is at work?" close={() => (waiting.value = null)}>
      <Form button="Go on" send={send}>
        <Field
          label="Your name"
          name="who"
          value={who.value}
          required
          hint="The history keeps it beside each act, and nothing else of you."
        />
      </Form>
    </Modal>
  );
}
